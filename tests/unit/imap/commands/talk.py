"""Sessions without a network: octets of a client in, octets of the server out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, TypeVar, cast

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailapp.core.connection import Signal
from mailapp.core.peer import Peer
from mailapp.imap.capabilities import Offer
from mailapp.imap.commands.service import Service
from mailapp.imap.protocol import compose_imap
from mailapp.net.steps import finish, run
from mailapp.storage.interfaces import IAccount
from mailapp.storage.memory import MemoryAccount, MemoryStore
from mailapp.storage.types import (
    INBOX_ID,
    AccountId,
    Append,
    Change,
    FolderId,
    Outcome,
)
from tests.doubles import FakeAuthenticator, User

_T = TypeVar("_T")
PEER = Peer("192.0.2.1", session="1")
NOW = 1_700_000_000


def now(awaitable: Awaitable[_T]) -> _T:
    """What an awaitable that never waits gives."""
    return finish(cast(Coroutine[Any, Any, _T], awaitable))


async def at_once(work: Callable[..., _T], *arguments: Any) -> _T:
    """A thread that is this one."""
    return work(*arguments)


@define(eq=False)
class Exit:
    """An outlet that keeps what was written.

    Attributes:
        most: the most octets that were kept between two pauses.
        pauses: how often a command gave others a turn.
        wait: what the next pause waits for.
    """

    written: bytearray = Factory(bytearray)
    most: int = 0
    pauses: int = 0
    wait: Deferred[None] | None = None
    _since: int = 0

    def begin(self) -> None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""
        self._since = 0

    def write(self, octets: bytes) -> None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""
        self.written += octets
        self._since += len(octets)
        self.most = max(self.most, self._since)

    def pause(self) -> Awaitable[object] | None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""
        self.pauses += 1
        self._since = 0
        wait, self.wait = self.wait, None
        return wait

    def flush(self) -> None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""
        self._since = 0


class House:
    """An account with mail, and the service in front of it.

    Args:
        separator: of mailbox names.
        quota_octets: of the account; 0: no limit.
        offer: what is announced.
        make_store: of another kind than the one in memory, whose ``state`` tests see.
    """

    def __init__(
        self,
        *,
        separator: str = "/",
        quota_octets: int = 0,
        offer: Offer | None = None,
        make_store: Callable[[Clock], Any] = MemoryStore,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.store = make_store(self.clock)
        self.account: MemoryAccount = now(
            self.store.create(AccountId("alice@example.test"), quota_octets)
        )
        self.tokens = (b"request%d" % number for number in count())
        user = User(b"alice", b"secret", cast(IAccount, self.account))
        self.service = Service(
            authenticator=FakeAuthenticator([user]),
            clock=self.clock,
            now=self.clock.seconds,
            token=self.tokens.__next__,
            in_thread=at_once,
            host_name="mail.example.test",
            offer=offer or Offer(),
            separator=separator,
            append_octets=100_000,
        )

    def put(
        self,
        *flags: str,
        folder: FolderId = INBOX_ID,
        body: bytes = b"a: b\r\n\r\nc\r\n",
    ) -> int:
        """Deliver a message; its UID."""

        async def deliver() -> int:
            sink = self.account.stage()
            await sink.write(body)
            change = Append(folder, await sink.done(), frozenset(flags))
            [outcome] = await self.account.commit(
                [change], request_id=next(self.tokens)
            )
            return outcome.uids[0]

        return now(deliver())

    async def commit(self, change: Change) -> Outcome:
        """Change something behind the backs of all clients."""
        token = next(self.tokens)
        [outcome] = await self.account.commit([change], request_id=token)
        return outcome

    def client(self, *commands: str) -> Client:
        """One that is logged in and has given these commands."""
        client = Client(self)
        client.give("LOGIN alice secret")
        for command in commands:
            client.give(command)
        return client


class Client:
    """One connection; tags are counted."""

    def __init__(self, house: House) -> None:
        self.exit = Exit()
        self.connection, self.session = compose_imap(house.service)(PEER)
        self.session.attach(self.exit)
        self._tags = count(1)
        self._busy = False
        self.send(b"")
        self.taken()

    def send(self, octets: bytes) -> None:
        """Send octets, and let the server do what it can."""
        self.connection.receive(octets)
        self._work()

    def taken(self) -> str:
        """What the server has sent since."""
        octets = bytes(self.exit.written)
        self.exit.written.clear()
        return octets.decode("latin-1")

    def give(self, command: str) -> list[str]:
        """Send a command; the lines of the answer, without their CRLF and the tag."""
        return self.give_octets(command.encode())

    def give_octets(self, command: bytes) -> list[str]:
        """As :meth:`give`; CRLF in it ends a literal's line."""
        tag = b"t%d" % next(self._tags)
        self.send(tag + b" " + command + b"\r\n")
        text = self.taken()
        lines = text.split("\r\n")
        assert lines.pop() == "", text
        return [line.removeprefix(tag.decode() + " ") for line in lines]

    def last(self, command: str) -> str:
        """The tagged response to a command."""
        return self.give(command)[-1]

    def _work(self) -> None:
        while not self._busy:
            event = self.connection.next_event()
            if isinstance(event, Signal):
                return
            self._busy = True
            run(self.session.respond(event), self._answer, self._failed)

    def _answer(self, answer: Any) -> None:
        self._busy = False
        if answer is not None:
            for octets in self.connection.send(answer):
                assert isinstance(octets, bytes)
                self.exit.written += octets
        self._work()

    def _failed(self, problem: BaseException) -> None:
        raise problem
