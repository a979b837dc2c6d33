"""mailapp.queue.intake and parting."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Body,
    Notify,
    OriginalRecipient,
    Recipient,
)
from mailapp.core.failures import DeliveryFailure, PermanentFailure, TemporaryFailure
from mailapp.core.status import SYSTEM_FULL, SYSTEM_TROUBLE
from mailapp.delivery.body import LocalBody
from mailapp.delivery.fanout import DELIVERED
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Failed
from mailapp.directory.types import Expanded
from mailapp.events.record import Kind
from mailapp.queue.types import Outcome
from mailapp.storage.types import NoSpace, OverQuota
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import (
    ALICE,
    BOB,
    run,
)
from tests.unit.queue.doubles import (
    CAROL,
    DAVE,
)
from tests.unit.queue.intake_case import (
    ALIAS,
    ERIN,
    HEADER,
    MESSAGE,
    NOW,
    TEAM,
    IntakeCase,
)


@tabled
class RouteTests(IntakeCase):
    """What is said at RCPT."""

    def test_interfaces(self) -> None:
        """Both seams are provided."""
        verifyObject(IDelivery, self.intake)
        verifyObject(IBody, self.begin(ALICE)[1])
        verifyObject(IBody, self.begin(DAVE)[1])

    def assert_refused(self, address: Address, reply: str) -> None:
        """A stranger's RCPT fails like this."""
        failure = self.assertRaises(
            DeliveryFailure, run, self.intake.route(address, relays=False)
        )
        code = int(reply[:3])
        self.assertEqual(reply, f"{code} {failure.status.enhanced(code)}")
        permanent = isinstance(failure, PermanentFailure)
        self.assertEqual(code // 100, 5 if permanent else 4)

    @threat(18)
    def test_stranger(self) -> None:
        """Who may not relay is refused; who may is not."""
        self.assert_refused(DAVE, "550 5.7.1")
        route = run(self.intake.route(DAVE, relays=True))
        self.assertTrue(route.is_relayed)

    def test_alias(self) -> None:
        """An alias leads elsewhere for everybody: its administrator wants that."""
        route = run(self.intake.route(ALIAS))
        self.assertEqual([DAVE], list(route.remote))
        self.assertFalse(route.is_relayed)

    def test_reversed(self) -> None:
        """Mail for a rewritten sender goes back to the sender, for everybody."""
        made = self.rewriting.rewrite(CAROL, NOW)
        route = run(self.intake.route(made))
        self.assertEqual([CAROL], list(route.remote))
        self.assertEqual(made, route.address)

    @rows(
        forged=Address("SRS0=aaaaaa=abcd=example.net=carol", "example.test"),
        empty=Address("SRS0=", "example.test"),
        again=Address("SRS1=aaaaaa=example.org==aaaa=ab=example.net=c", "example.test"),
        other_case=Address("srs0+aaaaaa=abcd=example.net=carol", "example.test"),
    )
    @threat(18)
    def test_forged(self, address: Address) -> None:
        """An address that we did not make opens no relay."""
        self.assert_refused(address, "550 5.7.1")

    @threat(18)
    def test_expired(self) -> None:
        """An old address is worth nothing any more."""
        made = self.rewriting.rewrite(CAROL, NOW - 22 * 86400)
        self.assert_refused(made, "550 5.7.1")

    def test_directory_down(self) -> None:
        """A directory that does not answer is a temporary failure."""
        self.table[ALICE] = TemporaryFailure(SYSTEM_TROUBLE)
        self.assert_refused(ALICE, "451 4.3.0")


@tabled
class LocalTests(IntakeCase):
    """Mail that stays."""

    def test_straight(self) -> None:
        """A message for mailboxes here is local delivery's own body: no cost."""
        self.assertIsInstance(self.begin(ALICE, BOB)[1], LocalBody)
        self.assertEqual([DELIVERED], self.deliver(ALICE))
        self.assertEqual([], self.queue.entries)
        self.assertEqual([str(ALICE)], self.journal.told(Kind.DELIVERED))

    def test_failed(self) -> None:
        """Who fails is not told of as delivered; nothing is queued for him alone."""
        self.store.problems[str(ALICE)] = OverQuota()
        [outcome] = self.deliver(ALICE)
        self.assertEqual(Failed(cast(Failed, outcome).status, permanent=False), outcome)
        self.assertEqual([], self.journal.events)

    def test_success_wanted(self) -> None:
        """NOTIFY=SUCCESS is answered at once, for those who asked (RFC 3461, 5.2.3)."""
        wanted = Recipient(ALICE, Notify.SUCCESS)
        self.assertEqual([DELIVERED] * 2, self.deliver(wanted, BOB))
        [(entry, reported, octets)] = self.reporter.reports
        self.assertEqual(HEADER, octets)
        self.assertEqual("T1", entry.id)
        self.assertEqual([0], [one.place for one in reported])
        self.assertEqual([""], self.journal.told(Kind.REPORTED))
        self.assertEqual(Outcome.DELIVERED, reported[0].attempt.outcome)
        content, _ = self.store.delivered[0]
        self.assertTrue(content.endswith(b"X-Policy: said\r\n" + MESSAGE))

    def test_success_not_due(self) -> None:
        """A null sender, or one whose recipient failed, hears nothing."""
        wanted = Recipient(ALICE, Notify.SUCCESS)
        self.deliver(wanted, reverse_path=None)
        self.store.problems[str(ALICE)] = OverQuota()
        self.deliver(wanted)
        self.assertEqual([], self.reporter.reports)

    def test_report_failed(self) -> None:
        """A report that can't be stored does not undo a delivery."""
        self.reporter.failure = TemporaryFailure(SYSTEM_FULL)
        wanted = Recipient(ALICE, Notify.SUCCESS)
        self.assertEqual([DELIVERED], self.deliver(wanted))


@tabled
class QueuedTests(IntakeCase):
    """Mail that goes on."""

    def test_relayed(self) -> None:
        """One entry with the message's id, its envelope, and our Received on top."""
        wanted = Recipient(
            DAVE, Notify.SUCCESS, OriginalRecipient("rfc822", "d@example.org")
        )
        self.assertEqual([DELIVERED] * 2, self.deliver(wanted, ERIN, envelope_id="E1"))
        [entry] = self.queue.entries
        self.assertEqual("T1", entry.envelope.id)
        self.assertEqual((wanted, Recipient(ERIN)), tuple(entry.envelope.recipients))
        self.assertEqual(CAROL, entry.envelope.reverse_path)
        self.assertEqual("E1", entry.envelope.envelope_id)
        self.assertTrue(entry.content.startswith(b"Received: from client.example.net"))
        self.assertTrue(entry.content.endswith(b"X-Policy: said\r\n" + MESSAGE))
        self.assertNotIn(b"Return-Path", entry.content)
        self.assertNotIn(b"Delivered-To", entry.content)
        self.assertEqual([str(DAVE), str(ERIN)], self.journal.told(Kind.QUEUED))
        self.assertEqual([], self.store.sinks)
        self.assertEqual([], self.reporter.reports)

    def test_mixed(self) -> None:
        """The mailbox here and the server there get one copy each."""
        self.assertEqual([DELIVERED] * 2, self.deliver(ALICE, DAVE))
        [entry] = self.queue.entries
        self.assertEqual([str(DAVE)], entry.recipients)
        [(content, destinations)] = self.store.delivered
        self.assertEqual([str(ALICE)], [to.account for to in destinations])
        self.assertTrue(content.endswith(MESSAGE))
        self.assertEqual([str(ALICE)], self.journal.told(Kind.DELIVERED))
        self.assertEqual([str(DAVE)], self.journal.told(Kind.QUEUED))

    def test_mailbox_later(self) -> None:
        """A mailbox that can't take it now joins the entry of the others."""
        self.store.problems[str(ALICE)] = OverQuota()
        self.assertEqual([DELIVERED] * 2, self.deliver(ALICE, DAVE))
        [entry] = self.queue.entries
        self.assertEqual([str(DAVE), str(ALICE)], entry.recipients)
        self.assertEqual([], self.journal.told(Kind.DELIVERED))

    def test_alias_later(self) -> None:
        """An alias whose mailbox can't take it now is begun again as a whole."""
        self.store.problems[str(BOB)] = NoSpace()
        self.assertEqual([DELIVERED], self.deliver(ALIAS))
        [entry] = self.queue.entries
        self.assertEqual([str(ALIAS)], entry.recipients)
        self.assertEqual("T1", entry.envelope.id)
        self.assertEqual(CAROL, entry.envelope.reverse_path)

    def test_from_queue(self) -> None:
        """What comes from the queue and fails stays there; no second Received."""
        self.intake = self.make(from_queue=True)
        self.store.problems[str(ALICE)] = OverQuota()
        later, done = self.deliver(ALICE, ALIAS, hold_until=NOW + 100)
        self.assertIsInstance(later, Failed)
        self.assertEqual(DELIVERED, done)
        [entry] = self.queue.entries
        self.assertEqual([str(DAVE)], entry.recipients)
        self.assertNotEqual("T1", entry.envelope.id)
        self.assertNotIn(b"Received:", entry.content + self.store.delivered[0][0])

    @rows(full=(0, [0]), second=(1, [1]))
    def test_queue_full(self, room: int, failed: list[int]) -> None:
        """A queue that is full fails those for whom it was: 452 4.3.1, nobody else."""
        self.queue.room = room
        self.table[ALIAS] = Expanded([], [ERIN])
        outcomes = self.deliver(DAVE, ALIAS, ALICE)
        full = Failed(SYSTEM_FULL, permanent=False)
        expected = [
            full if place >= failed[0] and place < 2 else DELIVERED
            for place in range(3)
        ]
        self.assertEqual(expected, outcomes)
        self.assertEqual(room, len(self.queue.entries))

    def test_aborted_meanwhile(self) -> None:
        """Who aborts while the mailboxes are served never hears of success."""
        _, body = self.begin(ALICE, DAVE)
        run(body.write(MESSAGE))
        deliver = self.store.deliver

        async def deliver_and_abort(*args: Any) -> Any:
            body.abort()
            return await deliver(*args)

        self.patch(self.store, "deliver", deliver_and_abort)
        self.assertRaises(TemporaryFailure, run, body.commit())
        self.assertEqual([], self.queue.entries + self.queue.open_bodies)

    def test_no_octets(self) -> None:
        """A message of no octets is what stands above it."""
        self.assertEqual([DELIVERED] * 3, self.deliver(ALICE, DAVE, ALIAS, message=b""))
        for entry in self.queue.entries:
            self.assertTrue(entry.content.endswith(b"X-Policy: said\r\n"))

    def test_write_fails(self) -> None:
        """A disk that is full while content comes fails the whole, once and early."""
        self.queue.write_failure = TemporaryFailure(SYSTEM_FULL)
        _, body = self.begin(ALICE, DAVE)
        self.assertRaises(TemporaryFailure, run, body.write(MESSAGE))
        body.abort()
        body.abort()
        self.assertEqual([], self.queue.open_bodies)
        self.assertEqual([], self.store.delivered)
        self.assertGreater(self.store.sinks[0].aborted, 0)
        self.assertRaises(TemporaryFailure, run, body.commit())
        self.assertRaises(TemporaryFailure, run, body.write(b"x"))

    @rows(
        declared=(b"x\r\n", Body.EIGHT_BIT, Body.EIGHT_BIT),
        found=(b"\xc3\xa9\r\n", Body.SEVEN_BIT, Body.EIGHT_BIT),
        clean=(b"x\r\n", Body.SEVEN_BIT, Body.SEVEN_BIT),
        binary=(b"x\r\n", Body.BINARY, Body.BINARY),
        lone_lf=(b"a\nb\r\n", Body.SEVEN_BIT, Body.BINARY),
        lone_cr=(b"a\rb\r\n", Body.EIGHT_BIT, Body.BINARY),
        nul=(b"a\0\r\n", Body.SEVEN_BIT, Body.BINARY),
        cut=(b"\r\n.\r", Body.SEVEN_BIT, Body.BINARY),
    )
    def test_eight_bit(self, text: bytes, declared: Body, label: Body) -> None:
        """An entry says what its content is, not what the client forgot to say."""
        self.deliver(DAVE, message=HEADER + text, body=declared)
        self.assertIs(label, self.queue.entries[0].envelope.body)

    def test_held(self) -> None:
        """RFC 4865: before its time a message is in nobody's mailbox either."""
        self.assertEqual(
            [DELIVERED] * 3, self.deliver(ALICE, ALIAS, DAVE, hold_until=NOW + 100)
        )
        [entry] = self.queue.entries
        self.assertEqual([str(ALICE), str(ALIAS), str(DAVE)], entry.recipients)
        self.assertEqual([], self.store.sinks)

    @given(st.binary(max_size=200), st.integers(1, 50))
    @settings(deadline=None, max_examples=50)
    def test_content(self, tail: bytes, cut: int) -> None:
        """Whatever the octets and wherever they are cut, all copies hold the same."""
        self.setUp()
        message = HEADER[:-2] + tail
        self.deliver(ALICE, DAVE, ALIAS, TEAM, message=message, cut=cut)
        copies = [entry.content for entry in self.queue.entries]
        copies.append(self.store.delivered[0][0])
        self.assertEqual(4, len(copies))
        for content in copies:
            self.assertTrue(content.endswith(b"\r\n" + message))
