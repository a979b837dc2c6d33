"""mailapp.delivery.router."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.failures import DeliveryFailure, PermanentFailure, TemporaryFailure
from mailapp.delivery.router import route
from mailapp.delivery.types import Route
from mailapp.directory.types import (
    Elsewhere,
    Expanded,
    MailingList,
    Resolution,
    Unknown,
)
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import ALICE, BOB, local

TEAM = MailingList(ALICE, BOB, [BOB])


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
        self.assertEqual(Route(ALICE, routed.local, []), evolve(routed, remote=[]))
        self.assertTrue(routed.stays)
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
        """Without a queue nothing leaves, also not by an alias."""
        failure = self.assertRaises(DeliveryFailure, route, ALICE, resolution)
        self.assertIs(kind, type(failure))
        self.assertEqual(enhanced, failure.status.enhanced(reply_code))

    @rows(
        alias=(Expanded([local("alice")], [BOB]), False, [BOB]),
        list=(Expanded([], [], [TEAM]), False, []),
        relay=(Elsewhere(), True, [ALICE]),
    )
    def test_leaves(
        self,
        resolution: Resolution,
        relays: bool,  # noqa: FBT001 - a row
        remote: list[object],
    ) -> None:
        """With a queue, aliases lead elsewhere for all; relaying is for some."""
        routed = route(ALICE, resolution, relays=relays, leaves=True)
        self.assertEqual(remote, list(routed.remote))
        self.assertEqual(relays, routed.is_relayed)
        self.assertFalse(routed.stays)

    @rows(
        stranger=(Elsewhere(), ALICE, False, True),
        no_queue=(Elsewhere(), ALICE, True, False),
        no_domain=(Elsewhere(), Address("postmaster", ""), True, True),
        gone=(Expanded([], []), ALICE, True, True),
        unknown=(Unknown(), ALICE, True, True),
    )
    @threat(18)
    def test_stays(
        self,
        resolution: Resolution,
        address: Address,
        relays: bool,  # noqa: FBT001 - a row
        leaves: bool,  # noqa: FBT001 - a row
    ) -> None:
        """Nothing leaves for a stranger, without a queue, or to nowhere."""
        self.assertRaises(
            PermanentFailure, route, address, resolution, relays=relays, leaves=leaves
        )
