"""What reading with IMAP costs: ``python -m tests.bench.bench_imap [DIR] [COUNT]``.

Commands over a Maildir with its index, without a network. For each one: microseconds a
message, how much longer that takes than to carry the same octets through a socket, and
the longest time that anybody else waited for the reactor. The best of three rounds.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable
from itertools import count
from pathlib import Path
from shutil import rmtree
from threading import Thread
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater, react

from mailapp.core.peer import Peer
from mailapp.imap.capabilities import Offer
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.selecting import enter
from mailapp.imap.commands.service import Service
from mailapp.imap.commands.table import TABLE
from mailapp.imap.grammar.command import parse_command
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.imap.responses.status import Status
from mailapp.net.threads import Pool
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX_ID, AccountId, TextQuery, Where
from tests.doubles import FakeAuthenticator

MESSAGES = 10_000
CHUNK = 65536
SLICE = 0.01
TICK = 0.001
WORDS = ("invoice", "meeting", "project", "holiday", "report", "answer", "friday")
COMMANDS = (
    "FETCH 1:* (UID FLAGS)",
    "FETCH 1:* FAST",
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE)",
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE)",
    "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])",
    "FETCH 1:* BODY.PEEK[]",
    "FETCH 1:* BODY.PEEK[HEADER]",
    "FETCH 1:* BODY.PEEK[1]",
    "SEARCH UNSEEN",
    "SEARCH OR LARGER 2000 (SINCE 1-Jan-2020 NOT 1:10)",
    "SEARCH HEADER Message-ID 77@",
    "SEARCH SENTSINCE 3-Nov-2026",
    "SORT (REVERSE DATE SUBJECT) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
)
IN_INDEX = (
    "SEARCH FROM user7@",
    "SEARCH BODY holiday-9",
    "SEARCH TEXT nothing-of-that-kind",
)


class Meter:
    """An outlet that counts, and gives others a turn as the real one does.

    Attributes:
        octets: written.
        longest: seconds that somebody else had to wait for the reactor.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self.octets = 0
        self.longest = 0.0
        self._since = time.monotonic()
        self._ticked = self._since
        self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self._ticked - TICK)
        self._ticked = now
        self._reactor.callLater(TICK, self._tick)

    def begin(self) -> None:
        """A command begins."""
        self.octets, self.longest, self._since = 0, 0.0, time.monotonic()

    def write(self, octets: bytes) -> None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""
        self.octets += len(octets)

    def flush(self) -> None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""

    def pause(self) -> Awaitable[object] | None:
        """See :class:`mailapp.imap.commands.context.Outlet`."""
        if time.monotonic() - self._since < SLICE:
            return None
        turn: Deferred[None] = deferLater(self._reactor, 0, self._go_on)
        return turn

    def _go_on(self) -> None:
        self._since = time.monotonic()


def message(number: int) -> bytes:
    """About 1.5 KB, with an alternative in HTML in every third."""
    text = " ".join(
        f"{WORDS[(number + n) % 7]}-{(number * n) % 100}" for n in range(60)
    )
    head = (
        f"From: User {number % 100} <user{number % 100}@example.org>\r\n"
        f"To: me@example.com\r\n"
        f"Subject: {'Re: ' * (number % 2)}{WORDS[number % 7]} {number // 10}\r\n"
        f"Date: {number % 28 + 1} Nov 2026 05:00:00 +0000\r\n"
        f"Message-ID: <{number}@example.org>\r\n"
        f"References: <{number // 2}@example.org>\r\n"
        "MIME-Version: 1.0\r\n"
    )
    if number % 3:
        return f"{head}Content-Type: text/plain\r\n\r\n{text}\r\n".encode()
    return (
        f"{head}Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n"
        f"--b\r\nContent-Type: text/html\r\n\r\n<p>{text}</p>\r\n--b--\r\n"
    ).encode()


