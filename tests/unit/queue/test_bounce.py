"""mailapp.queue.bounce."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, product
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.address import Address
from mailapp.core.envelope import Notify, Recipient, Return
from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import MAILBOX_FULL, MAILBOX_UNKNOWN, SYSTEM_FULL
from mailapp.directory.types import Unknown
from mailapp.events.record import Kind
from mailapp.message.dsn import Returned
from mailapp.message.dsn_words import Action
from mailapp.policy.allowance import Allowance, Rate, Rates
from mailapp.queue.bounce import Reporter, due, returned
from mailapp.queue.content import Octets
from mailapp.queue.interfaces import IContent, IReporter
from mailapp.queue.types import Attempt, Entry, Outcome, Reported
from mailapp.storage.types import NoSpace
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import ALICE, BOB, run
from tests.unit.message.reports import read_report
from tests.unit.queue.doubles import CAROL, DAVE, queued_envelope
from tests.unit.queue.intake_case import ALIAS, HEADER, MESSAGE, NOW, IntakeCase

ENDS = {
    "delivered": (Outcome.DELIVERED, False, False),
    "relayed": (Outcome.RELAYED, False, False),
    "relayed with DSN": (Outcome.RELAYED, True, False),
    "expanded": (Outcome.RELAYED, False, True),
    "delayed": (Outcome.DEFERRED, False, False),
    "failed": (Outcome.FAILED, False, False),
}
# RFC 3461, sections 5.2.1 to 5.2.7, written out: NOTIFY, then what is told for each end
MATRIX = """
              delivered  relayed  relayed with DSN  expanded  delayed  failed
