"""Tests of ``mailapp why``."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.cli import why
from mailapp.events.journal import Journal
from mailapp.events.record import Event, Kind


class WhyTests(SynchronousTestCase):
    """What happened to a message, in a person's words."""

    def setUp(self) -> None:
        """A journal with two messages."""
        self.folder = Path(self.mktemp())
        clock = Clock()
        journal = Journal(self.folder, "w0", clock, clock.seconds)
        sender = {"sender": "alice@example.test"}
        for event in (
            Event(Kind.ACCEPTED, "aaaa", 10.0, "bob@example.net", facts=sender),
            Event(
                Kind.DEFERRED,
                "aaaa",
                20.0,
                "bob@example.net",
                "4.2.0",
                "450 4.2.0 come \x1b[31mlater",
                "mx.example.net [192.0.2.1]",
                {"next": 320.0},
            ),
            Event(
                Kind.REFUSED, "bbbb", 30.0, "x@example.test", "5.1.1", "550", "", sender
            ),
        ):
            journal.tell(event)
        journal.stop()

    def why(self, *words: str) -> tuple[int, str, str]:
        """Run it: exit code, output, complaints."""
        parser = argparse.ArgumentParser()
        why.add_parser(parser.add_subparsers())
        out, errors = io.StringIO(), io.StringIO()
        arguments = parser.parse_args(["why", *words])
        code = why.execute(arguments, self.folder, out, errors)
        return code, out.getvalue(), errors.getvalue()

    def test_told(self) -> None:
        """Each step is a line, with the words of the other server, made harmless."""
        code, out, errors = self.why("aaaa")
        self.assertEqual((code, errors), (0, ""))
        head, accepted, deferred = out.splitlines()
        self.assertEqual(head, "message aaaa")
        self.assertIn("accepted   bob@example.net from alice@example.test", accepted)
        said = "by mx.example.net [192.0.2.1]: 450 4.2.0 come ?[31mlater"
        self.assertIn(said, deferred)
        self.assertIn("(next ", deferred)

    def test_who_said_it(self) -> None:
        """Words of another server are its own; ours are about it."""
        host = "mx.far.test [192.0.2.9]"
        for text, expected in (
            ("450 4.2.0 later", f"by {host}: 450 4.2.0 later"),
            ("no connection", f"at {host}: 4.2.0 no connection"),
        ):
            event = Event(Kind.DEFERRED, "a", 1.0, "b@far.test", "4.2.0", text, host)
            self.assertEqual(why.sentence(event), f"b@far.test {expected}")

    def test_last(self) -> None:
        """The newest are told, and how many are not."""
        code, out, _ = self.why("alice@example.test", "--last", "1")
        self.assertEqual(code, 0)
        self.assertIn("(1 older messages are left out, see --last)", out)
        self.assertIn("message bbbb", out)
        self.assertNotIn("aaaa", out)

    def test_json(self) -> None:
        """The same for programs."""
        code, out, _ = self.why("--json", "alice@example.test")
        self.assertEqual(code, 0)
        kinds = [e["kind"] for story in json.loads(out) for e in story["events"]]
        self.assertEqual(kinds, ["accepted", "deferred", "refused"])

    def test_nothing(self) -> None:
        """What is not known is said, and the exit code is 1."""
        code, out, errors = self.why("nobody@example.test")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("nothing is known of nobody@example.test", errors)
        self.assertEqual(self.why("--json", "nobody@example.test")[:2], (1, "[]\n"))
