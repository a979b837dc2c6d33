"""``mailapp why`` and ``mailapp queue`` beside a running server and a moody host."""

from __future__ import annotations

import json
import smtplib
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from tests.interop.client_case import ALICE, ClientCase
from tests.interop.demo import PASSWORD
from tests.interop.neighbours import wait_until
from tests.interop.wire import Wire

_ROOT = Path(__file__).parents[2]
_GONE = 1

LIST = "team@example.test"


class WhyCase(ClientCase):
    """Alice sends to the demo's outside host; somebody asks what became of it."""

    def submit(self, *recipients: str) -> str:
        """Send a message as alice; its Message-ID."""
        name = f"<{self.id()}.{len(recipients)}.{recipients[0]}>"
        context = ssl.create_default_context(cafile=str(self.server.ca))
        port = self.server.port("submissions")
        with smtplib.SMTP_SSL("localhost", port, context=context) as client:
            client.login(ALICE, PASSWORD)
            client.sendmail(
                ALICE,
                recipients,
                f"From: {ALICE}\r\nMessage-ID: {name}\r\nSubject: x\r\n\r\nhello\r\n",
            )
        return name

    def mailapp(self, *words: str, code: int = 0) -> str:
        """Run the command line; what it printed."""
        config = str(self.server.data / "mailapp.toml")
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "mailapp.cli.main", *words, "--config", config],
            capture_output=True,
            text=True,
            cwd=_ROOT,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stdout

    def stories(self, word: str) -> list[dict[str, Any]]:
        """What ``why`` knows."""
        text = self.mailapp("why", word, "--json", code=0)
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def told(self, word: str, last: str) -> list[dict[str, Any]]:
        """The story of that id, or the first, once it has come to a kind of event."""

        def look() -> list[dict[str, Any]]:
            stories = self.stories(word)
            named = [story for story in stories if story["message"] == word]
            events: list[dict[str, Any]] = (named or stories)[0]["events"]
            return events if last in kinds(events) else []

        events: list[dict[str, Any]] = wait_until(look, f"{word}: {last}")
        self.assertEqual(len({event["message"] for event in events}), 1)
        moments = [event["at"] for event in events]
        self.assertEqual(moments, sorted(moments))
        return events

    def queue(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """Run ``mailapp queue … --json``; an object for each line."""
        text = self.mailapp("queue", *words, "--json", code=code)
        if words[0] == "show":
            return [json.loads(text)] if text else []
        return [json.loads(line) for line in text.splitlines()]

    # ---- the promises, for every number of workers

    def check_stories(self) -> None:
        """Each step, in order, under one id, with the words of the other host."""
        self.check_relayed()
        self.check_bounced()
        self.check_mixed()
        self.check_list()
        self.check_refused()

    def check_relayed(self) -> None:
        """Accepted, queued, relayed."""
        events = self.told(self.submit("fine@outside.test"), "relayed")
        self.assertEqual(kinds(events), ["accepted", "queued", "relayed"])
        self.assertEqual(events[0]["facts"]["account"], ALICE)
        self.assertTrue(events[2]["host"].startswith("mx.outside.test [127.0.0.2]"))
        self.assertTrue(events[2]["text"].startswith("250 2.0.0 OK id="))

    def check_bounced(self) -> None:
        """The report is a part of the story, and a story of its own."""
        name = self.submit("bounce@outside.test")
        events = self.told(name, "reported")
        self.assertEqual(kinds(events), ["accepted", "queued", "bounced", "reported"])
        self.assertEqual(events[2]["text"], "550 5.1.1 no such mailbox here")
        report = events[3]["facts"]["report"]
        written, delivered = self.told(report, "delivered")
        self.assertEqual(written["kind"], "written")
        self.assertEqual(written["facts"]["parent"], events[0]["message"])
        self.assertEqual(delivered["recipient"], ALICE)
        stored = [m for m in self.server.stored("alice") if report.encode() in m]
        self.assertEqual(len(stored), 1)
        self.assertIn(b"550 5.1.1 no such mailbox here", stored[0])
        both = [story["message"] for story in self.stories(name)]
        self.assertEqual(both, [events[0]["message"], report])

    def check_mixed(self) -> None:
        """Of several recipients each has its own lines."""
        names = [f"{n}@outside.test" for n in ("fine+m", "bounce+m", "defer+m")]
        name = self.submit("bob@example.test", *names)
        events = self.told(name, "reported")
        ends = {e["recipient"]: e["kind"] for e in events if e["kind"] != "queued"}
        del ends[""], ends[", ".join(["bob@example.test", *names])]
        self.assertEqual(
            ends,
            {
                "bob@example.test": "delivered",
                names[0]: "relayed",
                names[1]: "bounced",
                names[2]: "deferred",
            },
        )
        self.mailapp("queue", "drop", events[0]["message"])
        self.assertEqual(self.told(name, "dropped")[-1]["kind"], "dropped")

    def check_list(self) -> None:
        """What the queue brings to a mailbox here is told once."""
        members = (ALICE, "fine+l@outside.test")
        self.mailapp("alias", "add", LIST, *members, "--list", "--owner", ALICE)
        expanded = self.told(self.submit(LIST), "expanded")[1]
        events = self.told(expanded["facts"]["entry"], "relayed")
        ends = sorted(event["recipient"] for event in events)
        self.assertEqual(ends, sorted(members))

    def check_refused(self) -> None:
        """What was never accepted is known as well."""
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.submit("nobody@example.test")
        (event,) = self.told("nobody@example.test", "refused")
        self.assertEqual(event["text"], "550 5.1.1 no such mailbox here")
        self.mailapp("why", "never-heard-of@example.test", code=_GONE)

    def check_retried(self) -> None:
        """Deferred, then relayed when it is asked for."""
        name = self.submit("greylist@outside.test")
        events = self.told(name, "deferred")
        self.assertEqual(events[2]["text"][:9], "451 4.7.1")
        self.assertGreater(events[2]["facts"]["next"], events[2]["at"] + 30)
        entry_id = events[0]["message"]
        (shown,) = self.queue("show", entry_id)
        self.assertEqual((shown["attempts"], shown["held"]), (1, False))
        retried = self.queue("retry", entry_id)
        self.assertEqual(retried, [{"id": entry_id, "done": "retry"}])
        steps = ["accepted", "queued", "deferred", "relayed"]
        self.assertEqual(kinds(self.told(name, "relayed")), steps)
        wait_until(lambda: not self.queue("list"), "an empty queue")
        self.queue("show", entry_id, code=_GONE)

    def check_held(self) -> None:
        """Held, released, dropped: at once, and told."""
        name = self.submit("defer@outside.test")
        entry_id = self.told(name, "deferred")[0]["message"]
        for command, held in (("hold", True), ("release", False)):
            done = self.queue(command, entry_id)
            self.assertEqual(done, [{"id": entry_id, "done": command}])
            (listed,) = self.queue("list", "--domain", "outside.test")
            self.assertEqual(
                (listed["envelope"]["id"], listed["held"]), (entry_id, held)
            )
        self.queue("drop", entry_id)
        self.assertEqual(self.queue("list"), [])
        found = kinds(self.told(name, "dropped"))
        self.assertEqual(found[:3], ["accepted", "queued", "deferred"])
        self.assertEqual([k for k in found[3:] if k != "deferred"][:1], ["held"])
        self.assertEqual(found[-1], "dropped")
        self.queue("hold", entry_id, code=_GONE)

    def check_asked(self) -> None:
        """ETRN has the queue send at once."""
        name = self.submit("greylist+etrn@outside.test")
        self.told(name, "deferred")
        with Wire(self.server.port("smtp")) as wire:
            wire.reply()
            reply = wire.ask(b"EHLO client.example.test", b"ETRN outside.test")
            self.assertIn(reply[:3], (b"250", b"252", b"253"))
        self.told(name, "relayed")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """Of events."""
    return [event["kind"] for event in events]


class _Stories:
    """What is tried however many processes there are."""

    def test_why(self: WhyCase) -> None:  # type: ignore[misc]  # it is mixed into one
        """Relayed, bounced, refused, and several at once; one story."""
        self.check_stories()

    def test_queue(self: WhyCase) -> None:  # type: ignore[misc]  # likewise
        """Show, retry, hold, release, drop, list: the commands reach the postman."""
        self.check_retried()
        self.check_held()

    def test_etrn(self: WhyCase) -> None:  # type: ignore[misc]  # likewise
        """From a socket."""
        self.check_asked()


class OneProcessTests(_Stories, WhyCase):
    """Sessions and postman in one process."""

    arguments: ClassVar = ("--workers", "0")


class WorkersTests(_Stories, WhyCase):
    """Two workers and a postman."""

    arguments: ClassVar = ("--workers", "2")
