"""Fetching in memory: servers of ours on the one side, a store on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from attrs import define, evolve, field
from twisted.internet.task import Clock

from mailapp.core.connection import NEED_DATA, PAUSED
from mailapp.core.peer import TLS, Peer
from mailapp.core.secret import Secret
from mailapp.delivery.local import LocalDelivery
from mailapp.directory.types import Account
from mailapp.fetch.dialogue import Machine
from mailapp.fetch.session import Fetcher, Surroundings
from mailapp.fetch.types import Protection, Report, Source, Speech
from mailapp.net.threads import inline
from mailapp.pop2.client import Pop2Client
from mailapp.pop3.client import Pop3Client
from mailapp.storage.files import Files
from mailapp.storage.interfaces import IMailStore
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId
from tests.crash.powercut import Disk
from tests.play import CUTS, Cut, Wire, whole
from tests.unit.fetch.old_server import OldServer
from tests.unit.pop.support import now

ALICE = AccountId("alice@example.test")
NOW = 1_800_000_000
SOURCE = Source(
    name="old",
    speech=Speech.POP3,
    host="pop.example.net",
    port=995,
    user="u",
    password=Secret(b"p w"),
    into=ALICE,
    protection=Protection.NONE,
)
POP2 = evolve(SOURCE, speech=Speech.POP2)
STAMP = b"Return-Path:"


class Directory:
    """Knows alice."""

    async def account(self, name: str) -> Account | None:
        """See :class:`IDirectory`."""
        return Account(ALICE) if name == ALICE else None


@define
class Broken(Exception):
    """The test has ended the process here."""


class Spoken:
    """What stands for a dialogue: the server answers at once.

    Args:
        machine: of the client.
        wire: to the server.
        cut: how what the server says is cut.
        watch: told of each line that the client sends.
    """

    def __init__(
        self,
        machine: Machine,
        wire: Wire,
        cut: Cut = whole,
        watch: Callable[[bytes], None] = lambda _octets: None,
    ) -> None:
        self.machine = machine
        self._wire = wire
        self._cut = cut
        self._watch = watch
        self._pieces: list[bytes] = []
        self.secured = False

    async def event(self) -> Any:
        """See :class:`Dialogue`."""
        while (event := self.machine.next_event()) is NEED_DATA:
            octets = self._wire.take()
            self._pieces += self._cut(octets) if octets else []
            if self._pieces:
                self.machine.receive(self._pieces.pop(0))
            elif self._wire.closed:
                self.machine.receive_eof()
            else:
                self.machine.time_out()
        assert event is not PAUSED
        return event

    def write(self, octets: bytes) -> None:
        """See :class:`Dialogue`."""
        self._watch(octets)
        self._wire.feed(octets)

    async def secure(self, _source: Source) -> None:
        """See :class:`Dialogue`."""
        self.secured = True
        self._wire.start_tls(TLS())

    def peer(self) -> Peer:
        """See :class:`Dialogue`."""
        return Peer("192.0.2.110")

    def close(self) -> None:
        """See :class:`Dialogue`."""
        self._wire.client_closes()


class WiredFetcher(Fetcher):
    """Talks to servers in memory."""

    connect: Callable[[], Wire]
    cut: Cut = staticmethod(whole)
    watch: Callable[[bytes], None] = staticmethod(lambda _octets: None)

    async def _connect(self, source: Source) -> Any:
        machine: Machine
        machine = Pop2Client() if source.speech is Speech.POP2 else Pop3Client()
        wire = self.connect()
        self.spoken = Spoken(machine, wire, self.cut, self.watch)
        return self.spoken


def surroundings(
    store: IMailStore, files: Files, boot: int = 0, at: float = NOW
) -> Surroundings:
    """For a process; each has ids of its own."""
    tokens: Iterator[str] = (f"id{boot}x{number}" for number in count())
    directory: Any = Directory()
    delivery = LocalDelivery(store, directory, "mx.example.test", detail_folders=True)
    return Surroundings(
        store=store,
        delivery=delivery,
        directory=directory,
        connect=lambda _host, _port, _protocol: inline(lambda: None),
        clock=Clock(),
        in_thread=inline,
        files=files,
        folder=b"/fetch",
        now=lambda: at,
        token=tokens.__next__,
        nonce=lambda: "nonce",
    )


@define
class Here:
    """This side: a disk with a store and ledgers on it."""

    disk: Disk = field(factory=Disk)
    fetchers: int = 0
    time: float = NOW

    def store(self) -> MaildirStore:
        """As a process that was just started opens it."""
        unique = UniqueNames(self.disk.boots * 1000 + self.fetchers, b"random", "host")
        return MaildirStore(
            "/mail", inline, clock=Clock(), files=self.disk, unique=unique
        )

    def fetcher(self, connect: Callable[[], Wire]) -> WiredFetcher:
        """Of a process that was just started."""
        self.fetchers += 1
        boot = self.disk.boots * 1000 + self.fetchers
        fetcher = WiredFetcher(surroundings(self.store(), self.disk, boot, self.time))
        fetcher.connect = connect
        return fetcher

    def run(
        self, server: Any, source: Source = SOURCE, cut: str = "whole", **options: Any
    ) -> Report:
        """Fetch once from a server of ``tests.unit.pop3`` or ``pop2``."""
        fetcher = self.fetcher(lambda: greeted(server))
        fetcher.cut = CUTS[cut]
        return now(fetcher.run(source, **options))

    def stored(self, folder: tuple[str, ...] = ("INBOX",)) -> list[bytes]:
        """What lies in a mailbox of alice, whole files."""
        account = now(self.store().open(ALICE))
        found = [f for f in now(account.folders()) if f.name == folder]

        async def read() -> list[bytes]:
            return [
                b"".join([chunk async for chunk in account.read(item.blob)])
                for item in await account.items(found[0].id)
            ]

        return now(read()) if found else []

    def contents(self, folder: tuple[str, ...] = ("INBOX",)) -> list[bytes]:
        """The same without our own fields."""
        return [content_of(octets) for octets in self.stored(folder)]


def content_of(octets: bytes) -> bytes:
    """What stands below the Received field of our delivery."""
    assert octets.startswith(STAMP), octets[:100]
    at = octets.index(b"\r\nReceived:")
    end = octets.index(b"\r\n", at + 2)
    while octets[end + 2 : end + 3] in {b" ", b"\t"}:
        end = octets.index(b"\r\n", end + 2)
    return octets[end + 2 :]


def greeted(server: Any) -> Wire:
    """A connection to it, and the greeting on it not read yet."""
    wire: Wire = server.connect()
    if isinstance(server, OldServer):
        return wire
    greeting = getattr(server, "greeting", b"")
    wire.sent[:0] = greeting or b"+ POP2 mail.example.test mailapp server ready\r\n"
    return wire
