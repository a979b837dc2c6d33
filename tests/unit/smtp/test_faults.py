"""Tests of what a client sees when our own parts fail."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import (
    MAILBOX_FULL,
    MAILBOX_UNKNOWN,
    SYSTEM_FULL,
    SYSTEM_TROUBLE,
    Status,
)
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Delivered, Failed
from mailapp.policy.interfaces import IPolicy
from mailapp.smtp.protocol import over_limit
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import (
    PROFILE,
    Ledger,
    LedgerBody,
    Rules,
    begin,
    codes,
    dial,
    say,
)

_SPAM = Status(7, 1, "not today")
_HELLO = (b"EHLO bar.com", b"MAIL FROM:<Smith@bar.com>")


class DoubleTests(SynchronousTestCase):
    """The doubles keep the promises of the interfaces."""

    def test_interfaces(self) -> None:
        """They provide what they stand for."""
        ledger = Ledger()
        wire = dial(ledger)
        begin(wire)
        verifyObject(IDelivery, ledger)
        verifyObject(IPolicy, Rules())
        verifyObject(IBody, LedgerBody(ledger, ledger.open_bodies[0].envelope, ()))


@tabled
class FaultTests(SynchronousTestCase):
    """When our own parts fail."""

    @rows(
        space=(TemporaryFailure(SYSTEM_FULL), b"452 4.3.1"),
        trouble=(TemporaryFailure(SYSTEM_TROUBLE), b"451 4.3.0"),
        bug=(ZeroDivisionError("bug"), b"451 4.3.0"),
    )
    @threat(113)
    def test_write(self, failure: Exception, reply: bytes) -> None:
        """A failed write is told at the end of data; nothing stays."""
        ledger = Ledger(write_failure=failure)
        wire = dial(ledger)
        begin(wire)
        wire.feed(b"x\r\ny\r\n")
        self.assertEqual(wire.take(), b"")
        self.assertEqual(ledger.open_bodies, [])
        wire.feed(b"z\r\n.\r\n")
        self.assertEqual(wire.take()[:9], reply)
        self.assertEqual(ledger.stored, [])
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(codes(say(wire, b"NOOP")), [250])

    @rows(
        space=(TemporaryFailure(SYSTEM_FULL), b"452 4.3.1"),
        gone=(PermanentFailure(MAILBOX_UNKNOWN), b"550 5.1.1"),
        bug=(ZeroDivisionError("bug"), b"451 4.3.0"),
    )
    @threat(10, 23)
    def test_commit(self, failure: Exception, reply: bytes) -> None:
        """A failed commit is no 250, and the next transaction starts from nothing."""
        ledger = Ledger(commit_failure=failure)
        wire = dial(ledger)
        begin(wire)
        self.assertEqual(say(wire, b"x\r\n.")[:9], reply)
        self.assertEqual(ledger.open_bodies, [])
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(codes(say(wire, b"RCPT TO:<Jones@foo.com>")), [503])
        ledger.commit_failure = None
        begin(wire)
        self.assertEqual(codes(say(wire, b"x\r\n.")), [250])

    @threat(23)
    def test_reply_waits_for_commit(self) -> None:
        """250 is sent when the commit has returned, and not before."""
        ledger = Ledger(commit_waits=Deferred())
        wire = dial(ledger)
        begin(wire)
        self.assertEqual(say(wire, b"x\r\n.\r\nNOOP"), b"")
        self.assertEqual(ledger.stored, [])
        assert ledger.commit_waits is not None
        ledger.commit_waits.callback(None)
        self.assertEqual(codes(wire.take()), [250, 250])
        self.assertEqual(len(ledger.stored), 1)

    @rows(
        mailbox_full=(TemporaryFailure(MAILBOX_FULL), b"452 4.2.2"),
        directory=(TemporaryFailure(SYSTEM_TROUBLE), b"451 4.3.0"),
        bug=(ZeroDivisionError("bug"), b"451 4.3.0"),
    )
    def test_route(self, failure: Exception, reply: bytes) -> None:
        """One recipient fails, the others are still served."""
        ledger = Ledger()
        wire = dial(ledger)
        say(wire, *_HELLO, b"RCPT TO:<Jones@foo.com>")
        ledger.route_failure = failure
        self.assertEqual(say(wire, b"RCPT TO:<Brown@foo.com>")[:9], reply)
        self.flushLoggedErrors(ZeroDivisionError)
        say(wire, b"DATA", b"x\r\n.")
        self.assertEqual(ledger.stored[0].recipients, ["Jones@foo.com"])

    @rows(
        all=(Delivered(), b"250 2.0.0"),
        some_later=(Failed(MAILBOX_FULL, permanent=False), b"452 4.2.2"),
        some_never=(Failed(MAILBOX_FULL, permanent=True), b"552 5.2.2"),
    )
    def test_fold(self, brown: Delivered | Failed, reply: bytes) -> None:
        """One recipient without the message is no 250: a duplicate beats a loss."""
        ledger = Ledger(outcomes={"Brown": brown})
        wire = dial(ledger)
        rcpts = (b"RCPT TO:<Jones@foo.com>", b"RCPT TO:<Brown@foo.com>")
        answer = say(wire, *_HELLO, *rcpts, b"DATA", b"x\r\n.")
        self.assertEqual(answer[:9], reply)

    def test_policy_bug(self) -> None:
        """A bug is answered 451 4.3.0 and logged once; the session lives on."""
        wire = dial(policy=Rules(bug=ZeroDivisionError("bug")))
        reply = say(wire, *_HELLO, b"RCPT TO:<Jones@foo.com>")
        self.assertEqual(reply[:9], b"451 4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(codes(say(wire, b"NOOP")), [250])

    def test_over_limit(self) -> None:
        """Above the connection limits one line is said."""
        self.assertEqual(
            over_limit(PROFILE),
            b"421 4.7.0 mx.foo.com too many connections, try again later\r\n",
        )
