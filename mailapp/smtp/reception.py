"""The transactions of a session: MAIL, RCPT, DATA, content, end of data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import frozen

from mailapp.core.address import Address
from mailapp.core.envelope import Body, Envelope
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import Peer
from mailapp.core.status import Status
from mailapp.delivery.interfaces import IDelivery
from mailapp.delivery.types import RecipientOutcome
from mailapp.net.saying import QuickLogger
from mailapp.policy.interfaces import Content, IPolicy, Origin
from mailapp.policy.verdict import ACCEPT, Defer, Reject, Tag, Verdict
from mailapp.smtp import replies
from mailapp.smtp.dialect import ESMTP
from mailapp.smtp.events import BodyChunk, BodyRefused, EndOfBody, EndOfChunk
from mailapp.smtp.extensions.chunking import Bdat
from mailapp.smtp.extensions.dsn import recipient
from mailapp.smtp.extensions.extension import NO_TERMS, Circumstances
from mailapp.smtp.extensions.size import declared_size
from mailapp.smtp.extensions.smtputf8 import wants_utf8
from mailapp.smtp.grammar.command import Data, Mail, Rcpt
from mailapp.smtp.grammar.parameters import Parameters
from mailapp.smtp.grammar.reply import Answer, Reply
from mailapp.smtp.outcomes import fold
from mailapp.smtp.profile import Profile
from mailapp.smtp.telling import Telling
from mailapp.smtp.transaction import Fields, Transaction

_TOO_MANY_TRANSACTIONS: Final = Status(
    7, 0, "too many messages in one session, connect again"
)

_BINARY: Final = Body.BINARY


@frozen
class Client:
    """Who is there, as far as it is known now.

    Attributes:
        helo: what it called itself; empty if it did not.
        protocol: the ``with`` word of RFC 3848.
        fields: what policy wants said in all of its messages.
        account: who is logged in.
        relays: it may send to other servers through this one.
    """

    peer: Peer
    helo: str = ""
    protocol: str = "SMTP"
    fields: Fields = ()
    account: str | None = None
    relays: bool = False


class Reception:
    """Receives message after message.

    The connection's state says which event may come; so a transaction that is missing
    where one must be is a bug, not a mistake of the peer.

    Attributes:
        client: set by the session.
        accepted: how many messages were taken.
    """

    log: ClassVar = QuickLogger()

    def __init__(  # noqa: PLR0913 - what it is composed of
        self,
        client: Client,
        profile: Profile,
        delivery: IDelivery,
        policy: IPolicy,
        *,
        now: Callable[[], float],
        token: Callable[[], str],
        telling: Telling,
    ) -> None:
        self.client = client
        self.accepted = 0
        self._profile = profile
        self._delivery = delivery
        self._policy = policy
        self._now = now
        self._token = token
        self._telling = telling
        self._begun = 0
        self._transaction: Transaction | None = None

    @property
    def transaction_id(self) -> str:
        """Of the transaction that is open, or an empty text."""
        return "" if self._transaction is None else self._transaction.id

    def responders(self) -> dict[type, Callable[[Any], Awaitable[Answer | None]]]:
        """Who answers which event."""
        return {
            Mail: self.mail,
            Rcpt: self.rcpt,
            Data: self.begin_content,
            Bdat: self.begin_chunks,
            BodyChunk: self.body_chunk,
            EndOfChunk: self.end_of_chunk,
            BodyRefused: self.body_refused,
            EndOfBody: self.end_of_body,
        }

    def end(self) -> None:
        """Forget the transaction as a whole, if there is one."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.abort()

    def fail(self, reply: Reply) -> None:
        """The content can't be kept; say so at the end of data."""
        if self._transaction is not None:
            self._transaction.fail(reply)

    async def mail(self, event: Mail) -> Reply:
        """MAIL: begin a transaction."""
        limits = self._profile.limits
        if limits.transactions and self._begun >= limits.transactions:
            return self._profile.closing(_TOO_MANY_TRANSACTIONS)
        self._begun += 1  # RFC 9422, section 4.1: also those that fail
        if not event.is_ascii and not wants_utf8(event.parameters):
            return replies.SENDER_NOT_ASCII
        client = self.client
        size = declared_size(event.parameters)
        most = self._profile.content.size_octets
        if size is not None and most and size > most:
            return replies.MESSAGE_TOO_BIG
        origin = Origin(
            client.peer, client.helo, event.reverse_path, client.account, size
        )
        fields = list(client.fields)
        refusal = judge(await self._policy.mail(origin), fields)
        if refusal is not None:
            return refusal
        reply, terms = replies.SENDER_OK, NO_TERMS
        if not self._profile.settlements.keys().isdisjoint(event.parameters):
            reply, terms = self._settle(event.parameters)
            if not reply.positive:
                return reply
        self._transaction = Transaction(self._token(), origin, event.parameters)
        self._transaction.fields = fields
        self._transaction.terms = terms
        return reply

    def _settle(self, parameters: Parameters) -> tuple[Reply, Mapping[str, Any]]:
        """What the parameters of extensions come to, one extension after the other."""
        client, settlements = self.client, self._profile.settlements
        circumstances = Circumstances(
            self._now(), client.peer.tls is not None, client.relays
        )
        reply, terms = replies.SENDER_OK, dict(NO_TERMS)
        due = {settlements[k]: None for k in parameters if k in settlements}
        for settle in due:
            agreed = settle(parameters, circumstances)
            if isinstance(agreed, Reply):
                return agreed, NO_TERMS
            reply = agreed.reply or reply
            terms |= agreed.terms
        return reply, terms

    async def rcpt(self, event: Rcpt) -> Reply:
        """RCPT: one more recipient."""
        transaction = self._open_transaction()
        address = event.address
        if not event.is_ascii and not transaction.utf8:
            return replies.RECIPIENT_NOT_ASCII
        if transaction.has(address):
            return self._again(transaction, address)
        accepted = transaction.recipients
        if accepted >= self._profile.limits.recipients:
            # RFC 5321, section 4.5.3.1.10: 452, and those before stay accepted
            return replies.TOO_MANY_RECIPIENTS
        fields: list[tuple[str, str]] = []
        verdict = await self._policy.rcpt(transaction.origin, address, accepted)
        refusal = judge(verdict, fields)
        if refusal is not None:
            return refusal
        relays = self.client.relays
        route = await self._delivery.route(address, relays=relays)
        if event.parameters:
            transaction.add(route, fields, recipient(address, event.parameters))
        else:
            transaction.add(route, fields)
        return replies.RECIPIENT_OK

    async def begin_content(self, _event: Data) -> Reply:
        """DATA: the content comes next."""
        transaction = self._open_transaction()
        if transaction.declared is _BINARY:
            # RFC 3030, section 3; the transaction stays as it was
            return replies.BINARY_NEEDS_CHUNKS
        self._begin(transaction)
        return replies.START_CONTENT

    async def begin_chunks(self, _event: Bdat) -> None:
        """The first BDAT: the content comes with it; its answer is due after it."""
        transaction = self._open_transaction()
        try:
            self._begin(transaction)
        except DeliveryFailure as failure:
            transaction.fail(replies.of_exception(failure))

    async def end_of_chunk(self, event: EndOfChunk) -> Reply:
        """A chunk is there. Once one is refused, nothing is left (threat 10)."""
        refusal = event.refusal or self._open_transaction().failure
        if refusal is None:
            return replies.CHUNK_OK
        transaction = self._open_transaction()
        self.end()
        self._telling.broken_off(transaction, event, refusal)
        return refusal

    def _begin(self, transaction: Transaction) -> None:
        protocol, dialect = self.client.protocol, self._profile.dialect
        if transaction.utf8 or dialect is not ESMTP:
            protocol = dialect.with_word(protocol, utf8=transaction.utf8)
        transaction.begin(self._delivery, protocol, self._now())

    async def body_chunk(self, event: BodyChunk) -> None:
        """Content: keep it, or remember why that failed."""
        transaction = self._open_transaction()
        if transaction.body is None:
            return
        try:
            await transaction.body.write(event.octets)
        except DeliveryFailure as failure:
            transaction.fail(replies.of_exception(failure))

    async def body_refused(self, _event: BodyRefused) -> None:
        """The message will be refused: what was kept can go."""
        self._open_transaction().abort()

    async def end_of_body(self, event: EndOfBody) -> Answer:
        """Commit, and end the transaction whatever comes of it."""
        transaction, self._transaction = self._open_transaction(), None
        try:
            reply = await self._finish(transaction, event)
        except DeliveryFailure as failure:
            reply = replies.of_exception(failure)
        finally:
            transaction.abort()
        self._telling.ended(transaction, event, reply)
        if reply.positive:
            self.accepted += 1
            self.log.info(
                "Message {transaction} of {size_octets} octets accepted",
                event="smtp.message.accepted",
                session=self.client.peer.session,
                peer=self.client.peer.address,
                transaction=transaction.id,
                size_octets=event.size_octets,
                recipients=transaction.recipients,
                eight_bit=event.eight_bit,
                **_priority(transaction),
            )
        return reply

    async def _finish(self, transaction: Transaction, event: EndOfBody) -> Answer:
        refusal = event.refusal or transaction.failure
        if refusal is not None:
            return refusal
        body, envelope = transaction.body, transaction.envelope
        if body is None or envelope is None:
            return replies.LOCAL_TROUBLE
        refusal = _broken_promise(
            envelope, event, self._now(), strict=self._profile.content.strict
        )
        if refusal is not None:
            return refusal
        content = Content(event.header, event.size_octets)
        verdict = await self._policy.body(envelope, content)
        refusal = judge(verdict, [])
        if refusal is not None:
            return refusal
        return self._fold(await body.commit(), transaction)

    def _again(self, _transaction: Transaction, _address: Address) -> Reply:
        """The same recipient once more: it gets the message once."""
        return replies.RECIPIENT_OK

    def _fold(
        self, outcomes: Sequence[RecipientOutcome], transaction: Transaction
    ) -> Answer:
        return fold(outcomes, transaction.id)

    def _open_transaction(self) -> Transaction:
        """The one that the connection's state says is there."""
        if self._transaction is None:
            msg = "no transaction is open"
            raise RuntimeError(msg)
        return self._transaction


def _broken_promise(
    envelope: Envelope, event: EndOfBody, now: float, *, strict: bool
) -> Reply | None:
    """What MAIL said does not hold at the end of data.

    8-bit content that was not declared is no harm: what is sent on is labelled by what
    it holds. Only the strict refuse it.
    """
    if strict and event.eight_bit and envelope.body is Body.SEVEN_BIT:
        return replies.BODY_NOT_DECLARED
    by = envelope.deliver_by
    if by is not None and by.returned and now > by.deadline:
        return replies.TOO_LATE  # RFC 2852, section 4.1.3
    return None


def _priority(transaction: Transaction) -> Mapping[str, Any]:
    """For the log, where a message has one (RFC 6710)."""
    terms = transaction.terms
    return {"priority": terms["priority"]} if terms.get("priority") else NO_TERMS


def judge(verdict: Verdict, fields: list[tuple[str, str]]) -> Reply | None:
    """The reply if it is a refusal; what a tag says goes to ``fields``."""
    if verdict is ACCEPT:
        return None
    if isinstance(verdict, Reject | Defer):
        return replies.refusal(verdict)
    if isinstance(verdict, Tag):
        fields.extend(verdict.fields)
    return None
