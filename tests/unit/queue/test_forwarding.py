"""Aliases that leave and distribution lists, through mailapp.queue.intake."""

from __future__ import annotations

from typing import cast

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.delivery.fanout import DELIVERED
from mailapp.delivery.types import Failed
from mailapp.directory.types import Expanded, Posting
from mailapp.events.record import Kind
from mailapp.queue.types import Outcome
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
    MESSAGE,
    OWNER,
    TEAM,
    IntakeCase,
    mailing_list,
)


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
        reported = [
            r.attempt.expanded for _, rs, _ in self.reporter.reports for r in rs
        ]
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
        self.assertFalse(reported.attempt.expanded)

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
        [refused] = self.deliver(TEAM, reverse_path=None)
        self.assertIsInstance(refused, Failed)
        self.assertEqual([], self.queue.entries)
