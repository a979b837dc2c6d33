"""The decisions of a connection: events to policy and delivery, then replies.

One event at a time. What a peer did wrong was found by the connection and only passes
by; what fails as expected has a status; anything else is a bug, caught here once per
event, logged, and answered 451 4.3.0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any, ClassVar, Final

from attrs import evolve

from mailapp.auth.interfaces import IAuthenticator
from mailapp.core import status as statuses
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.core.status import Status
from mailapp.delivery.interfaces import IDelivery
from mailapp.net.saying import QuickLogger
from mailapp.policy.interfaces import IPolicy
from mailapp.policy.verdict import Defer, Reject, Verdict
from mailapp.smtp import replies
from mailapp.smtp.authorization import Authorization, with_word
from mailapp.smtp.events import (
    BodyChunk,
    BodyRefused,
    EndOfBody,
    Misstep,
    Opened,
)
from mailapp.smtp.extensions.auth import Auth, Response
from mailapp.smtp.extensions.chunking import Bdat
from mailapp.smtp.extensions.starttls import StartTls
from mailapp.smtp.grammar import command as commands
from mailapp.smtp.grammar.reply import Answer, Reply
from mailapp.smtp.inquiry import Inquiry
from mailapp.smtp.lmtp_reception import LmtpReception
from mailapp.smtp.profile import Login, Profile
from mailapp.smtp.reception import Client, Reception, judge
from mailapp.smtp.telling import Telling
from mailapp.smtp.transaction import Fields

Responder = Callable[[Any], Awaitable[Answer | None]]
Pause = Callable[[float], Awaitable[object]]
"""Waits so many seconds."""

# The word for the log; what is not here is a command.
_SUBJECTS: Final[Mapping[type, str]] = {
    Opened: "connection",
    commands.Rcpt: "rcpt",
    EndOfBody: "message",
}
# A session can't fill the log (threat 123); its last line tells how many there were.
_REFUSALS_LOGGED: Final = 50


class SmtpSession:
    """One connection, as :class:`mailapp.core.connection.Session` promises.

    Args:
        peer: the client.
        profile: what the listener is.
        delivery: where mail goes.
        policy: what the administrator wants.
        now: seconds since the epoch.
        token: a new id for each transaction.
        telling: tells the journal.
        pause: delays replies to peers that make many mistakes; None: never.
        authenticator: lets clients log in, where the profile says that they do.
    """

    log: ClassVar = QuickLogger()

    def __init__(  # noqa: PLR0913 - what it is composed of
        self,
        peer: Peer,
        profile: Profile,
        delivery: IDelivery,
        policy: IPolicy,
        *,
        now: Callable[[], float],
        token: Callable[[], str],
        telling: Telling,
        pause: Pause | None = None,
        authenticator: IAuthenticator | None = None,
    ) -> None:
        self._peer = peer
        self._telling = telling
        self._profile = profile
        self._policy = policy
        self._now = now
        self._pause = None if peer.trusted else pause
        self._fields: list[tuple[str, str]] = []  # of the verdict on the connection
        self._authorization: Authorization | None = None
        self._relays = bool(profile.relay_networks) and _lies_in(
            peer, profile.relay_networks
        )
        inquiry = Inquiry(profile, delivery, peer)
        kind = LmtpReception if profile.dialect.per_recipient else Reception
        self._reception = reception = kind(
            self._client(),
            profile,
            delivery,
            policy,
            now=now,
            token=token,
            telling=telling,
        )
        self._refusals = 0  # since a message was taken
        self._session_refusals = 0
        self._responders: dict[type, Responder] = {
            Opened: self._opened,
            Misstep: self._misstep,
            commands.Helo: self._hello,
            commands.Ehlo: self._hello,
            **reception.responders(),
            commands.Rset: self._rset,
            commands.Noop: self._noop,
            commands.Quit: self._quit,
            **inquiry.responders(),
            commands.Help: self._help,
            StartTls: self._starttls,
        }
        if authenticator is not None and profile.login is not Login.NONE:
            self._admit(Authorization(authenticator, profile, peer))

    async def respond(self, event: Any) -> Answer | None:
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
        elif isinstance(event, EndOfBody):
            self._refusals = 0
        return reply

    def tls_started(self, tls: TLS) -> None:
        """RFC 3207, section 4.2: forget what the client said in the clear."""
        self._peer = evolve(self._peer, tls=tls)
        self._reception.end()
        if self._authorization is not None:
            self._authorization.secured(self._peer)
        self._reception.client = self._client()

    async def still_welcome(self) -> bool:
        """Whether the account may still be in (:class:`core.connection.Reviewed`)."""
        return self._authorization is None or await self._authorization.still_valid()

    def closed(self) -> None:
        """The connection is gone."""
        self._reception.end()
        account = None
        if self._authorization is not None:
            account = self._authorization.account
            self._authorization.end()
        self.log.info(
            "SMTP session with {peer} ended, {accepted} messages accepted",
            event="smtp.connection.closed",
            session=self._peer.session,
            peer=self._peer.address,
            account=account or "-",
            accepted=self._reception.accepted,
            refusals=self._session_refusals,
        )

    # ---- when it goes wrong

    def _after_bug(self, event: object) -> Reply | None:
        """What was under way is dropped; the state is known by that."""
        if isinstance(event, Bdat | BodyChunk | BodyRefused):
            self._reception.fail(replies.LOCAL_TROUBLE)
            return None
        if isinstance(event, Opened):
            return self._profile.closing(statuses.SYSTEM_TROUBLE)
        return replies.LOCAL_TROUBLE

    async def _refused(self, event: object, reply: Answer) -> None:
        """Tell the log, and slow down whoever is refused all the time (threat 19)."""
        self._refusals += 1
        self._session_refusals += 1
        if self._session_refusals <= _REFUSALS_LOGGED:
            self._log_refusal(event, reply)
            if isinstance(event, commands.Mail | commands.Rcpt):
                transaction_id = self._reception.transaction_id
                self._telling.refused(self._peer, transaction_id, event, reply)
        limits = self._profile.limits
        if self._pause is not None and self._refusals > limits.soft_errors:
            await self._pause(limits.delay_seconds)

    def _log_refusal(self, event: object, reply: Answer) -> None:
        self.log.info(
            "Refused {kind} of {peer}: {reply}",
            event=f"smtp.{_SUBJECTS.get(type(event), 'command')}.refused",
            session=self._peer.session,
            peer=self._peer.address,
            kind=type(event).__name__,
            reply=reply.text,
        )

    async def _misstep(self, event: Misstep) -> Reply:
        if self._authorization is not None:
            self._authorization.cancel()
        return event.reply

    # ---- session

    async def _opened(self, _event: Opened) -> Reply:
        verdict = await self._policy.connect(self._peer)
        refusal = judge(verdict, self._fields)
        if refusal is None:
            return replies.greeting(self._profile.hostname, self._profile.dialect.name)
        if refusal.code // 100 == 5:  # noqa: PLR2004
            # RFC 5321, section 3.1: 554 and no other 5yz in place of the greeting;
            # 521 says that no mail is ever taken here (RFC 7504, section 3)
            return refusal if refusal.closes else replies.no_service(verdict)
        return self._profile.closing(_status_of(verdict))

    async def _hello(self, event: commands.Helo | commands.Ehlo) -> Reply:
        fields: list[tuple[str, str]] = []
        verdict = await self._policy.helo(self._peer, event.name)
        refusal = judge(verdict, fields)
        if refusal is not None:
            return refusal
        # RFC 5321, section 4.1.4: "clear all buffers and reset the state exactly as
        # if a RSET command had been issued"
        self._reception.end()
        extended = isinstance(event, commands.Ehlo)
        self._reception.client = self._client(
            event.name, extended=extended, fields=(*self._fields, *fields)
        )
        if not extended:
            return self._profile.helo()
        authorization = self._authorization
        return self._profile.ehlo(
            tls_on=self._peer.tls is not None,
            mechanisms=() if authorization is None else authorization.mechanisms,
            now=self._now(),
        )

    async def _rset(self, _event: commands.Rset) -> Reply:
        self._reception.end()
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

    # ---- logins

    def _admit(self, authorization: Authorization) -> None:
        """Let this client log in."""
        self._authorization = authorization

        async def auth(event: Auth) -> Reply:
            return self._logged_in(await authorization.auth(event))

        async def response(event: Response) -> Reply:
            return self._logged_in(await authorization.respond(event))

        self._responders |= {Auth: auth, Response: response}
        if self._profile.login is Login.REQUIRED:
            for kind in (commands.Mail, commands.Data, Bdat):
                respond = self._responders[kind]
                self._responders[kind] = authorization.guarded(respond)

    def _logged_in(self, reply: Reply) -> Reply:
        """If that is what the reply says: from now on it is the account that sends."""
        if reply is replies.LOGGED_IN:
            client = self._reception.client
            self._reception.client = self._client(
                client.helo, extended=True, fields=client.fields
            )
        return reply

    def _client(
        self, helo: str = "", *, extended: bool = False, fields: Fields = ()
    ) -> Client:
        """What is known of the client now."""
        authorization = self._authorization
        account = None if authorization is None else authorization.account
        tls = self._peer.tls is not None
        protocol = with_word(extended=extended, tls=tls, account=account)
        relays = self._relays or account is not None
        return Client(self._peer, helo, protocol, fields, account, relays)


def _lies_in(peer: Peer, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Membership; an address of the other family lies in none."""
    return any(peer.ip in network for network in networks)


def _status_of(verdict: Verdict) -> Status:
    if isinstance(verdict, Reject | Defer):
        return verdict.status
    return statuses.SYSTEM_TROUBLE
