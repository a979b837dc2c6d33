"""mailapp.queue.intake and parting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Body,
    Envelope,
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.core.failures import DeliveryFailure, PermanentFailure, TemporaryFailure
from mailapp.core.status import SYSTEM_FULL, SYSTEM_TROUBLE
from mailapp.delivery.body import LocalBody
from mailapp.delivery.fanout import DELIVERED
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.local import LocalDelivery
from mailapp.delivery.srs import SenderRewriting
from mailapp.delivery.types import Failed, RecipientOutcome
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.types import Expanded, MailingList, Posting, Resolution
from mailapp.events.record import Kind
from mailapp.queue.intake import Intake
from mailapp.queue.types import Outcome
from mailapp.storage.interfaces import IMailStore
from mailapp.storage.types import NoSpace, OverQuota
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import (
    ALICE,
    BOB,
    Directory,
    Store,
    envelope,
    local,
    run,
)
from tests.unit.queue.doubles import (
    CAROL,
    DAVE,
    FakeQueue,
    FakeReporter,
    Journal,
)

ERIN = Address("erin", "example.org")
ALIAS = Address("friends", "example.test")
TEAM = Address("team", "example.test")
OWNER = Address("owner", "example.test")
NOW = 1_000_000_000.0
HEADER = b"From: carol@example.net\r\nSubject: x\r\n\r\n"
MESSAGE = HEADER + b"body\r\n"


def mailing_list(**changes: Any) -> MailingList:
    """The team: bob here, dave elsewhere."""
    values: dict[str, Any] = {
        "address": TEAM,
        "owner": OWNER,
        "members": (BOB, DAVE),
        "title": "The team",
    }
    return MailingList(**{**values, **changes})


class IntakeCase(SynchronousTestCase):
    """An intake between doubles."""

    def setUp(self) -> None:
        """Alice and Bob are ours; ``friends`` leads to Bob and to Dave, elsewhere."""
        self.store = Store()
        self.queue = FakeQueue()
        self.journal = Journal()
        self.reporter = FakeReporter()
        self.table: dict[Address, Resolution | Exception] = {
            ALICE: local("alice"),
            BOB: local("bob"),
            ALIAS: Expanded([local("bob")], [DAVE]),
            TEAM: Expanded([], [], [mailing_list()]),
        }
        self.rewriting = SenderRewriting(b"k" * 32, "example.test", ["example.test"])
        self.intake = self.make()

    def make(self, *, from_queue: bool = False) -> Intake:
        """An intake on the same doubles."""
        tokens = count(1)
        delivery = LocalDelivery(
            cast(IMailStore, self.store),
            cast(IDirectory, Directory(self.table)),
            "mx.example.test",
            leaves=True,
            events=self.journal,
            from_queue=from_queue,
        )
        return Intake(
            delivery,
            self.queue,
            self.journal,
            "mx.example.test",
            lambda: NOW,
            lambda: f"{next(tokens):06}",
            self.rewriting,
            self.reporter,
            from_queue=from_queue,
        )

    def begin(
        self, *recipients: Address | Recipient, **changes: Any
    ) -> tuple[Envelope, IBody]:
        """Route all, as for a client that may relay, and begin."""
        given_ = [r if isinstance(r, Recipient) else Recipient(r) for r in recipients]
        made = envelope(**{"recipients": given_, **changes})
        routes = [run(self.intake.route(r.address, relays=True)) for r in given_]
        return made, self.intake.begin(made, routes, [("X-Policy", "said")])

    def deliver(
        self,
        *recipients: Address | Recipient,
        message: bytes = MESSAGE,
        cut: int = 20,
        **changes: Any,
    ) -> Sequence[RecipientOutcome]:
        """All of it; the message comes in pieces."""
        _, body = self.begin(*recipients, **changes)
        for start in range(0, len(message), cut):
            run(body.write(message[start : start + cut]))
        outcomes = run(body.commit())
        body.abort()
        self.assertEqual([], self.queue.open_bodies)
        return outcomes


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


@tabled
class ForwardTests(IntakeCase):
    """Aliases that lead elsewhere."""

    def test_rewritten(self) -> None:
        """The copy that leaves has a sender of ours, which leads back."""
        self.assertEqual([DELIVERED], self.deliver(ALIAS))
        [entry] = self.queue.entries
        self.assertRegex(
            entry.sender, r"^SRS0=.{6}=.{4}=example\.net=carol@example\.test$"
        )
        back = run(self.intake.route(cast(Address, entry.envelope.reverse_path)))
        self.assertEqual([CAROL], list(back.remote))
        self.assertTrue(
            entry.content.startswith(b"Delivered-To: friends@example.test\r\nReceived:")
        )
        self.assertEqual([str(BOB)], [to.account for to in self.store.delivered[0][1]])
        self.assertEqual([str(ALIAS)], self.journal.told(Kind.EXPANDED))

    @rows(null=None, ours=ALICE)
    def test_as_it_is(self, sender: Address | None) -> None:
        """The null sender, and senders of ours, stay."""
        self.deliver(ALIAS, reverse_path=sender)
        self.assertEqual(sender, self.queue.entries[0].envelope.reverse_path)

    def test_two_aliases(self) -> None:
        """No recipient learns of another: Delivered-To is for a single one."""
        self.table[ALICE] = Expanded([], [ERIN])
        self.deliver(ALIAS, ALICE)
        [entry] = self.queue.entries
        self.assertEqual([str(DAVE), str(ERIN)], entry.recipients)
        self.assertNotIn(b"Delivered-To", entry.content)

    @threat(21)
    def test_loop(self) -> None:
        """A copy that comes back is refused for good: 5.4.6, and nothing is sent."""
        self.deliver(ALIAS)
        copy = self.queue.entries.pop().content
        self.store.delivered.clear()
        [outcome] = self.deliver(ALIAS, message=copy)
        self.assertIsInstance(outcome, Failed)
        failed = cast(Failed, outcome)
        self.assertEqual("5.4.6", failed.status.enhanced(550))
        self.assertTrue(failed.permanent)
        self.assertEqual(([], []), (self.queue.entries, self.store.delivered))

    @rows(
        one_failure=([DAVE], Notify.FAILURE, Notify.FAILURE),
        one_success=([DAVE], Notify.SUCCESS, Notify.SUCCESS),
        one_never=([DAVE], Notify.NEVER, Notify.NEVER),
        one_none=([DAVE], None, None),
        two_failure=([DAVE, ERIN], Notify.FAILURE, Notify.FAILURE),
        two_both=([DAVE, ERIN], Notify.FAILURE | Notify.SUCCESS, Notify.FAILURE),
        two_success=([DAVE, ERIN], Notify.SUCCESS, Notify.NEVER),
        two_none=([DAVE, ERIN], None, None),
    )
    def test_wishes(
        self, targets: list[Address], notify: Notify | None, passed: Notify | None
    ) -> None:
        """RFC 3461, section 5.2.7.2 and way (c) of 5.2.7.3."""
        self.table[ALIAS] = Expanded([], targets)
        self.deliver(Recipient(ALIAS, notify), envelope_id="E1", returned=Return.FULL)
        [entry] = self.queue.entries
        original = OriginalRecipient("rfc822", str(ALIAS))
        expected = [Recipient(target, passed, original) for target in targets]
        self.assertEqual(expected, list(entry.envelope.recipients))
        self.assertEqual("E1", entry.envelope.envelope_id)
        expanded = notify is not None and Notify.SUCCESS in notify and len(targets) > 1
        reported = [r.expanded for _, rs, _ in self.reporter.reports for r in rs]
        self.assertEqual([True] if expanded else [], reported)


@tabled
class ListTests(IntakeCase):
    """Distribution lists."""

    def test_post(self) -> None:
        """All members are one entry, from the list, with the list's fields."""
        wanted = Recipient(TEAM, Notify.SUCCESS)
        self.assertEqual(
            [DELIVERED], self.deliver(wanted, envelope_id="E1", account="x@y")
        )
        [entry] = self.queue.entries
        self.assertEqual([str(BOB), str(DAVE)], entry.recipients)
        self.assertEqual([None] * 2, [r.notify for r in entry.envelope.recipients])
        self.assertEqual("team-bounces@example.test", entry.sender)
        self.assertIsNone(entry.envelope.envelope_id)
        header, _, rest = entry.content.partition(b"From: carol")
        for line in (
            b"Delivered-To: team@example.test",
            b"List-Id: The team <team.list-id.example.test>",
            b"List-Post: <mailto:team@example.test>",
            b"List-Owner: <mailto:owner@example.test>",
        ):
            self.assertIn(line + b"\r\n", header)
        self.assertIn(b"List-Unsubscribe: <mailto:owner@example.test?subject=", header)
        self.assertEqual(MESSAGE, b"From: carol" + rest)
        # RFC 3461, section 5.2.7.1: delivered, once the list has it
        [(_, [reported], _)] = self.reporter.reports
        self.assertEqual(Outcome.DELIVERED, reported.attempt.outcome)
        self.assertFalse(reported.expanded)

    def test_crowd(self) -> None:
        """A thousand members are one entry and two words to the journal."""
        members = [Address(f"m{n}", "example.org") for n in range(1000)]
        self.table[TEAM] = Expanded([], [], [mailing_list(members=members)])
        self.deliver(TEAM, ALICE)
        [entry] = self.queue.entries
        self.assertEqual(1000, len(entry.recipients))
        self.assertEqual(3, len(self.journal.events))

    @rows(
        anyone=(Posting.ANYONE, CAROL, None),
        member=(Posting.MEMBERS, Address("DAVE", "example.org"), None),
        owner_of_members=(Posting.MEMBERS, OWNER, None),
        stranger=(Posting.MEMBERS, CAROL, "5.7.2"),
        owner=(Posting.OWNER, OWNER, None),
        no_owner=(Posting.OWNER, DAVE, "5.7.2"),
        null=(Posting.ANYONE, None, "5.7.2"),
    )
    def test_posting(
        self, posting: Posting, sender: Address | None, status: str | None
    ) -> None:
        """Who may post; others are refused for good and nothing is sent."""
        self.table[TEAM] = Expanded([], [], [mailing_list(posting=posting)])
        [outcome] = self.deliver(TEAM, reverse_path=sender)
        if status is None:
            self.assertEqual(DELIVERED, outcome)
            return
        self.assertIsInstance(outcome, Failed)
        self.assertEqual(status, cast(Failed, outcome).status.enhanced(550))
        self.assertTrue(cast(Failed, outcome).permanent)
        self.assertEqual([], self.queue.entries)

    @rows(
        own=(b'List-ID: "x" <TEAM.list-id\r\n .example.test>\r\n', "5.4.6"),
        delivered=(b"Delivered-To: team@example.test\r\n", "5.4.6"),
        automatic=(b"Auto-Submitted: auto-replied (vacation)\r\n", "5.7.2"),
        generated=(b"Auto-Submitted: auto-generated\r\n", None),
        other=(b"List-Id: <other.list-id.example.test>\r\n", None),
    )
    @threat(21)
    def test_header(self, line: bytes, status: str | None) -> None:
        """A post that was one before, or that a program answered, goes no further."""
        [outcome] = self.deliver(TEAM, message=line + MESSAGE, cut=7)
        found = outcome.status.enhanced(550) if isinstance(outcome, Failed) else None
        self.assertEqual(status, found)
        self.assertEqual(status is None, bool(self.queue.entries))

    def test_nested(self) -> None:
        """A list in a list: one List-Id, that of the list that sends."""
        fields = (
            b"List-Id: <a.b>\r\nList-Post:\r\n <mailto:a@b>\r\nList-Archive: <x:y>\r\n"
        )
        self.deliver(TEAM, ALICE, message=fields + MESSAGE, cut=9)
        [entry] = self.queue.entries
        self.assertEqual(1, entry.content.count(b"List-Id:"))
        self.assertEqual(1, entry.content.count(b"List-Post:"))
        self.assertNotIn(b"mailto:a@b", entry.content)
        self.assertTrue(entry.content.endswith(b"List-Archive: <x:y>\r\n" + MESSAGE))
        self.assertTrue(self.store.delivered[0][0].endswith(fields + MESSAGE))

    def test_header_only(self) -> None:
        """A message that ends in its header is a post as well."""
        self.deliver(TEAM, message=b"Subject: x\r\n")
        self.assertTrue(self.queue.entries[0].content.endswith(b"\r\nSubject: x\r\n"))

    def test_empty_list(self) -> None:
        """A list without members takes posts, and sends nothing."""
        self.table[TEAM] = Expanded([], [], [mailing_list(members=())])
        self.assertEqual([DELIVERED], self.deliver(TEAM))
        self.assertEqual([], self.queue.entries)
