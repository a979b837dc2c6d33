"""mailapp.delivery.fanout."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.status import MAILBOX_FULL, MAILBOX_UNKNOWN, SYSTEM_FULL
from mailapp.delivery.fanout import DELIVERED, fan_out
from mailapp.delivery.types import Failed, RecipientOutcome
from mailapp.storage.types import AccountId, Destination
from tests.rows import rows, tabled

TEMPORARY = Failed(MAILBOX_FULL, permanent=False)
LATER = Failed(SYSTEM_FULL, permanent=False)
PERMANENT = Failed(MAILBOX_UNKNOWN, permanent=True)

A, B, C = (Destination(AccountId(f"{name}@example.test")) for name in "abc")
A_LISTS = Destination(A.account, ("lists",))

outcomes: st.SearchStrategy[RecipientOutcome] = st.sampled_from(
    [DELIVERED, TEMPORARY, LATER, PERMANENT]
)


@tabled
class FanoutTests(SynchronousTestCase):
    """Each mailbox gets one copy, each recipient one outcome."""

    @rows(
        one=([[A]], [A], [[0]]),
        two=([[A], [B]], [A, B], [[0], [1]]),
        twice=([[A], [A]], [A], [[0], [0]]),
        alias_and_target=([[A, B], [B]], [A, B], [[0, 1], [1]]),
        overlapping_aliases=([[A, B], [B, C]], [A, B, C], [[0, 1], [1, 2]]),
        folder=([[A], [A_LISTS]], [A, A_LISTS], [[0], [1]]),
    )
    def test_once(
        self,
        mailboxes: list[list[Destination]],
        destinations: list[Destination],
        recipients: list[list[int]],
    ) -> None:
        """A mailbox that several recipients lead to is there once."""
        fanout = fan_out(mailboxes)
        self.assertEqual(destinations, list(fanout.destinations))
        self.assertEqual(recipients, [list(places) for places in fanout.recipients])

    @rows(
        all=([DELIVERED, DELIVERED], DELIVERED),
        temporary=([DELIVERED, TEMPORARY], TEMPORARY),
        permanent=([DELIVERED, PERMANENT], PERMANENT),
        temporary_wins=([PERMANENT, TEMPORARY], TEMPORARY),
        first_of_a_kind=([LATER, TEMPORARY], LATER),
    )
    def test_alias(
        self, each: list[RecipientOutcome], folded: RecipientOutcome
    ) -> None:
        """An alias is delivered when all are, and retried when that may help."""
        self.assertEqual([folded], fan_out([[A, B]]).fold(each))

    @given(st.data())
    @settings(deadline=None)
    def test_any(self, draw: st.DataObject) -> None:
        """DELIVERED is only said when every mailbox of the recipient has it."""
        mailboxes = draw.draw(
            st.lists(st.lists(st.sampled_from([A, B, C]), min_size=1))
        )
        fanout = fan_out(mailboxes)
        each = draw.draw(
            st.lists(
                outcomes,
                min_size=len(fanout.destinations),
                max_size=len(fanout.destinations),
            )
        )
        of = dict(zip(fanout.destinations, each, strict=True))
        folded = fanout.fold(each)
        self.assertEqual(len(mailboxes), len(folded))
        for recipient, outcome in zip(mailboxes, folded, strict=True):
            self.assertEqual(
                outcome == DELIVERED, all(of[box] == DELIVERED for box in recipient)
            )
