"""mailapp.delivery.local, body and outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.address import Address
from mailapp.core.failures import DeliveryFailure, PermanentFailure, TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.delivery.fanout import DELIVERED
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.local import LocalDelivery
from mailapp.delivery.types import Failed, Route
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.types import Expanded, Resolution, Unknown
from mailapp.storage.interfaces import IMailStore
from mailapp.storage.types import (
    INBOX,
    AccountId,
    Destination,
    NoSpace,
    NoSuch,
    OverQuota,
    StoreError,
    Unavailable,
    Usage,
)
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import (
    ALICE,
    BOB,
    Directory,
    OneAccount,
    Store,
    envelope,
    local,
    run,
)


class DeliveryCase(SynchronousTestCase):
    """A delivery between doubles."""

    def setUp(self) -> None:
        """Alice and Bob are ours."""
        self.store = Store()
        self.table: dict[Address, Resolution | Exception] = {
            ALICE: local("alice"),
            BOB: local("bob"),
        }
        self.delivery = self.make()

    def make(self, **options: Any) -> LocalDelivery:
        """A delivery on the same doubles."""
        return LocalDelivery(
            cast(IMailStore, self.store),
            cast(IDirectory, Directory(self.table)),
            "mx.example.test",
            **options,
        )

    def deliver(self, *recipients: Address, **changes: Any) -> Sequence[object]:
        """Route, begin, write two chunks, commit."""
        routes = [run(self.delivery.route(address)) for address in recipients]
        body = self.delivery.begin(envelope(*recipients, **changes), routes)
        run(body.write(b"Subject: x\r\n\r\nbo"))
        run(body.write(b"dy\r\n"))
        return run(body.commit())


@tabled
class RouteTests(DeliveryCase):
    """What is said at RCPT."""

    def test_interfaces(self) -> None:
        """Both seams are provided."""
        verifyObject(IDelivery, self.delivery)
        body = self.delivery.begin(envelope(ALICE), [Route(ALICE, [local("alice")])])
        verifyObject(IBody, body)

    def test_known(self) -> None:
        """A mailbox of ours is accepted."""
        self.assertEqual(
            Route(ALICE, (local("alice"),)), run(self.delivery.route(ALICE))
        )

    @rows(
        unknown=(Unknown(), PermanentFailure, "550 5.1.1"),
        directory_down=(
            TemporaryFailure(SYSTEM_TROUBLE),
            TemporaryFailure,
            "451 4.3.0",
        ),
    )
    def test_refused(
        self,
        resolution: Resolution | Exception,
        kind: type[DeliveryFailure],
        reply: str,
    ) -> None:
        """The directory's word is passed on."""
        self.table[ALICE] = resolution
        self.assert_refused(kind, reply)

    def assert_refused(self, kind: type[DeliveryFailure], reply: str) -> None:
        """Routing alice fails like this."""
        route = self.delivery.route(ALICE)
        failure = self.assertRaises(DeliveryFailure, run, route)
        self.assertIs(kind, type(failure))
        code = int(reply[:3])
        self.assertEqual(reply, f"{code} {failure.status.enhanced(code)}")

    @rows(
        octets=Usage(1, 1000, limit_octets=1000),
        over=Usage(1, 1001, limit_octets=1000),
        messages=Usage(5, 10, limit_octets=1000, limit_messages=5),
    )
    def test_full(self, usage: Usage) -> None:
        """A full mailbox refuses at RCPT, before the message is sent: 452 4.2.2."""
        self.table[ALICE] = local("alice", quota_octets=1000)
        self.store.usage = usage
        self.assert_refused(TemporaryFailure, "452 4.2.2")

    def test_full_member(self) -> None:
        """An alias with a full member is put off as a whole: nobody gets it twice."""
        self.table[ALICE] = Expanded(
            [local("bob"), local("carol", quota_octets=9)], remote=[]
        )
        self.store.usage = Usage(1, 9, limit_octets=9)
        self.assert_refused(TemporaryFailure, "452 4.2.2")

    def test_room(self) -> None:
        """A mailbox with room is accepted."""
        self.table[ALICE] = local("alice", quota_octets=1000)
        self.store.usage = Usage(1, 999, limit_octets=1000)
        run(self.delivery.route(ALICE))
        self.assertEqual(self.store.created, [])

    @rows(limited=1000, unlimited=0)
    def test_new_account(self, quota_octets: int) -> None:
        """An account that is only in the directory yet gets its mailbox at RCPT."""
        self.table[ALICE] = local("alice", quota_octets=quota_octets)
        self.store.open_problem = NoSuch()
        run(self.delivery.route(ALICE))
        self.assertEqual(self.store.created, [(str(ALICE), quota_octets)])

    @rows(limited=1000, unlimited=0)
    def test_usage_unknown(self, quota_octets: int) -> None:
        """A store that does not answer is a temporary failure."""
        self.table[ALICE] = local("alice", quota_octets=quota_octets)
        self.store.open_problem = Unavailable()
        self.assert_refused(TemporaryFailure, "451 4.3.0")


