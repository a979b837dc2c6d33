"""mailapp.delivery.router."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import DeliveryFailure, PermanentFailure, TemporaryFailure
from mailapp.delivery.router import route
from mailapp.delivery.types import Route
from mailapp.directory.types import Elsewhere, Expanded, Resolution, Unknown
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import ALICE, BOB, local


@tabled
class RouteTests(SynchronousTestCase):
    """Every resolution has its route or its failure."""

    @rows(
        mailbox=(local("alice"), [local("alice")]),
        subaddress=(local("alice", "x"), [local("alice", "x")]),
        alias=(
            Expanded([local("alice"), local("bob")], []),
            [local("alice"), local("bob")],
        ),
    )
    def test_local(self, resolution: Resolution, mailboxes: list[object]) -> None:
        """What is ours is routed to its mailboxes, and to nothing remote."""
        routed = route(ALICE, resolution)
        self.assertEqual(Route(ALICE, routed.local), routed)
        self.assertEqual(mailboxes, list(routed.local))

    @rows(
        unknown=(Unknown(), PermanentFailure, 550, "5.1.1"),
        elsewhere=(Elsewhere(), PermanentFailure, 550, "5.7.1"),
        nobody=(Expanded([], []), PermanentFailure, 550, "5.1.1"),
        leaves=(Expanded([], [BOB]), TemporaryFailure, 451, "4.3.5"),
        partly=(Expanded([local("alice")], [BOB]), TemporaryFailure, 451, "4.3.5"),
    )
    @threat(18)
    def test_refused(
        self,
        resolution: Resolution,
        kind: type[DeliveryFailure],
        reply_code: int,
        enhanced: str,
    ) -> None:
        """Nothing is relayed, also not by an alias."""
        failure = self.assertRaises(DeliveryFailure, route, ALICE, resolution)
        self.assertIs(kind, type(failure))
        self.assertEqual(enhanced, failure.status.enhanced(reply_code))
