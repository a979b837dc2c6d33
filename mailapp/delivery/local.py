"""Delivery into the mailboxes of this server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from twisted.logger import Logger
from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import MAILBOX_FULL
from mailapp.delivery import router
from mailapp.delivery.body import LocalBody
from mailapp.delivery.fanout import Fanout, fan_out
from mailapp.delivery.interfaces import IDelivery
from mailapp.delivery.outcome import failure, outcome, status
from mailapp.delivery.stamp import stamp, stamp_again
from mailapp.delivery.telling import tell_delivered
from mailapp.delivery.types import RecipientOutcome, Route
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.types import Local
from mailapp.events.interfaces import IEvents
from mailapp.storage.interfaces import IBlobSink, IMailStore
from mailapp.storage.types import Destination, NoSuch, StoreError, Usage


@implementer(IDelivery)
class LocalDelivery:
    """Puts mail for local recipients into the store; nothing goes elsewhere.

    It holds nothing of its own: one serves all sessions of a process.

    Args:
        store: where mailboxes are.
        directory: what an address means.
        hostname: the name of this server in the ``by`` clause of its Received field.
        detail_folders: mail for ``user+detail`` goes into the account's top-level
            mailbox ``detail`` if there is one, else into INBOX.
        leaves: who asks for routes sends on what they lead elsewhere; else an alias
            that leads elsewhere is refused for now.
        events: told of each recipient that has the message.
        from_queue: messages come from the queue, with the Received field of this hop.
    """

    log: ClassVar = Logger()

    def __init__(  # noqa: PLR0913 - what it is composed of
        self,
        store: IMailStore,
        directory: IDirectory,
        hostname: str,
        *,
        detail_folders: bool = False,
        leaves: bool = False,
        events: IEvents | None = None,
        from_queue: bool = False,
    ) -> None:
        self._store = store
        self._directory = directory
        self._hostname = hostname
        self._detail_folders = detail_folders
        self._leaves = leaves
        self._events = events
        self._stamp = stamp_again if from_queue else stamp

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """Where mail for this recipient would go.

        Raises:
            PermanentFailure: unknown (550 5.1.1), relaying denied (550 5.7.1).
            TemporaryFailure: the directory or the store does not answer (451 4.3.0),
                a mailbox is full (452 4.2.2).
        """
        resolution = await self._directory.resolve(address)
        route = router.route(address, resolution, relays=relays, leaves=self._leaves)
        for local in route.local:
            await self._prepare(local)
        return route

    def begin(
        self,
        envelope: Envelope,
        routes: Sequence[Route],
        fields: Sequence[tuple[str, str]] = (),
    ) -> LocalBody:
        """Begin the message; see :class:`IDelivery`.

        A recipient without a mailbox here is no failure: another sends its copy on.
        """
        top = self._stamp(envelope, self._hostname, fields)
        declared = envelope.declared_size_octets
        sink = self._store.stage(declared + len(top) if declared else None)
        details = self._detail_folders and any(
            local.detail for route in routes for local in route.local
        )
        fanout = None if details else _to_inboxes(routes)

        async def deliver(sink: IBlobSink) -> Sequence[RecipientOutcome]:
            goals = fanout or await self._to_folders(routes)
            outcomes = await self._deliver(sink, goals)
            if self._events is not None:
                tell_delivered(self._events, envelope, routes, outcomes)
            return outcomes

        return LocalBody(sink, top, deliver)

    async def _deliver(
        self, sink: IBlobSink, fanout: Fanout
    ) -> Sequence[RecipientOutcome]:
        problems: Sequence[StoreError | None]
        try:
            problems = await self._store.deliver(sink, fanout.destinations)
        except StoreError as problem:
            problems = [problem] * len(fanout.destinations)
        for destination, reason in zip(fanout.destinations, problems, strict=True):
            if reason is not None:
                self.log.warn(
                    "no delivery to {account}: {reason}",
                    event="delivery.local.failed",
                    account=destination.account,
                    reason=status(reason).text,
                )
        return fanout.fold([outcome(problem) for problem in problems])

    async def _prepare(self, local: Local) -> None:
        """Make a new account's mailbox, or say now that it is full.

        An account begins in the directory alone. What is full is refused at RCPT, since
        it would come out only after the whole message was sent.
        """
        account = local.account
        try:
            try:
                mailbox = await self._store.open(account.id)
            except NoSuch:
                mailbox = await self._store.create(account.id, account.quota_octets)
            full = account.quota_octets and _is_full(await mailbox.usage())
        except StoreError as problem:
            raise failure(problem) from problem
        if full:
            raise TemporaryFailure(MAILBOX_FULL)

    async def _to_folders(self, routes: Sequence[Route]) -> Fanout:
        return fan_out(
            [[await self._mailbox(local) for local in route.local] for route in routes]
        )

    async def _mailbox(self, local: Local) -> Destination:
        """The folder named by the detail, or INBOX, also when it can't be told."""
        inbox = Destination(local.account.id)
        if not local.detail:
            return inbox
        try:
            account = await self._store.open(local.account.id)
            folders = await account.folders()
        except StoreError:
            return inbox
        name = (local.detail,)
        if any(folder.name == name for folder in folders):
            return Destination(local.account.id, name)
        return inbox


def _to_inboxes(routes: Sequence[Route]) -> Fanout:
    return fan_out(
        [[Destination(local.account.id) for local in route.local] for route in routes]
    )


def _is_full(usage: Usage) -> bool:
    return (
        0 < usage.limit_octets <= usage.octets
        or 0 < usage.limit_messages <= usage.messages
    )
