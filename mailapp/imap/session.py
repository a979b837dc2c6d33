"""IMAP decisions: one event at a time, through the command table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar, Final

from attrs import evolve
from twisted.logger import Logger

from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.imap.commands import authenticate, idle
from mailapp.imap.commands.capability import announced
from mailapp.imap.commands.context import Context, Outlet
from mailapp.imap.commands.failures import status_of
from mailapp.imap.commands.intake import Intake
from mailapp.imap.commands.service import Service
from mailapp.imap.commands.sync import pending, sync
from mailapp.imap.commands.table import Row
from mailapp.imap.events import (
    GO_AHEAD,
    Answer,
    Challenge,
    Done,
    Event,
    LiteralAnnounced,
    MessageBegun,
    MessageOctets,
    MessagesEnded,
    Opened,
    Reply,
    Response,
    Wrong,
)
from mailapp.imap.grammar.command import Tagged
from mailapp.imap.grammar.values.commands import Append, Command
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, ok
from mailapp.storage.types import StoreError

VALID_SECONDS: Final = 1.0
"""How long an account is believed to be as it was."""


class ImapSession:
    """See :class:`mailapp.core.connection.Session`.

    Args:
        peer: the client.
        service: what it is served with.
        table: the commands that there are.
    """

    log: ClassVar = Logger()

    def __init__(
        self, peer: Peer, service: Service, table: Mapping[type[Command], Row]
    ) -> None:
        self._peer = peer
        self._service: Final = service
        self._table: Final = table
        self._context: Context | None = None
        self._intake: Intake | None = None
        self._valid_until = 0.0
        self._began = service.clock.seconds()
        self._commands = 0

    def attach(self, outlet: Outlet) -> None:
        """The way to the client; called once, before the first event."""
        self._context = Context(self._peer, self._service, outlet)

    async def respond(self, event: Event) -> Answer | None:
        """The answer to one event; a bug costs one command and no more."""
        context = self._context
        if context is None:
            msg = "a session that was not attached"
            raise AssertionError(msg)
        try:
            if isinstance(event, Tagged):
                context.tag = event.tag
                return await self._perform(context, event.command)
            return await self._other(context, event)
        except (StoreError, DeliveryFailure) as failure:
            self._forget_intake()
            return Reply(status_of(failure))
        except Exception:
            context.exchange = None
            self._forget_intake()
            self._bug(event)
            return Reply(replies.SERVER_BUG)

    def tls_started(self, tls: TLS) -> None:
        """Nothing that was said in the clear counts (RFC 9051, section 6.2.1)."""
        self._peer = evolve(self._peer, tls=tls)
        if self._context is not None:
            self._context = Context(self._peer, self._service, self._context.outlet)

    async def still_welcome(self) -> bool:
        """Whether the account may still be in (:class:`core.connection.Reviewed`)."""
        entrant = self._context.entrant if self._context is not None else None
        try:
            return entrant is None or await entrant.avatar.still_valid()
        except DeliveryFailure:
            return True  # the next one who asks may know

    def closed(self) -> None:
        """The connection is gone: let go of the mailbox, drop what is half done."""
        context = self._context
        if context is None or context.closed:
            return
        context.closed = True
        self._forget_intake()
        if context.pusher is not None:
            context.pusher.abandon()
        context.exchange = None
        context.deselect()
        entrant, context.entrant = context.entrant, None
        if entrant is not None:
            entrant.logout()
        self.log.info(
            "{account}: {commands} commands",
            event="imap.session.ended",
            session=self._peer.session,
            peer=self._peer.address,
            account=context.account_id or "-",
            commands=self._commands,
            seconds=round(self._service.clock.seconds() - self._began, 3),
        )

    # ---- commands

    async def _perform(self, context: Context, command: Command) -> Answer:
        """One command. Hot."""
        self._commands += 1
        context.outlet.begin()
        if context.entrant is not None and not await self._valid(context):
            return Reply(replies.ACCOUNT_GONE)
        row = self._table[type(command)]
        outcome = await row.perform(context, command)
        if not isinstance(outcome, Status):
            return outcome
        if row.syncs:
            await self._sync(context, row, command)
        return Reply(outcome, utf8=context.utf8)

    async def _valid(self, context: Context) -> bool:
        now = self._service.clock.seconds()
        if now >= self._valid_until:
            entrant = context.entrant
            if entrant is None or not await entrant.avatar.still_valid():
                return False
            self._valid_until = now + VALID_SECONDS
        return True

    async def _sync(self, context: Context, row: Row, command: Command) -> None:
        """Tell what happened in the meantime; the command itself has its result.

        RFC 9051, section 7.5.1: no EXPUNGE while sequence numbers are under way.
        """
        may_expunge = not row.numbers or getattr(command, "by_uid", False)
        if pending(context, may_expunge=may_expunge):
            # if it can't be read now: this command is done, and the next one looks too
            with suppress(StoreError, DeliveryFailure):
                await sync(context, may_expunge=may_expunge)

    async def _other(self, context: Context, event: Event) -> Answer | None:  # noqa: PLR0911
        """What is no command."""
        match event:
            case MessageOctets(octets):
                if self._intake is not None:
                    await self._intake.take(octets)
                return None
            case LiteralAnnounced():
                return GO_AHEAD
            case MessageBegun():
                return await self._message(context, event)
            case MessagesEnded():
                context.tag = event.tag
                return await self._append(context)
            case Response(octets):
                outcome = await authenticate.respond(context, octets)
                return outcome if isinstance(outcome, Challenge) else Reply(outcome)
            case Done():
                return Reply(await idle.done(context))
            case Opened():
                host = self._service.host_name
                return Reply(ok(f"{host} is ready", announced(context)))
            case Wrong(reply, forgets):
                await self._break_off(context, forgets=forgets)
                return Reply(reply)
            case _:
                raise AssertionError(event)

    async def _break_off(self, context: Context, *, forgets: bool) -> None:
        """A mistake ends what is under way."""
        if forgets and context.selected is not None:
            context.selected.saved = ()
        context.exchange = None
        self._forget_intake()
        if context.pusher is not None:
            await idle.done(context)

    # ---- APPEND

    async def _message(self, context: Context, event: MessageBegun) -> Answer:
        if self._intake is None:
            self._intake = Intake(context)
        refusal = await self._intake.begin(event.head)
        if refusal is not None and event.waits:
            self._intake = None
            return Reply(refusal)
        return GO_AHEAD

    async def _append(self, context: Context) -> Answer:
        if self._intake is None:
            msg = "the end of an APPEND without a beginning"
            raise AssertionError(msg)
        intake, self._intake = self._intake, None
        try:
            result = await intake.finish()
            if isinstance(result, Append):
                return await self._perform(context, result)
            return Reply(result)
        finally:
            intake.abort()  # if it was appended, nothing is left

    def _forget_intake(self) -> None:
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.abort()

    def _bug(self, event: Event) -> None:
        """It costs one command."""
        command = event.command if isinstance(event, Tagged) else event
        context = self._context
        self.log.failure(
            "bug in {command}",
            command=type(command).__name__,
            event="imap.command.failed",
            session=self._peer.session,
            account=context.account_id if context is not None else "-",
        )