def fill(inbox: Path, messages: int) -> None:
    """Put files there, as another program would."""
    for number in range(1, messages + 1):
        octets = message(number)
        name = f"{1_700_000_000 + number}.M{number}P1.host,S={len(octets)}"
        flags = "S" if number % 4 else ""
        path = inbox / "cur" / f"{name},W={len(octets)}:2,{flags}"
        path.write_bytes(octets)


def carried(octets: int) -> float:
    """Seconds to carry so many octets through a socket."""
    ours, theirs = socket.socketpair()

    def read() -> None:
        left = octets
        while left > 0:
            left -= len(theirs.recv(CHUNK))

    reader = Thread(target=read)
    piece = bytes(CHUNK)
    begin = time.monotonic()
    reader.start()
    for at in range(0, octets, CHUNK):
        ours.sendall(piece[: min(CHUNK, octets - at)])
    reader.join()
    took = time.monotonic() - begin
    ours.close()
    theirs.close()
    return took


async def measure(context: Context, meter: Meter, line: str, messages: int) -> str:
    """One command, the best of three rounds."""
    tagged = parse_command(b"A1 " + line.encode())
    context.tag = tagged.tag
    best, longest = 1e9, 1e9
    for _ in range(3):
        meter.begin()
        begin = time.monotonic()
        status = await TABLE[type(tagged.command)].perform(context, tagged.command)
        took = time.monotonic() - begin
        await deferLater(cast(Any, context.service.clock), 2 * TICK, bool)
        if not (isinstance(status, Status) and status.ok):
            raise AssertionError(status)
        best, longest = min(best, took), min(longest, meter.longest)
    beside = ""
    if meter.octets > 10 * CHUNK:  # less is no measure
        bare = min(carried(meter.octets) for _ in range(3))
        beside = f"{best / bare:7.1f} x socket"
    return (
        f"{line:62} {best / messages * 1e6:8.2f} us/message"
        f" {longest * 1e3:6.1f} ms lag {beside}\n"
    )


async def index_texts(reactor: Any, context: Context) -> None:
    """Have the words of all messages indexed, which goes on in the background."""
    begin = time.monotonic()
    query = TextQuery(Where.BODY, "HOLIDAY-9")
    last = context.selection.view.columns.uids[-1]
    while True:
        found = await context.selection.mailbox.search(query)
        if found is not None and found.reached >= last:
            break
        await deferLater(reactor, 0.1, bool)
    took = time.monotonic() - begin
    sys.stdout.write(f"all words are indexed after {took:.1f} s\n")


async def main(reactor: Any) -> None:
    """Print a line for each command."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else MESSAGES
    root = Path(tempfile.mkdtemp(dir=where))
    pool = Pool(reactor, "read", 4)
    troubles: list[str] = []
    indexes = Indexes(lambda _path, why: troubles.append(why))
    store = MaildirStore(root, pool.run, clock=reactor, indexes=indexes)
    tokens = count()
    try:
        account = await store.create(AccountId("u@bench.test"))
        [inbox] = {path.parent for path in root.rglob("cur")}
        fill(inbox, messages)
        meter = Meter(reactor)
        service = Service(
            authenticator=FakeAuthenticator([]),
            clock=reactor,
            now=time.time,
            token=lambda: b"%d" % next(tokens),
            in_thread=pool.run,
            host_name="bench.test",
            offer=Offer(),
        )
        context = Context(Peer("192.0.2.1"), service, cast(Any, meter), entered=account)
        begin = time.monotonic()
        context.selected = await enter(
            context, INBOX_ID, MailboxName("INBOX"), read_only=False
        )
        sys.stdout.write(
            f"{messages} messages, {os.cpu_count()} processors;"
            f" first SELECT {(time.monotonic() - begin) * 1e3:.0f} ms\n"
        )
        for line in COMMANDS:
            sys.stdout.write(await measure(context, meter, line, messages))
        await index_texts(reactor, context)
        for line in IN_INDEX:
            sys.stdout.write(await measure(context, meter, line, messages))
        context.deselect()
    finally:
        await store.close()
        indexes.close()
        await pool.stop()
        rmtree(root)


if __name__ == "__main__":
    react(main)
