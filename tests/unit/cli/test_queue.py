"""The command ``mailapp queue``, where no server runs."""

from __future__ import annotations

import argparse
import io
import json

from mailapp.cli import queue
from mailapp.cli.prompt import Terminal
from mailapp.cli.queue_texts import size, span, words
from mailapp.queue.types import Attempt, Outcome
from tests.rows import rows, tabled
from tests.unit.queue.postman import PostCase, envelope


@tabled
class QueueTests(PostCase):
    """A queue with two messages."""

    def setUp(self) -> None:
        """Put them in."""
        super().setUp()
        self.always(Outcome.DEFERRED)
        self.post.put(envelope("m1", "x@far.test"))
        self.post.put(envelope("m2", "y@far.test", "z@other.test", sender=None))
        self.post.end()

    def mailapp(self, *words: str) -> int:
        """Run the command; its exit code."""
        parser = argparse.ArgumentParser(prog="mailapp")
        queue.add_parser(parser.add_subparsers())
        arguments = parser.parse_args(["queue", *words])
        out, err = io.StringIO(), io.StringIO()
        code = queue.execute(
            arguments,
            self.folder / "queue",
            Terminal(io.StringIO(), out, err),
            lambda: self.clock.seconds() + 60,
        )
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def test_list(self) -> None:
        """A table with sizes, times, and the last words; no colours in a file."""
        self.assertEqual(self.mailapp("list"), 0)
        self.assertNotIn("\x1b", self.out)
        self.assertIn("2 messages, 44 octets", self.out)
        self.assertIn("y@far.test and 1 more", self.out)
        self.assertIn("at mx.test: 4.2.0 as told", self.out)
        self.assertIn("in 6min 30s", self.out)

    def test_json(self) -> None:
        """An object a line, with all that is known."""
        self.assertEqual(self.mailapp("list", "--json", "--domain", "other.test"), 0)
        (line,) = self.out.strip().split("\n")
        shown = json.loads(line)
        self.assertEqual(shown["envelope"]["id"], "m2")
        self.assertEqual(("m2", ""), (shown["id"], shown["sender"]))
        self.assertEqual(["y@far.test", "z@other.test"], shown["waiting"])
        self.assertEqual(self.mailapp("show", "--json", "m1", "m2"), 0)
        shown = [json.loads(line) for line in self.out.splitlines()]
        self.assertEqual(["m1", "m2"], [entry["id"] for entry in shown])
        self.assertEqual(self.mailapp("hold", "--json", "m1", "m2"), 0)
        done = [json.loads(line) for line in self.out.splitlines()]
        self.assertEqual(done, [{"id": m, "done": "hold"} for m in ("m1", "m2")])
        # what is held is not tried
        self.assertEqual(self.mailapp("retry", "--json", "--domain", "far.test"), 0)
        self.assertEqual(
            json.loads(self.out), {"domain": "far.test", "done": "retry", "count": 0}
        )

    def test_show(self) -> None:
        """All recipients, each with its last words."""
        self.assertEqual(self.mailapp("show", "m2"), 0)
        self.assertIn("from      <>", self.out)
        self.assertIn("z@other.test: deferred", self.out)

    @rows(
        reply=("451 4.4.1 later", "mx.test", "by mx.test: 451 4.4.1 later"),
        bare=("451 later", "mx.test", "by mx.test: 4.4.1 451 later"),
        ours=("no answer", "mx.test", "at mx.test: 4.4.1 no answer"),
        here=("no such domain", "", "4.4.1 no such domain"),
    )
    def test_words(self, text: str, host: str, expected: str) -> None:
        """Words of another server are its own; ours are about it."""
        attempt = Attempt(Outcome.DEFERRED, 0.0, "4.4.1", text, host)
        self.assertEqual(words(attempt), expected)

    def test_commands(self) -> None:
        """Hold, release, retry and drop, one after the other."""
        self.assertEqual(self.mailapp("hold", "m1", "m2"), 0)
        self.mailapp("list")
        self.assertEqual(self.out.count("held"), 2)
        self.assertEqual(self.mailapp("release", "m1"), 0)
        self.assertEqual(self.mailapp("retry", "--domain", "far.test"), 0)
        self.assertIn("1 for far.test goes now", self.out)
        self.assertEqual(self.mailapp("drop", "m2"), 0)
        self.assertEqual(self.out, "m2: dropped\n")
        self.assertEqual(self.mailapp("drop", "m1"), 0)
        self.assertEqual(self.mailapp("list"), 0)
        self.assertEqual(self.out, "nothing waits\n")

    def test_all(self) -> None:
        """All of them at once; domains are written as people write them."""
        self.assertEqual(self.mailapp("hold", "--all"), 0)
        self.assertEqual(sorted(self.out.split("\n")), ["", "m1: held", "m2: held"])
        self.assertEqual(self.mailapp("release", "--all"), 0)
        self.assertEqual(self.mailapp("retry", "--domain", "Far.TEST"), 0)
        self.assertEqual(self.out, "2 for far.test go now\n")
        self.assertEqual(self.mailapp("drop", "--all"), 0)
        self.assertEqual(self.mailapp("drop", "--all"), 0)
        self.assertEqual(self.out, "")

    def test_one_is_gone(self) -> None:
        """The others get what was asked for, and the exit code tells."""
        self.assertEqual(self.mailapp("drop", "m9", "m2", "m1"), 1)
        self.assertEqual(self.out, "m2: dropped\nm1: dropped\n")
        self.assertEqual(
            self.err, "mailapp: m9: there is no such message in the queue\n"
        )

    def test_none_named(self) -> None:
        """A command for nothing is wrong."""
        for command in ("retry", "hold", "release", "drop"):
            self.assertEqual(self.mailapp(command), 64)
            self.assertIn("--all", self.err)

    @rows(
        show=("show", "m9"),
        hold=("hold", "m9"),
        path=("drop", "../lock"),
    )
    def test_refused(self, *words: str) -> None:
        """What can't be done is said in one line, with exit code 1."""
        self.assertEqual(self.mailapp(*words), 1)
        self.assertRegex(self.err, r"\Amailapp: .+\n\Z")

    def test_locked(self) -> None:
        """While a server starts, it is a matter of another try (75)."""
        self.post = self.new_post()
        self.post.start()
        self.assertEqual(self.mailapp("list"), 75)
        self.assertIn("in use", self.err)

    @rows(
        small=(0, "0B"),
        kilo=(2048, "2K"),
        mega=(5 << 20, "5M"),
        tera=(1 << 40, "1024G"),
    )
    def test_size(self, octets: int, wanted: str) -> None:
        """Sizes are short."""
        self.assertEqual(size(octets), wanted)

    @rows(
        none=(0, "0s"),
        past=(-5, "0s"),
        seconds=(59, "59s"),
        minutes=(90, "1min 30s"),
        hour=(3600, "1h"),
        gap=(3605, "1h"),
        days=(90_000, "1d 1h"),
    )
    def test_span(self, seconds: float, wanted: str) -> None:
        """Two parts are enough."""
        self.assertEqual(span(seconds), wanted)