@tabled
class DeliverTests(DeliveryCase):
    """From begin to commit."""

    def test_one(self) -> None:
        """The content lies below the stamp, untouched, in the recipient's INBOX."""
        self.assertEqual([DELIVERED], self.deliver(ALICE))
        [(message, destinations)] = self.store.delivered
        self.assertEqual(
            [Destination(AccountId("alice@example.test"))], [*destinations]
        )
        self.assertTrue(message.endswith(b"\r\nSubject: x\r\n\r\nbody\r\n"))
        self.assertTrue(message.startswith((b"Return-Path:", b"Delivered-To:")))

    def test_first_write(self) -> None:
        """Stamp and first chunk are one write."""
        self.deliver(ALICE)
        self.assertEqual(2, len(self.store.sinks[0].chunks))

    def test_empty(self) -> None:
        """A message of no octets is the stamp alone."""
        body = self.delivery.begin(envelope(ALICE), [run(self.delivery.route(ALICE))])
        self.assertEqual([DELIVERED], run(body.commit()))
        self.assertIn(b"Received:", self.store.delivered[0][0])

    def test_size_hint(self) -> None:
        """The store is told what the client declared, and our stamp."""
        self.deliver(ALICE, declared_size_octets=1000)
        self.assertGreater(self.store.hints[0] or 0, 1000)
        self.deliver(ALICE)
        self.assertIsNone(self.store.hints[1])

    def test_once(self) -> None:
        """Two recipients with one mailbox: one copy, two outcomes."""
        self.table[BOB] = Expanded([local("alice"), local("bob")], remote=[])
        self.assertEqual([DELIVERED] * 2, self.deliver(ALICE, BOB))
        self.assertEqual(
            ["alice@example.test", "bob@example.test"],
            [to.account for to in self.store.delivered[0][1]],
        )

    @rows(
        no_space=(NoSpace(), "452 4.3.1"),
        over_quota=(OverQuota(), "452 4.2.2"),
        unavailable=(Unavailable(), "451 4.3.0"),
        gone=(NoSuch(), "451 4.3.0"),
        unknown=(StoreError(), "451 4.3.0"),
    )
    @threat(113)
    def test_failed(self, problem: StoreError, reply: str) -> None:
        """A failure of the store is the recipient's alone, and temporary."""
        self.store.problems["alice@example.test"] = problem
        failed, delivered = self.deliver(ALICE, BOB)
        self.assertEqual(DELIVERED, delivered)
        assert isinstance(failed, Failed)
        self.assertFalse(failed.permanent)
        code = int(reply[:3])
        self.assertEqual(reply, f"{code} {failed.status.enhanced(code)}")

    def test_all_failed(self) -> None:
        """What the store raises has failed every recipient."""
        self.store.deliver_problem = NoSpace()
        outcomes = self.deliver(ALICE, BOB)
        self.assertEqual(
            [False] * 2, [o.permanent for o in cast(list[Failed], outcomes)]
        )

    @threat(113)
    def test_write_fails(self) -> None:
        """A full disk in the middle of the content is 452 4.3.1."""
        self.store.write_problem = NoSpace()
        body = self.delivery.begin(envelope(ALICE), [Route(ALICE, [local("alice")])])
        failure = self.assertRaises(TemporaryFailure, run, body.write(b"x"))
        self.assertEqual("4.3.1", failure.status.enhanced(452))
        body.abort()
        self.assertEqual(1, self.store.sinks[0].aborted)

    def test_abort(self) -> None:
        """Aborting is final, may be repeated, and harms no commit."""
        body = self.delivery.begin(envelope(ALICE), [Route(ALICE, [local("alice")])])
        run(body.write(b"x"))
        body.abort()
        body.abort()
        self.assertEqual(1, self.store.sinks[0].aborted)
        self.assertRaises(TemporaryFailure, run, body.write(b"y"))
        self.assertRaises(TemporaryFailure, run, body.commit())
        self.assertEqual([], self.store.delivered)
        self.deliver(ALICE)
        self.assertEqual(0, self.store.sinks[1].aborted)

    def test_bug(self) -> None:
        """A bug in the store leaves no temporary file behind."""
        self.store.deliver_problem = ValueError()
        self.assertRaises(ValueError, self.deliver, ALICE)
        self.assertEqual(1, self.store.sinks[0].aborted)


@tabled
class DetailTests(DeliveryCase):
    """Subaddresses."""

    @rows(
        off=({}, "lists", INBOX),
        folder=({"detail_folders": True}, "lists", ("lists",)),
        no_folder=({"detail_folders": True}, "Lists", INBOX),
        no_detail=({"detail_folders": True}, "", INBOX),
    )
    def test_folder(
        self, options: dict[str, bool], detail: str, folder: tuple[str, ...]
    ) -> None:
        """The detail names a folder only if that is wanted and there is one."""
        self.delivery = self.make(**options)
        self.store.folders = ["lists"]
        self.table[ALICE] = local("alice", detail)
        self.assertEqual([DELIVERED], self.deliver(ALICE))
        self.assertEqual([folder], [to.folder for to in self.store.delivered[0][1]])

    def test_store_down(self) -> None:
        """When folders can't be listed the message goes to INBOX."""
        self.delivery = self.make(detail_folders=True)
        self.table[ALICE] = local("alice", "lists")

        async def down(_account: OneAccount) -> Any:
            raise Unavailable

        self.patch(OneAccount, "folders", down)
        self.assertEqual([DELIVERED], self.deliver(ALICE))
        self.assertEqual([INBOX], [to.folder for to in self.store.delivered[0][1]])
