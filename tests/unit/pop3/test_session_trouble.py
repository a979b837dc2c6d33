"""POP3 sessions when something is wrong: bugs, floods, accounts that are closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailapp.pop3 import replies
from mailapp.pop3.connection import Limits
from mailapp.pop3.session import VALID_SECONDS
from mailapp.storage.types import BlobRef
from tests.threats import threat
from tests.unit.pop.support import ask, now
from tests.unit.pop3.support import Server


class ClosedAccountTests(SynchronousTestCase):
    """Accounts that were disabled while a session is open."""

    def test_account_closed(self) -> None:
        """A session of an account that was disabled ends, and removes nothing."""
        server = Server(b"a\r\n")
        wire = server.login()
        ask(wire, b"DELE 1")
        server.user.valid = False
        self.assertEqual(replies.ACCOUNT_GONE.octets, ask(wire, b"QUIT"))
        self.assertTrue(wire.closed)
        self.assertEqual([b"a\r\n"], server.bodies())

    @threat(48)
    def test_account_closed_while_busy(self) -> None:
        """A client that never rests is sent away within a second or so."""
        server = Server(b"a\r\n")
        wire = server.login()
        ask(wire, b"NOOP")
        server.user.valid = False
        server.clock.advance(VALID_SECONDS)
        self.assertEqual(replies.ACCOUNT_GONE.octets, ask(wire, b"NOOP"))
        self.assertTrue(wire.closed)

    @threat(48)
    def test_account_closed_while_silent(self) -> None:
        """A client that says nothing is sent away, too, and told why."""
        server = Server(b"a\r\n")
        wire = server.login()
        session: Any = wire.session
        self.assertTrue(now(session.still_welcome()))
        server.user.valid = False
        self.assertFalse(now(session.still_welcome()))
        wire.dismiss()
        self.assertEqual(b"-ERR [SYS/PERM] the account was closed\r\n", wire.take())


class TroubleTests(SynchronousTestCase):
    """Bugs and floods."""

    def test_bug(self) -> None:
        """A bug costs one command, is logged once, and the session lives on."""
        server = Server(b"a\r\n")

        def bug(_blob: BlobRef) -> AsyncIterator[bytes]:
            msg = "a bug"
            raise ValueError(msg)

        wire = server.login()
        read, server.account.read = server.account.read, bug  # type: ignore[method-assign,assignment]
        at_hand, server.account.at_hand = server.account.at_hand, bug  # type: ignore[method-assign,assignment]
        self.assertEqual(replies.BUG.octets, ask(wire, b"RETR 1"))
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
        server.account.read = read  # type: ignore[method-assign]
        server.account.at_hand = at_hand  # type: ignore[method-assign]
        self.assertIn(b"\r\na\r\n.\r\n", ask(wire, b"RETR 1"))

    def test_flood(self) -> None:
        """100,000 commands at once are answered one by one, in order."""
        server = Server(b"a\r\n")
        wire = server.login()
        wire.feed(b"NOOP\r\n" * 50_000 + b"STAT\r\n" * 50_000)
        sent = wire.take()
        stat = b"+OK 1 3\r\n"
        self.assertEqual(replies.NOOP.octets * 50_000 + stat * 50_000, sent)

    def test_limits(self) -> None:
        """The limits that were composed are those of the connection."""
        server = Server(limits=Limits(bad_commands=1))
        wire = server.connect()
        self.assertEqual(replies.TOO_MANY_ERRORS.octets, ask(wire, b"XYZZY"))
        self.assertTrue(wire.closed)

    def test_log(self) -> None:
        """A session leaves a line at its login and one at its end, with counts."""
        events: list[LogEvent] = []
        keep = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(keep)
        self.addCleanup(globalLogPublisher.removeObserver, keep)
        server = Server(b"a\r\n", b"b\r\n")
        ask(server.login(), b"RETR 1\r\nTOP 2 1\r\nDELE 1\r\nQUIT")
        names = [event.get("event") for event in events]
        self.assertEqual(["pop3.login.succeeded", "pop3.session.ended"], names)
        ended = events[1]
        counts: Sequence[int] = [
            ended[key] for key in ("retrieved", "topped", "removed", "size_octets")
        ]
        self.assertEqual([1, 1, 1, 3], counts)
        self.assertNotIn("p w", repr(events))
