"""A run over POP3: log in, list, retrieve, delete, quit.

What is known already is not retrieved again. Messages are asked for ahead where the
server has announced PIPELINING; deletions come last, after everything is safe here, and
nothing is deleted there before the server has said +OK to QUIT (RFC 1939, section 6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import define, field

from mailapp.core.failures import SyntaxProblem
from mailapp.fetch.dialogue import Dialogue
from mailapp.fetch.intake import Intake, Taken, TooLarge
from mailapp.fetch.ledger import Ledger
from mailapp.fetch.login import SCRAM, apop, choose_login, plain_message
from mailapp.fetch.plan import Offer, Plan, make_plan, offers
from mailapp.fetch.tally import Tally
from mailapp.fetch.types import FetchProblem, Login, Protection, Source
from mailapp.fetch.words import with_words
from mailapp.net.threads import InThread
from mailapp.pop3.client import (
    Accepted,
    Announced,
    Challenge,
    ClientEvent,
    Greeted,
    Measured,
    Named,
    Piece,
    Pop3Client,
    Refused,
    Retrieved,
    Trouble,
)
from mailapp.pop3.grammar import (
    Auth,
    Capa,
    Dele,
    List,
    Pass,
    Quit,
    Retr,
    Stls,
    Uidl,
    User,
    Utf8,
)
from mailapp.pop3.requests import Request, Response
from mailapp.sasl.scram_client import ScramClient

AHEAD_OCTETS: Final = 256 * 1024
"""Messages are asked for ahead as long as they are no larger together."""
AHEAD_MESSAGES: Final = 32
DRAIN_OCTETS: Final = 4 * AHEAD_OCTETS
"""So much is read in vain for an orderly end of a run that failed."""

# RFC 3206, sections 4 and 5: what somebody has to mend
_LASTING: Final = frozenset({"AUTH", "SYS/PERM"})
_E = TypeVar("_E", bound=ClientEvent)


@define
class Pop3Run:
    """One run. Its steps raise FetchProblem where it can't go on.

    Attributes:
        source: of the mail.
        dialogue: with a :class:`Pop3Client`.
        ledger: of the source.
        in_thread: for the ledger, and for SCRAM's work.
        tally: what was done so far.
        nonce: for SCRAM.
        now: seconds since the epoch.
    """

    source: Source
    dialogue: Dialogue
    machine: Pop3Client
    ledger: Ledger
    in_thread: InThread
    tally: Tally
    nonce: Callable[[], str]
    now: Callable[[], float]
    _capabilities: Mapping[str, Sequence[str]] | None = None
    _asked: deque[Offer] = field(factory=deque)

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

    async def plan(self) -> Plan:
        """Ask what there is, and decide."""
        self._send(List())
        if self.machine.pipelining:
            self._send(Uidl())
        sizes = await self._answer(Measured)
        if not self.machine.pipelining:
            self._send(Uidl())
        named = await self._event()
        if not isinstance(named, Named | Refused):
            raise self._unexpected(named)
        names = named.names if isinstance(named, Named) else {}
        found, doubtful = offers(sizes.sizes, names, self.ledger.book)
        self.tally.offered = len(found)
        return make_plan(found, doubtful, self.ledger.book, self.source, self.now())

    async def leave(self) -> None:
        """Say goodbye; nothing is changed: for a dry run."""
        await self._ask(Quit())

    async def carry_out(self, plan: Plan, intake: Intake) -> None:
        """Fetch, delete and say goodbye.

        If fetching has to end early, what is safe here is still deleted there.
        """
        self.tally.known += plan.known + len(plan.delete)
        self.tally.left += plan.left
        intake.offered = plan.offered
        for key in plan.doubtful:
            self.ledger.doubt(key)
        over = {offer.number: offer.key or b"" for offer in plan.delete}
        problem: FetchProblem | None = None
        try:
            await self._fetch(plan.fetch, intake, over)
        except FetchProblem as found:
            if self.machine.closed:
                raise
            problem = found
        await self.in_thread(self.ledger.sync)
        await self._drain()
        if not self._asked:
            await self._delete(over)
        if problem is not None:
            raise problem
        keys = plan.offered | intake.seen
        self.ledger.note_offered(keys, self.now(), whole=plan.whole)

    # ---- to the TRANSACTION state

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

    # ---- messages

    async def _fetch(
        self, wanted: Sequence[Offer], intake: Intake, over: dict[int, bytes]
    ) -> None:
        """Retrieve them; ``over`` gets those that are to be deleted."""
        waiting = deque(wanted)
        self.tally.expect(len(waiting))
        while waiting or self._asked:
            self._ask_ahead(waiting)
            offer = self._asked[0]
            first = await self._event()
            if isinstance(first, Refused):
                self._asked.popleft()
                self.tally.leave()
                continue
            try:
                taken, key = await intake.take(offer.key, self._pieces(first))
            except TooLarge as problem:
                raise await self._give_up_on(offer, problem.octets) from problem
            self.tally.take(taken is Taken.FETCHED, intake.octets)
            entry = self.ledger.book.done[key]
            if self.source.keeping.is_over(entry.at, self.now()):
                over[offer.number] = key

    def _ask_ahead(self, waiting: deque[Offer]) -> None:
        """Send RETR for the next message, and more if they are small."""
        most = AHEAD_MESSAGES if self.machine.pipelining else 1
        while waiting and len(self._asked) < most:
            octets = sum(offer.size_octets for offer in self._asked)
            if self._asked and octets + waiting[0].size_octets > AHEAD_OCTETS:
                return
            offer = waiting.popleft()
            self._send(Retr(offer.number))
            self._asked.append(offer)

    async def _pieces(self, event: ClientEvent) -> AsyncIterator[bytes]:
        """The content of the first message that was asked for."""
        while isinstance(event, Piece):
            yield event.octets
            event = await self._event()
        if not isinstance(event, Retrieved):
            raise self._unexpected(event)
        self._asked.popleft()

    async def _give_up_on(self, offer: Offer, octets: int) -> FetchProblem:
        """It does not end where the server said: note that, and hang up."""
        if offer.key is not None:
            self.ledger.leave(offer.key, octets)
            await self.in_thread(self.ledger.sync)
        self.machine.closed = True
        return FetchProblem(
            f"message {offer.number} is larger than the server said, and too large"
        )

    async def _drain(self) -> None:
        """Let what was asked for in vain pass by, if it is not too much."""
        octets = 0
        while self._asked and octets <= DRAIN_OCTETS:
            event = await self._event()
            if isinstance(event, Refused | Retrieved):
                self._asked.popleft()
            elif isinstance(event, Piece):
                octets += len(event.octets)
            else:
                raise self._unexpected(event)

    async def _delete(self, over: Mapping[int, bytes]) -> None:
        """Mark, and QUIT; what the server has removed for sure is forgotten."""
        gone: list[bytes] = []
        for numbers in _batches(sorted(over), AHEAD_MESSAGES, self.machine):
            for number in numbers:
                self._send(Dele(number))
            for number in numbers:
                accepted = isinstance(await self._event(), Accepted)
                gone += [over[number]] if accepted else []
        if isinstance(await self._ask(Quit()), Accepted):
            self.tally.deleted += len(gone)
            self.ledger.forget_deleted(gone)

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


def _batches(
    numbers: Sequence[int], most: int, machine: Pop3Client
) -> Iterable[Sequence[int]]:
    size = most if machine.pipelining else 1
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]
