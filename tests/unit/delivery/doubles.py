"""A store and a directory that remember what they were asked, and fail on order."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.peer import Peer
from mailapp.directory.types import Account, Elsewhere, Local, Resolution
from mailapp.storage.types import (
    INBOX,
    UID,
    AccountId,
    BlobRef,
    Destination,
    Folder,
    FolderId,
    ModSeq,
    StoreError,
    Usage,
)

T = TypeVar("T")

ALICE = Address("alice", "example.test")
BOB = Address("bob", "example.test")


def run(work: Awaitable[T]) -> T:
    """Drive a coroutine that must not wait."""
    try:
        cast(Coroutine[Any, Any, T], work).send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waited")


def local(name: str, detail: str = "", quota_octets: int = 0) -> Local:
    """A mailbox of ours."""
    identity = AccountId(f"{name}@example.test")
    return Local(Account(identity, quota_octets=quota_octets), detail)


def envelope(*recipients: Address, **changes: Any) -> Envelope:
    """An envelope from carol at another host."""
    values: dict[str, Any] = {
        "id": "T1",
        "reverse_path": Address("carol", "example.net"),
        "recipients": [Recipient(address) for address in recipients],
        "peer": Peer("192.0.2.7"),
        "helo": "client.example.net",
        "protocol": "ESMTP",
        "received_at": 1_000_000_000.0,
    }
    return Envelope(**{**values, **changes})


class Sink:
    """Keeps chunks; ``problem`` is raised by the next write."""

    def __init__(self, problem: StoreError | None = None) -> None:
        self.chunks: list[bytes] = []
        self.aborted = 0
        self.problem = problem

    @property
    def size_octets(self) -> int:
        """Octets so far."""
        return sum(map(len, self.chunks))

    async def write(self, octets: bytes) -> None:
        """Keep it."""
        if self.problem is not None:
            raise self.problem
        self.chunks.append(octets)

    async def done(self) -> BlobRef:
        """Not used by delivery."""
        return BlobRef(b"")

    def abort(self) -> None:
        """Count it."""
        self.aborted += 1


class OneAccount:
    """The part of IAccount that delivery asks."""

    def __init__(self, usage: Usage, folders: Sequence[str]) -> None:
        self._usage = usage
        self._folders = folders

    async def usage(self) -> Usage:
        """As given."""
        return self._usage

    async def folders(self) -> Sequence[Folder]:
        """INBOX and those given."""
        names = [INBOX, *((name,) for name in self._folders)]
        return [
            Folder(FolderId(place), name, 1, UID(1), ModSeq(1), 0, 0, 0)
            for place, name in enumerate(names, 1)
        ]


class Store:
    """The part of IMailStore that delivery asks."""

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        self.hints: list[int | None] = []
        self.write_problem: StoreError | None = None
        self.open_problem: StoreError | None = None
        self.deliver_problem: Exception | None = None
        self.problems: dict[str, StoreError] = {}
        self.delivered: list[tuple[bytes, Sequence[Destination]]] = []
        self.usage = Usage(0, 0)
        self.folders: Sequence[str] = ()
        self.created: list[tuple[str, int]] = []

    async def create(self, account: AccountId, quota_octets: int = 0) -> OneAccount:
        """Remember it."""
        self.created.append((account, quota_octets))
        return OneAccount(self.usage, self.folders)

    async def open(self, account: AccountId) -> OneAccount:
        """The same account for every name."""
        if self.open_problem is not None:
            raise self.open_problem
        return OneAccount(self.usage, self.folders)

    def stage(self, size_hint: int | None = None) -> Sink:
        """A new sink."""
        self.hints.append(size_hint)
        self.sinks.append(Sink(self.write_problem))
        return self.sinks[-1]

    async def deliver(
        self, sink: Sink, destinations: Sequence[Destination]
    ) -> Sequence[StoreError | None]:
        """Keep the message; fail where ``problems`` says so."""
        if self.deliver_problem is not None:
            raise self.deliver_problem
        self.delivered.append((b"".join(sink.chunks), destinations))
        return [self.problems.get(to.account) for to in destinations]


class Directory:
    """Resolves from a table; an exception in it is raised."""

    def __init__(self, table: dict[Address, Resolution | Exception]) -> None:
        self.table = table

    async def resolve(self, address: Address) -> Resolution:
        """As the table says."""
        found = self.table.get(address, Elsewhere())
        if isinstance(found, Exception):
            raise found
        return found