-             .          .        .                 .         delayed  failed
NEVER         .          .        .                 .         .        .
SUCCESS       delivered  relayed  .                 expanded  .        .
FAILURE       .          .        .                 .         .        failed
DELAY         .          .        .                 .         delayed  .
SUCCESS+FAILURE delivered relayed .                 expanded  .        failed
SUCCESS+DELAY delivered  relayed  .                 expanded  delayed  .
FAILURE+DELAY .          .        .                 .         delayed  failed
SUCCESS+FAILURE+DELAY delivered relayed .           expanded  delayed  failed
"""


def told(end: str) -> Reported:
    """One recipient, at this end of its way."""
    outcome, dsn, expanded = ENDS[end]
    host = "mx.example.org[192.0.2.9]"
    return Reported(
        0,
        Attempt(outcome, NOW, "5.1.1", "550 no", host, dsn=dsn, expanded=expanded),
    )


def wish(text: str) -> Notify | None:
    """NOTIFY as the matrix writes it."""
    if text == "-":
        return None
    notify = Notify.NEVER
    for word in text.split("+"):
        notify |= Notify[word]
    return notify


@tabled
class DueTests(SynchronousTestCase):
    """NOTIFY against what happened."""

    def test_matrix(self) -> None:
        """The whole of it, as the RFC has it."""
        lines = [line.split() for line in MATRIX.splitlines()[2:]]
        self.assertEqual(9, len(lines))
        for notify, *cells in lines:
            recipient = Recipient(DAVE, wish(notify))
            found = [due(recipient, told(end)) for end in ENDS]
            words = [action.value if action else "." for action in found]
            self.assertEqual(cells, words, notify)

    def test_returned(self) -> None:
        """RET=FULL is for failures up to a limit, and never for REQUIRETLS."""
        for ret, action, size, tls in product(
            (None, Return.FULL, Return.HEADERS), Action, (100, 101), (False, True)
        ):
            envelope = queued_envelope(returned=ret, require_tls=tls)
            full = ret is Return.FULL and action is Action.FAILED and size == 100
            expected = Returned.FULL if full else Returned.HEADER
            if tls:
                expected = Returned.TRACES
            self.assertEqual(expected, returned(envelope, size, [action], 100))


class ReporterCase(IntakeCase):
    """A reporter over an intake between doubles."""

    def setUp(self) -> None:
        """Reports go to mailboxes here, and by the queue."""
        super().setUp()
        self.number = count(1).__next__
        self.sender = Reporter(
            evolve(self.intake, reporter=None),
            self.journal,
            "mx.example.test",
            Address("postmaster", "example.test"),
            lambda: NOW,
            lambda: f"R{len(self.queue.entries) + 1}",
            retried_until=lambda _entry: NOW + 86400,
            full_limit_octets=1000,
        )

    def report(
        self,
        *recipients: Recipient,
        ends: Sequence[str] = ("failed",),
        message: bytes = MESSAGE,
        **changes: Any,
    ) -> str | None:
        """Report these ends of these recipients, or of dave."""
        envelope = queued_envelope(*(recipients or [Recipient(DAVE)]), **changes)
        reported = [evolve(told(end), place=n) for n, end in enumerate(ends)]
        content = Octets(message)
        entry = Entry(envelope, len(message), not message.isascii(), NOW)
        found = run(self.sender.report(entry, reported, content))
        self.assertEqual([], self.queue.open_bodies)
        return found


@tabled
class ReporterTests(ReporterCase):
    """Reports on their way."""

    def test_interface(self) -> None:
        """The seams are provided."""
        verifyObject(IReporter, self.sender)
        verifyObject(IContent, Octets(b""))

    def test_remote(self) -> None:
        """To a sender elsewhere by the queue, with the null reverse-path."""
        self.assertEqual("R1", self.report(envelope_id="E1", hold_request="for;60"))
        [entry] = self.queue.entries
        self.assertEqual(
            ("R1", "", [str(CAROL)]),
            (entry.envelope.id, entry.sender, entry.recipients),
        )
        self.assertEqual([Notify.NEVER], [r.notify for r in entry.envelope.recipients])
        self.assertIsNone(entry.envelope.returned)
        _, _, octets = entry.content.partition(b"+0000\r\n")
        found = read_report(octets)
        self.assertEqual("E1", found.message["original-envelope-id"])
        self.assertEqual("for;60", found.message["future-release-request"])
        self.assertEqual("dns; mx.example.org", found.recipients[0]["remote-mta"])
        self.assertEqual("text/rfc822-headers", found.returned)
        self.assertEqual(HEADER.rstrip(), found.content.rstrip())

    def test_told(self) -> None:
        """The journal links the report to its message, and knows its Message-ID."""
        self.report()
        [event] = [e for e in self.journal.events if e.kind is Kind.WRITTEN]
        self.assertEqual(
            (Kind.WRITTEN, "R1", NOW, str(CAROL)),
            (event.kind, event.message, event.at, event.recipient),
        )
        self.assertEqual(
            {"sender": "<>", "parent": "T1", "message_id": "<R1@mx.example.test>"},
            event.facts,
        )

    def test_local(self) -> None:
        """To a sender here at once, into the mailbox."""
        self.report(reverse_path=ALICE)
        self.assertEqual([], self.queue.entries)
        [(content, [to])] = self.store.delivered
        self.assertEqual(str(ALICE), to.account)
        self.assertTrue(content.startswith(b"Return-Path: <>\r\n"))

    def test_forwarded(self) -> None:
        """What an alias sent on fails there: the report finds the first sender."""
        self.deliver(ALIAS)
        [copy] = self.queue.entries
        self.queue.entries.clear()
        self.report(*copy.envelope.recipients, reverse_path=copy.envelope.reverse_path)
        [entry] = self.queue.entries
        self.assertEqual([str(CAROL)], entry.recipients)
        self.assertIn(str(ALIAS).encode(), entry.content)

    def test_one_for_all(self) -> None:
        """One report tells of all whom the sender asked about, and of no others."""
        recipients = [
            Recipient(DAVE),
            Recipient(BOB, Notify.NEVER),
            Recipient(ALICE, Notify.SUCCESS),
        ]
        self.report(*recipients, ends=("failed", "failed", "delivered"))
        [entry] = self.queue.entries
        self.assertEqual(2, entry.content.count(b"Final-Recipient:"))
        self.assertNotIn(b"bob@", entry.content)

    def test_delay(self) -> None:
        """A delay says until when we try."""
        self.report(ends=("delayed",))
        self.assertIn(b"Will-Retry-Until:", self.queue.entries[0].content)

    @rows(
        full=(Return.FULL, MESSAGE, b"message/rfc822"),
        too_big=(Return.FULL, HEADER + b"x\r\n" * 400, b"text/rfc822-headers"),
        headers=(Return.HEADERS, MESSAGE, b"text/rfc822-headers"),
    )
    def test_ret(self, ret: Return, message: bytes, kind: bytes) -> None:
        """RET, up to the limit."""
        self.report(returned=ret, message=message)
        self.assertIn(b"Content-Type: " + kind, self.queue.entries[0].content)

    @threat(14, 20)
    def test_long_header(self) -> None:
        """A header beyond all measure comes back in part, whole lines of it."""
        message = b"X-Long: x\r\n" * 10_000 + b"\r\nbody\r\n"
        self.report(message=message)
        content = self.queue.entries[0].content
        self.assertLess(len(content), 80_000)
        self.assertIn(
            b"X-Long: x\r\n--report-R1-0--", content.replace(b"\r\n\r\n", b"\r\n")
        )

    def test_require_tls(self) -> None:
        """RFC 8689, section 5: the report asks for TLS, too, and gives nothing away."""
        self.report(require_tls=True, returned=Return.FULL)
        [entry] = self.queue.entries
        self.assertTrue(entry.envelope.require_tls)
        self.assertNotIn(b"Subject: x", entry.content)

    def test_utf8(self) -> None:
        """Only an address that needs it makes a report need SMTPUTF8."""
        self.report(smtputf8=True)
        self.report(smtputf8=True, reverse_path=Address("josé", "example.net"), id="T2")
        self.assertEqual(
            [False, True], [entry.envelope.smtputf8 for entry in self.queue.entries]
        )

    @rows(
        null_sender={"reverse_path": None},
        of_a_report={"message": b"Content-Type: Multipart/Report; x=y\r\n\r\n"},
        unknown_sender={"reverse_path": ALICE},
    )
    @threat(20)
    def test_double_bounce(self, changes: dict[str, Any]) -> None:
        """No report of a report: it is told to the journal, and no mail is made."""
        self.table[ALICE] = Unknown()
        self.assertIsNone(self.report(**changes))
        self.assertEqual(([], []), (self.queue.entries, self.store.delivered))
        [event] = self.journal.events
        self.assertTrue(event.text.startswith("to nobody: "))

    def send(self, domain: str, **changes: Any) -> str | None:
        """A report to somebody at this domain."""
        sender = Address("x", domain)
        return self.report(reverse_path=sender, id=f"T{self.number()}", **changes)

    @threat(20, 119)
    def test_storm(self) -> None:
        """Forged senders of one domain: it gets no more than so many an hour."""
        time = [0.0]
        rates = Rates(messages=(Rate(3, 3600.0),))
        self.sender.allowance = Allowance(rates, lambda: time[0])
        for _ in range(3):
            self.assertIsNotNone(self.send("victim.example"))
        self.assertRaises(TemporaryFailure, self.send, "victim.example")
        self.assertEqual(3, len(self.queue.entries))
        self.assertIsNotNone(self.send("other.example"))
        time[0] = 2 * 3600.0
        self.assertIsNotNone(self.send("victim.example"))

    @threat(20)
    def test_storm_ends(self) -> None:
        """What could not be told for a week is told to the journal alone."""
        self.sender.allowance = Allowance(
            Rates(messages=(Rate(1, 3600.0),)), lambda: 0.0
        )
        self.assertIsNotNone(self.send("victim.example"))
        old = NOW - 8 * 86_400
        self.assertIsNone(self.send("victim.example", received_at=old))
        self.assertEqual(1, len(self.queue.entries))
        text = "to nobody: too many reports went to its domain"
        self.assertEqual(text, self.journal.events[-1].text)

    @threat(20)
    def test_storm_here(self) -> None:
        """Who has a mailbox here is told of everything."""
        self.sender.allowance = Allowance(
            Rates(messages=(Rate(1, 3600.0),)), lambda: 0.0
        )
        for _ in range(5):
            self.assertIsNotNone(self.report(reverse_path=ALICE))
        self.assertEqual(5, len(self.store.delivered))

    def test_nothing_due(self) -> None:
        """Where nobody is to be told nothing is made, and nothing is said."""
        self.assertIsNone(self.report(Recipient(DAVE, Notify.NEVER)))
        self.assertIsNone(self.report(ends=("delivered",)))
        self.assertEqual([], self.journal.events)

    def test_later(self) -> None:
        """A report that can't be stored now is asked for again."""
        self.queue.room = 0
        failure = self.assertRaises(TemporaryFailure, self.report)
        self.assertEqual(SYSTEM_FULL, failure.status)
        self.store.problems[str(ALICE)] = NoSpace()
        self.assertRaises(TemporaryFailure, self.report, reverse_path=ALICE)
        self.table[ALICE] = TemporaryFailure(MAILBOX_FULL)
        self.assertRaises(TemporaryFailure, self.report, reverse_path=ALICE)
        self.assertEqual([], self.queue.entries)

    def test_unknown_words(self) -> None:
        """A route that is refused for good is a sender that is not to be reached."""
        self.table[ALICE] = PermanentFailure(MAILBOX_UNKNOWN)
        self.assertIsNone(self.report(reverse_path=ALICE))
