"""mailapp.queue.local: entries for mailboxes here."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailapp.core.address import Address
from mailapp.core.envelope import Notify, Recipient
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.delivery.local import LocalDelivery
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.types import Expanded, Local, Unknown
from mailapp.message.dsn_words import Action
from mailapp.queue.bounce import due
from mailapp.queue.interfaces import Consignment, ICarrier, IContent
from mailapp.queue.local import LocalCarrier
from mailapp.queue.types import LOCAL, Attempt, Entry, Outcome, Reported
from mailapp.storage.interfaces import IMailStore
from mailapp.storage.types import NoSpace, OverQuota
from tests.rows import rows, tabled
from tests.unit.delivery.doubles import (
    ALICE,
    BOB,
    Directory,
    Store,
    envelope,
    local,
    run,
)
from tests.unit.queue.doubles import DAVE
from tests.unit.queue.intake_case import ALIAS, ERIN, IntakeCase

MESSAGE = b"Subject: x\r\n\r\n" + b"y" * 100_000 + b"\r\n"


@implementer(IContent)
class Content:
    """The message, or a disk that fails."""

    size_octets = len(MESSAGE)

    def __init__(self, *, broken: bool = False, short: bool = False) -> None:
        self.broken = broken
        self.short = short

    async def read(self, start: int, length: int) -> bytes:
        """See :class:`IContent`."""
        if self.broken and start:
            raise TemporaryFailure(SYSTEM_TROUBLE)
        if self.short and start:
            return b""
        return MESSAGE[start : start + length]


class LocalCarrierTests(SynchronousTestCase):
    """Mailboxes get what waits for them; each recipient has its own outcome."""

    def setUp(self) -> None:
        """Alice and Bob are ours."""
        self.store = Store()
        self.directory = Directory({ALICE: local("alice"), BOB: local("bob")})
        delivery = LocalDelivery(
            cast(IMailStore, self.store),
            cast(IDirectory, self.directory),
            "mx.example.test",
        )
        self.carrier = LocalCarrier(delivery, lambda: 5.0)

    def carry(self, content: Any = None, *, places: Any = (0, 1)) -> list[Attempt]:
        """To alice and bob."""
        entry = Entry(envelope(ALICE, BOB), len(MESSAGE), False, 0.0)  # noqa: FBT003
        asked = Consignment(entry, list(places), LOCAL, content or Content())
        return list(run(self.carrier.carry(asked)))

    def outcomes(self, *args: Any, **options: Any) -> list[tuple[Outcome, str]]:
        """Outcome and status of each."""
        return [(a.outcome, a.status) for a in self.carry(*args, **options)]

    def test_delivered(self) -> None:
        """The whole content, once, for both."""
        verifyObject(ICarrier, self.carrier)
        done = Attempt(Outcome.DELIVERED, 5.0, "2.1.5", "in the mailbox")
        self.assertEqual(self.carry(), [done, done])
        [(octets, places)] = self.store.delivered
        self.assertTrue(octets.endswith(b"\r\n" + MESSAGE))
        self.assertEqual(len(places), 2)

    def test_one_place(self) -> None:
        """Only those who are asked for."""
        self.assertEqual(self.outcomes(places=[1]), [(Outcome.DELIVERED, "2.1.5")])
        [(_, places)] = self.store.delivered
        self.assertEqual([place.account for place in places], ["bob@example.test"])

    def test_unknown(self) -> None:
        """One who is gone fails for good; the other gets the message."""
        self.directory.table[ALICE] = Unknown()
        expected = [(Outcome.FAILED, "5.1.1"), (Outcome.DELIVERED, "2.1.5")]
        self.assertEqual(self.outcomes(), expected)

    def test_full(self) -> None:
        """A full mailbox waits; the other gets the message."""
        self.store.problems["bob@example.test"] = OverQuota()
        expected = [(Outcome.DELIVERED, "2.1.5"), (Outcome.DEFERRED, "4.2.2")]
        self.assertEqual(self.outcomes(), expected)

    def test_no_space(self) -> None:
        """A full disk: all wait, and nothing is left of it."""
        self.store.write_problem = NoSpace()
        self.assertEqual(self.outcomes(), [(Outcome.DEFERRED, "4.3.1")] * 2)
        self.assertEqual(self.store.sinks[0].aborted, 1)

    def test_unreadable(self) -> None:
        """A queue file that can't be read: all wait, nothing is delivered."""
        for content in (Content(broken=True), Content(short=True)):
            self.assertEqual(self.outcomes(content), [(Outcome.DEFERRED, "4.3.0")] * 2)
        self.assertEqual(self.store.delivered, [])
        self.assertTrue(all(sink.aborted for sink in self.store.sinks))

    def test_bug(self) -> None:
        """What nobody expected is not swallowed, and leaves nothing."""
        self.store.deliver_problem = ZeroDivisionError()
        self.assertRaises(ZeroDivisionError, self.carry)
        self.assertTrue(self.store.sinks[0].aborted)


@tabled
class AliasTests(IntakeCase):
    """What waited for an alias ends as it would have ended at once."""

    @rows(
        here=([local("bob")], [], Outcome.DELIVERED, False, False),
        several_here=(
            [local("bob"), local("alice")],
            [],
            Outcome.DELIVERED,
            False,
            False,
        ),
        several=([local("bob")], [DAVE], Outcome.RELAYED, True, False),
        all_elsewhere=([], [DAVE, ERIN], Outcome.RELAYED, True, False),
        one_elsewhere=([], [DAVE], Outcome.RELAYED, False, True),
    )
    def test_alias(
        self,
        here: list[Local],
        elsewhere: list[Address],
        outcome: Outcome,
        expanded: bool,  # noqa: FBT001
        dsn: bool,  # noqa: FBT001
    ) -> None:
        """Several elsewhere: ``expanded``; one takes over the duty to report."""
        self.table[ALIAS] = Expanded(here, elsewhere)
        carrier = LocalCarrier(self.make(from_queue=True), lambda: 5.0)
        entry = Entry(envelope(ALIAS), len(MESSAGE), False, 0.0)  # noqa: FBT003
        [found] = run(carrier.carry(Consignment(entry, [0], LOCAL, Content())))
        self.assertEqual(
            (outcome, "2.1.5", expanded, dsn),
            (found.outcome, found.status, found.expanded, found.dsn),
        )
        wish = Recipient(ALIAS, Notify.SUCCESS)
        action = due(wish, Reported(0, found))
        expected = None if dsn else Action.EXPANDED if expanded else Action.DELIVERED
        self.assertEqual(expected, action)
        self.assertEqual(len(here), sum(len(to) for _, to in self.store.delivered))
        self.assertEqual(bool(elsewhere), bool(self.queue.entries))
