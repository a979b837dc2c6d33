"""LMTP: as many replies as recipients, whatever happens."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import MAILBOX_FULL, SYSTEM_TROUBLE, Status
from mailapp.delivery.types import Failed
from mailapp.policy.verdict import ACCEPT, Reject
from mailapp.smtp.lmtp import LMTP
from mailapp.smtp.profile import SessionLimits
from tests.play import Wire, octetwise, whole
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import (
    CLIENT,
    PROFILE,
    TLS_ON,
    Ledger,
    Rules,
    codes,
    dial,
    say,
)

LOCAL = evolve(PROFILE, dialect=LMTP)
_NO = Status(7, 1, "no")


def opened(ledger: Ledger, **options: Any) -> Wire:
    """Two recipients, one of them twice."""
    wire = dial(ledger, profile=LOCAL, **options)
    say(wire, b"LHLO a", b"MAIL FROM:<a@b>", b"RCPT TO:<Jones@foo.com>")
    say(wire, b"RCPT TO:<Brown@foo.com>", b"RCPT TO:<Jones@foo.com>")
    wire.take()
    return wire


@tabled
class LmtpTests(SynchronousTestCase):
    """What a mail server in front sees."""

    def test_replies(self) -> None:
        """Nobody's failure is another's; the id is the same."""
        ledger = Ledger(outcomes={"Brown": Failed(MAILBOX_FULL, permanent=False)})
        wire = opened(ledger)
        self.assertEqual(
            say(wire, b"DATA", b"x", b"."),
            b"250 2.0.0 OK id=t0\r\n452 4.2.2 mailbox full\r\n250 2.0.0 OK id=t0\r\n",
        )
        (stored,) = ledger.stored
        self.assertEqual(stored.recipients, ["Jones@foo.com", "Brown@foo.com"])

    @rows(
        policy=("policy", 550),
        commit=("commit", 451),
        write=("write", 451),
        bug=("bug", 451),
        content=("content", 550),
        refused=("refused", 550),
    )
    @threat(10)
    def test_all_refused(self, fault: str, code: int) -> None:
        """One reply for each RCPT, also if it is the same; then all is as before."""
        for line in (b"DATA", b"BDAT"):
            ledger, rules = Ledger(), Rules()
            wire = opened(ledger, policy=rules)
            content = b"\0" if fault == "content" else b"x"
            if fault == "policy":
                rules.at_body = Reject(_NO)
            elif fault == "commit":
                ledger.commit_failure = TemporaryFailure(SYSTEM_TROUBLE)
            elif fault == "refused":
                ledger.commit_failure = PermanentFailure(_NO)
            elif fault == "write":
                ledger.write_failure = TemporaryFailure(SYSTEM_TROUBLE)
            elif fault == "bug":
                ledger.commit_failure = RuntimeError("a bug")
            if line == b"DATA":
                reply = say(wire, b"DATA", content, b".")
            else:
                wire.feed(b"BDAT 1 LAST\r\n" + content)
                reply = wire.take()
            self.assertEqual(codes(reply), [code] * 3)
            self.assertEqual(ledger.open_bodies, [])
            self.assertEqual(codes(say(wire, b"DATA")), [503])
            self.flushLoggedErrors(RuntimeError)

    def test_help(self) -> None:
        """LHLO is among the commands, EHLO and HELO are not."""
        listed = say(dial(profile=LOCAL), b"HELP").split()
        self.assertIn(b"LHLO", listed)
        self.assertFalse({b"EHLO", b"HELO"} & set(listed))
        self.assertIn(b"LHLO your", say(dial(profile=LOCAL), b"HELP LHLO"))

    def test_other_protocol(self) -> None:
        """SMTP clients are told where they are, and LMTP clients at SMTP too."""
        wire = dial(profile=LOCAL)
        self.assertEqual(say(wire, b"EHLO a"), b"500 5.5.1 this is LMTP; send LHLO\r\n")
        self.assertEqual(codes(say(dial(), b"LHLO a")), [502])

    @rows(
        clear=(None, b"", "LMTP"),
        tls=(TLS_ON, b"", "LMTPS"),
        utf8=(None, b" SMTPUTF8", "UTF8LMTP"),
        both=(TLS_ON, b" SMTPUTF8", "UTF8LMTPS"),
    )
    def test_with_word(self, tls: Any, parameter: bytes, word: str) -> None:
        """The trace says how it came (RFC 3848; RFC 6531, section 4.3)."""
        ledger = Ledger()
        wire = dial(ledger, profile=LOCAL, peer=evolve(CLIENT, tls=tls))
        say(wire, b"LHLO a", b"MAIL FROM:<a@b>" + parameter)
        say(wire, b"RCPT TO:<Jones@foo.com>", b"DATA", b".")
        self.assertEqual(ledger.stored[0].envelope.protocol, word)

    @threat(15)
    def test_too_many(self) -> None:
        """The same recipient over and over is counted, since each has a reply."""
        limits = SessionLimits(recipients=100)
        wire = dial(profile=evolve(LOCAL, limits=limits))
        say(wire, b"LHLO a", b"MAIL FROM:<a@b>")
        for _ in range(100):
            self.assertEqual(codes(say(wire, b"RCPT TO:<Jones@foo.com>")), [250])
        self.assertEqual(codes(say(wire, b"RCPT TO:<Jones@foo.com>")), [452])
        self.assertEqual(codes(say(wire, b"DATA", b".")), [250] * 100)

    @threat(18)
    def test_no_relay(self) -> None:
        """A mailbox elsewhere is refused, whoever asks."""
        for trusted in (False, True):
            wire = dial(profile=LOCAL, peer=evolve(CLIENT, trusted=trusted))
            say(wire, b"LHLO a", b"MAIL FROM:<a@b>")
            self.assertEqual(codes(say(wire, b"RCPT TO:<x@elsewhere.org>")), [550])

    @threat(7)
    def test_starttls(self) -> None:
        """What comes along with STARTTLS ends the connection, as in SMTP."""
        wire = dial(profile=evolve(LOCAL, tls_available=True))
        self.assertIn(b"STARTTLS", say(wire, b"LHLO a"))
        wire.feed(b"STARTTLS\r\nLHLO b\r\n")
        self.assertEqual(codes(wire.take()), [503])
        self.assertTrue(wire.closed)


class Deliveries(RuleBasedStateMachine):
    """The model: which replies are due."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.policy = Rules()
        limits = evolve(LOCAL.limits, errors=100_000)
        profile = evolve(LOCAL, limits=limits)
        self.wire = dial(self.ledger, profile=profile, policy=self.policy)
        say(self.wire, b"LHLO a")
        self.sender = False
        self.due: list[str] = []
        self.chunks = False

    def _forget(self) -> None:
        self.sender, self.due, self.chunks = False, [], False

    @rule()
    def mail(self) -> None:
        """MAIL opens a transaction, once."""
        expected = 503 if self.sender else 250
        assert codes(say(self.wire, b"MAIL FROM:<a@b>")) == [expected]
        self.sender = True

    @rule(user=st.sampled_from(["Jones", "Brown", "Green"]))
    def rcpt(self, user: str) -> None:
        """Each RCPT that is accepted has a reply later."""
        reply = codes(say(self.wire, b"RCPT TO:<%b@foo.com>" % user.encode()))
        if not self.sender or self.chunks:
            assert reply == [503]
        elif user == "Green":
            assert reply == [550]
        else:
            assert reply == [250]
            self.due.append(user)

    @rule(
        full=st.sampled_from([None, "Jones", "Brown"]),
        fault=st.sampled_from(["", "", "", "write", "commit", "policy", "content"]),
        way=st.sampled_from(["data", "last", "chunk"]),
        cut=st.sampled_from([whole, octetwise]),
    )
    def content(self, full: str | None, fault: str, way: str, cut: Any) -> None:
        """By DATA or BDAT: one reply for each, or one for all that is no end."""
        ledger, wire = self.ledger, self.wire
        failure = TemporaryFailure(SYSTEM_TROUBLE)
        ledger.write_failure = failure if fault == "write" else None
        ledger.commit_failure = failure if fault == "commit" else None
        ledger.outcomes = {full: Failed(MAILBOX_FULL, permanent=False)} if full else {}
        self.policy.at_body = Reject(_NO) if fault == "policy" else ACCEPT
        octets = b"\0\r\n" if fault == "content" else b"x\r\n"
        wire.take()
        if way == "data":
            reply = codes(say(wire, b"DATA"))
            if self.chunks or not self.due:
                assert reply == [503]
                return
            assert reply == [354]
            wire.feed(octets + b".\r\n", cut)
        else:
            last = b" LAST" if way == "last" else b""
            wire.feed(b"BDAT %d%b\r\n" % (len(octets), last) + octets, cut)
        reply = codes(wire.take())
        if not self.sender:
            assert reply == [503]
            return
        now = {"write": 451, "content": 550}.get(fault)
        if way == "chunk":
            expected = now or 250
            if not self.due:
                expected = 550 if fault == "content" else 503
            assert reply == [expected], (reply, expected)
            if expected == 250:
                self.chunks = True
            else:
                self._forget()
            return
        whole_fault = now or {"commit": 451, "policy": 550}.get(fault)
        assert reply == [whole_fault or (452 if u == full else 250) for u in self.due]
        self._forget()

    @precondition(lambda self: self.sender)
    @rule()
    def reset(self) -> None:
        """RSET forgets."""
        assert codes(say(self.wire, b"RSET")) == [250]
        self._forget()

    @invariant()
    def in_step(self) -> None:
        """No reply is missing and none is left."""
        assert codes(say(self.wire, b"NOOP")) == [250]
        assert len(self.ledger.open_bodies) == self.chunks


_Machine = Deliveries.TestCase
_Machine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@threat(10)
class MachineTests(_Machine):  # type: ignore[valid-type, misc]  # made by hypothesis
    """Random orders of commands never get out of step."""
