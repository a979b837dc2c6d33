"""The decisions of a connection: events to policy and delivery, then replies.

One event at a time. What a peer did wrong was found by the connection and only passes
by; what fails as expected has a status; anything else is a bug, caught here once per
event, logged, and answered 451 4.3.0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

from attrs import evolve
from twisted.logger import Logger

from mailapp.core import status as statuses
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.core.status import Status
from mailapp.delivery.interfaces import IDelivery
from mailapp.policy.interfaces import Content, IPolicy, Origin
from mailapp.policy.verdict import Defer, Reject, Tag, Verdict
from mailapp.smtp import replies
from mailapp.smtp.connection import (
    BodyChunk,
    BodyRefused,
    EndOfBody,
    Misstep,
    Opened,
)
from mailapp.smtp.extensions.size import declared_size
from mailapp.smtp.extensions.smtputf8 import wants_utf8
from mailapp.smtp.extensions.starttls import StartTls
from mailapp.smtp.grammar import command as commands
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.inquiry import Inquiry
from mailapp.smtp.outcomes import fold
from mailapp.smtp.profile import Profile
from mailapp.smtp.transaction import Transaction

Responder = Callable[[Any], Awaitable[Reply | None]]
Pause = Callable[[float], Awaitable[object]]
"""Waits so many seconds."""

# A session can't fill the log (threat 123); its last line tells how many there were.
_REFUSALS_LOGGED: Final = 50
_TOO_MANY_TRANSACTIONS: Final = Status(
    7, 0, "too many messages in one session, connect again"
)


class SmtpSession:
    """One connection, as :class:`mailapp.core.connection.Session` promises.

    Args:
        peer: the client.
        profile: what the listener is.
        delivery: where mail goes.
        policy: what the administrator wants.
        now: seconds since the epoch.
        token: a new id for each transaction.
        pause: delays replies to peers that make many mistakes; None: never.
    """

    log: ClassVar = Logger()

    def __init__(  # noqa: PLR0913 - what it is composed of
        self,
        peer: Peer,
        profile: Profile,
        delivery: IDelivery,
        policy: IPolicy,
        *,
        now: Callable[[], float],
        token: Callable[[], str],
        pause: Pause | None = None,
    ) -> None:
        self._peer = peer
        self._profile = profile
        self._delivery = delivery
        self._policy = policy
        self._now = now
        self._token = token
        self._pause = None if peer.trusted else pause
        self._inquiry = Inquiry(profile, delivery)
        self._helo = ""
        self._protocol = "SMTP"
        self._transaction: Transaction | None = None
        self._transactions = 0
        self._accepted = 0
        self._refusals = 0  # since a message was taken
        self._session_refusals = 0
        self._connect_fields: list[tuple[str, str]] = []
        self._helo_fields: list[tuple[str, str]] = []
        self._responders: dict[type, Responder] = {
            Opened: self._opened,
            Misstep: self._misstep,
            commands.Helo: self._hello,
            commands.Ehlo: self._hello,
            commands.Mail: self._mail,
            commands.Rcpt: self._rcpt,
            commands.Data: self._data,
            BodyChunk: self._body_chunk,
            BodyRefused: self._body_refused,
            EndOfBody: self._end_of_body,
            commands.Rset: self._rset,
            commands.Noop: self._noop,
            commands.Quit: self._quit,
            commands.Vrfy: self._inquiry.verify,
            commands.Expn: self._inquiry.expand,
            commands.Help: self._help,
            StartTls: self._starttls,
        }

    async def respond(self, event: Any) -> Reply | None:
        """Give the reply to an event, or None where none is due."""
        try:
            reply = await self._responders[type(event)](event)
        except DeliveryFailure as failure:
            reply = replies.of_exception(failure)
        except Exception:
            self.log.failure(
                "Bug in the answer to {kind}",
                event="smtp.session.failed",
                session=self._peer.session,
                kind=type(event).__name__,
            )
            reply = self._after_bug(event)
        if reply is not None and not reply.positive:
            await self._refused(event, reply)
        return reply

    def tls_started(self, tls: TLS) -> None:
        """RFC 3207, section 4.2: forget what the client said in the clear."""
        self._peer = evolve(self._peer, tls=tls)
        self._end_transaction()
        self._helo = ""
        self._protocol = "SMTP"
        self._helo_fields.clear()

    def closed(self) -> None:
        """The connection is gone."""
        self._end_transaction()
        self.log.info(
            "SMTP session with {peer} ended, {accepted} messages accepted",
            event="smtp.connection.closed",
            session=self._peer.session,
            peer=self._peer.address,
            accepted=self._accepted,
            refusals=self._session_refusals,
        )

    # ---- when it goes wrong

    def _after_bug(self, event: object) -> Reply | None:
        """What was under way is dropped; the state is known by that."""
        if isinstance(event, BodyChunk | BodyRefused):
            if self._transaction is not None:
                self._transaction.fail(replies.LOCAL_TROUBLE)
            return None
        if isinstance(event, Opened):
            return self._profile.closing(statuses.SYSTEM_TROUBLE)
        return replies.LOCAL_TROUBLE

    async def _refused(self, event: object, reply: Reply) -> None:
        """Tell the log, and slow down whoever is refused all the time (threat 19)."""
        self._refusals += 1
        self._session_refusals += 1
        if self._session_refusals <= _REFUSALS_LOGGED:
            self._log_refusal(event, reply)
        limits = self._profile.limits
        if self._pause is not None and self._refusals > limits.soft_errors:
            await self._pause(limits.delay_seconds)

    def _log_refusal(self, event: object, reply: Reply) -> None:
        kind = "rcpt" if isinstance(event, commands.Rcpt) else "command"
        self.log.info(
            "Refused {kind} of {peer}: {reply}",
            event=f"smtp.{kind}.refused",
            session=self._peer.session,
            peer=self._peer.address,
            kind=type(event).__name__,
            reply=reply.text,
        )

    async def _misstep(self, event: Misstep) -> Reply:
        return event.reply

    # ---- session

    async def _opened(self, _event: Opened) -> Reply:
        verdict = await self._policy.connect(self._peer)
        refusal = self._judge(verdict, self._connect_fields)
        if refusal is None:
            return replies.greeting(self._profile.hostname)
        if refusal.code // 100 == 5:  # noqa: PLR2004
            # RFC 5321, section 3.1: 554 and no other 5yz in place of the greeting;
            # 521 says that no mail is ever taken here (RFC 7504, section 3)
            return refusal if refusal.closes else replies.no_service(verdict)
        return self._profile.closing(_status_of(verdict))

    async def _hello(self, event: commands.Helo | commands.Ehlo) -> Reply:
        fields: list[tuple[str, str]] = []
        verdict = await self._policy.helo(self._peer, event.name)
        refusal = self._judge(verdict, fields)
        if refusal is not None:
            return refusal
        # RFC 5321, section 4.1.4: "clear all buffers and reset the state exactly as
        # if a RSET command had been issued"
        self._end_transaction()
        self._helo_fields = fields
        self._helo = event.name
        tls_on = self._peer.tls is not None
        if isinstance(event, commands.Helo):
            self._protocol = "SMTP"
            return self._profile.helo()
        self._protocol = "ESMTPS" if tls_on else "ESMTP"  # RFC 3848
        return self._profile.ehlo(tls_on=tls_on)

    async def _rset(self, _event: commands.Rset) -> Reply:
        self._end_transaction()
        return replies.OK

    async def _noop(self, _event: commands.Noop) -> Reply:
        return replies.OK

    async def _quit(self, _event: commands.Quit) -> Reply:
        return replies.goodbye(self._profile.hostname)

    async def _help(self, event: commands.Help) -> Reply:
        return self._profile.help(event.topic)

    async def _starttls(self, _event: StartTls) -> Reply:
        if self._peer.tls is not None:
            return replies.TLS_IS_ON
        if not self._profile.tls_available:
            return replies.NOT_IMPLEMENTED
        return replies.READY_FOR_TLS

    # ---- transaction

    async def _mail(self, event: commands.Mail) -> Reply:
        limits = self._profile.limits
        if limits.transactions and self._transactions >= limits.transactions:
            return self._profile.closing(_TOO_MANY_TRANSACTIONS)
        self._transactions += 1  # RFC 9422, section 4.1: also those that fail
        if not event.is_ascii and not wants_utf8(event.parameters):
            return replies.SENDER_NOT_ASCII
        size = declared_size(event.parameters)
        most = self._profile.content.size_octets
        if size is not None and most and size > most:
            return replies.MESSAGE_TOO_BIG
        origin = Origin(self._peer, self._helo, event.reverse_path, None, size)
        fields = [*self._connect_fields, *self._helo_fields]
        refusal = self._judge(await self._policy.mail(origin), fields)
        if refusal is not None:
            return refusal
        self._transaction = Transaction(self._token(), origin, event.parameters)
        self._transaction.fields = fields
        return replies.SENDER_OK

    async def _rcpt(self, event: commands.Rcpt) -> Reply:
        transaction = self._open_transaction()
        address = event.address
        if not event.is_ascii and not transaction.utf8:
            return replies.RECIPIENT_NOT_ASCII
        if transaction.has(address):
            return replies.RECIPIENT_OK
        accepted = transaction.recipients
        if accepted >= self._profile.limits.recipients:
            # RFC 5321, section 4.5.3.1.10: 452, and those before stay accepted
            return replies.TOO_MANY_RECIPIENTS
        fields: list[tuple[str, str]] = []
        verdict = await self._policy.rcpt(transaction.origin, address, accepted)
        refusal = self._judge(verdict, fields)
        if refusal is not None:
            return refusal
        transaction.add(await self._delivery.route(address), fields)
        return replies.RECIPIENT_OK

    async def _data(self, _event: commands.Data) -> Reply:
        transaction = self._open_transaction()
        protocol = self._protocol
        if transaction.utf8:
            # RFC 6531, section 4.3
            protocol = protocol.replace("ESMTP", "UTF8SMTP")
        transaction.begin(self._delivery, protocol, self._now())
        return replies.START_CONTENT

    async def _body_chunk(self, event: BodyChunk) -> None:
        transaction = self._open_transaction()
        if transaction.body is None:
            return
        try:
            await transaction.body.write(event.octets)
        except DeliveryFailure as failure:
            transaction.fail(replies.of_exception(failure))

    async def _body_refused(self, _event: BodyRefused) -> None:
        self._open_transaction().abort()

    async def _end_of_body(self, event: EndOfBody) -> Reply:
        transaction, self._transaction = self._open_transaction(), None
        try:
            reply = await self._finish(transaction, event)
        finally:
            transaction.abort()
        if reply.positive:
            self._accepted += 1
            self._refusals = 0
            self.log.info(
                "Message {transaction} of {size_octets} octets accepted",
                event="smtp.message.accepted",
                session=self._peer.session,
                peer=self._peer.address,
                transaction=transaction.id,
                size_octets=event.size_octets,
                recipients=transaction.recipients,
                eight_bit=event.eight_bit,
            )
        return reply

    async def _finish(self, transaction: Transaction, event: EndOfBody) -> Reply:
        refusal = event.refusal or transaction.failure
        if refusal is not None:
            return refusal
        body, envelope = transaction.body, transaction.envelope
        if body is None or envelope is None:
            return replies.LOCAL_TROUBLE
        content = Content(event.header, event.size_octets)
        verdict = await self._policy.body(envelope, content)
        refusal = self._judge(verdict, [])
        if refusal is not None:
            return refusal
        return fold(await body.commit(), transaction.id)

    def _open_transaction(self) -> Transaction:
        """The one that the connection's state says is there."""
        if self._transaction is None:
            msg = "no transaction is open"
            raise RuntimeError(msg)
        return self._transaction

    def _end_transaction(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.abort()

    def _judge(self, verdict: Verdict, fields: list[tuple[str, str]]) -> Reply | None:
        """The reply if it is a refusal; what a tag says goes to ``fields``."""
        if isinstance(verdict, Reject | Defer):
            return replies.refusal(verdict)
        if isinstance(verdict, Tag):
            fields.extend(verdict.fields)
        return None


def _status_of(verdict: Verdict) -> Status:
    if isinstance(verdict, Reject | Defer):
        return verdict.status
    return statuses.SYSTEM_TROUBLE
