"""From a connection to a POP3 server to the TRANSACTION state (RFC 1939, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import define

from mailapp.core.failures import SyntaxProblem
from mailapp.fetch.dialogue import Dialogue
from mailapp.fetch.login import SCRAM, apop, choose_login, plain_message
from mailapp.fetch.types import FetchProblem, Login, Protection, Source
from mailapp.fetch.words import with_words
from mailapp.net.threads import InThread
from mailapp.pop3.client import (
    Accepted,
    Announced,
    Challenge,
    ClientEvent,
    Greeted,
    Pop3Client,
    Refused,
    Trouble,
)
from mailapp.pop3.grammar import Auth, Capa, Pass, Stls, User, Utf8
from mailapp.pop3.requests import Request, Response
from mailapp.sasl.scram_client import ScramClient

# RFC 3206, sections 4 and 5: what somebody has to mend
_LASTING: Final = frozenset({"AUTH", "SYS/PERM"})
_E = TypeVar("_E", bound=ClientEvent)


@define(kw_only=True)
class Pop3Talk:
    """Commands and answers. Its steps raise FetchProblem where it can't go on.

    Attributes:
        source: how to log in.
        dialogue: with ``machine``.
        in_thread: for SCRAM's work.
        nonce: for SCRAM.
    """

    source: Source
    dialogue: Dialogue
    machine: Pop3Client
    in_thread: InThread
    nonce: Callable[[], str]
    _capabilities: Mapping[str, Sequence[str]] | None = None

    async def log_in(self) -> None:
        """From the connection to the TRANSACTION state, TLS as configured."""
        if self.source.protection is Protection.IMPLICIT:
            await self._start_tls()
        greeting = await self._expect(Greeted)
        await self._learn()
        if self.source.protection is Protection.STARTTLS:
            await self._stls()
            await self._learn()
        if self._capabilities is not None and "UTF8" in self._capabilities:
            await self._ask(Utf8())  # refused or not: it only spares surrogates
        login = choose_login(self.source, self._capabilities, greeting.timestamp)
        await self._log_in_by(login, greeting.timestamp)

    async def _learn(self) -> None:
        answer = await self._ask(Capa())
        if isinstance(answer, Announced):
            self._capabilities = answer.capabilities
        else:
            self._capabilities = None

    async def _stls(self) -> None:
        """RFC 2595, section 4. A server that won't is never spoken to in the clear."""
        if self._capabilities is not None and "STLS" not in self._capabilities:
            msg = "the server does not offer STLS, and nothing is sent without TLS"
            raise FetchProblem(msg, lasting=True)
        answer = await self._ask(Stls())
        if not isinstance(answer, Accepted):
            raise self._refused("STLS", answer)
        await self._start_tls()
        self.machine.tls_started()

    async def _start_tls(self) -> None:
        await self.dialogue.secure(self.source)

    async def _log_in_by(self, login: Login, timestamp: bytes) -> None:
        user, password = self.source.user, self.source.password
        match login:
            case Login.SCRAM:
                answer = await self._scram()
            case Login.PLAIN:
                answer = await self._plain()
            case Login.APOP:
                answer = await self._ask(apop(user, password, timestamp))
            case _:
                answer = await self._ask(User(user.encode()))
                if isinstance(answer, Accepted):
                    answer = await self._ask(Pass(password))
        if not isinstance(answer, Accepted):
            raise self._refused("the login", answer)

    async def _plain(self) -> ClientEvent:
        """RFC 5034, section 4: without the initial response where it is too long."""
        message = plain_message(self.source.user, self.source.password)
        try:
            return await self._ask(Auth("PLAIN", message))
        except SyntaxProblem:
            answer = await self._ask(Auth("PLAIN"))
        if not isinstance(answer, Challenge):
            return answer
        return await self._ask(Response(message))

    async def _scram(self) -> ClientEvent:
        client = ScramClient(self.source.user, self.source.password, self.nonce)
        answer = await self._ask(Auth(SCRAM))
        try:
            if isinstance(answer, Challenge):
                answer = await self._ask(Response(client.first()))
            if isinstance(answer, Challenge):
                octets = answer.octets
                final = await self.in_thread(client.answer, octets)
                answer = await self._ask(Response(final))
            if isinstance(answer, Challenge):
                client.verify(answer.octets)
                return await self._ask(Response(b""))
        except SyntaxProblem as problem:
            raise FetchProblem(f"SCRAM: {problem.reason}") from problem
        if isinstance(answer, Accepted):
            msg = "SCRAM: the server did not prove itself"
            raise FetchProblem(msg)
        return answer

    # ---- commands and answers

    def _send(self, request: Request) -> None:
        self.dialogue.write(self.machine.send(request))

    async def _ask(self, request: Request) -> ClientEvent:
        self._send(request)
        return await self._event()

    async def _event(self) -> ClientEvent:
        """The next event.

        Raises:
            FetchProblem: it is trouble.
        """
        event: ClientEvent = await self.dialogue.event()
        if isinstance(event, Trouble):
            raise FetchProblem(self._words(event.reason, event.line))
        return event

    async def _expect(self, wanted: type[_E]) -> _E:
        event = await self._event()
        if not isinstance(event, wanted):
            raise self._unexpected(event)
        return event

    async def _answer(self, wanted: type[_E]) -> _E:
        event = await self._event()
        if isinstance(event, Refused):
            raise self._refused("a listing", event)
        if not isinstance(event, wanted):
            raise self._unexpected(event)
        return event

    def _refused(self, what: str, event: Any) -> FetchProblem:
        text, code = (
            (event.text, event.code) if isinstance(event, Refused) else (b"", "")
        )
        words = self._words(f"the server refuses {what}", text)
        return FetchProblem(words, lasting=code in _LASTING)

    def _unexpected(self, event: object) -> FetchProblem:
        return FetchProblem(f"the server answers with {type(event).__name__}")

    def _words(self, reason: str, said: bytes) -> str:
        return with_words(reason, said, self.source)
