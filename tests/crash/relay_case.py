"""A server that relays to a host that counts, and is brought to its end meanwhile."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import smtplib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from mailapp.queue.client import ControlClient
from mailapp.queue.control import SOCKET
from mailapp.queue.reading import read_octets
from mailapp.queue.record import Corrupt
from mailapp.queue.tray import sections
from tests.crash.ledger import identified, message
from tests.interop.demo import free_port_base
from tests.interop.hop import Hop
from tests.interop.names import Names
from tests.interop.served import Served, Setup, begin, wait_for

DOMAIN: Final = "sink.test"
ADDRESS: Final = "127.0.0.9"
_SENDERS: Final = 12
_SIZES: Final = (400, 400, 2000, 90_000)
_JUST_NOW: Final = 5.0
"""Seconds before a kill in which a receipt may not have been recorded."""
_TABLES: Final = """
[resolver]
servers = ["127.0.0.1"]
port = {names}
[relay]
port = {port}
[smtp]
relay-networks = ["127.0.0.0/8"]
[limits]
trusted = ["127.0.0.0/8"]
[queue]
first-retry = "1 min"
"""


def _number(octets: bytes) -> str | None:
    """The id of the message in an entry; None: it was not written to its end."""
    try:
        _, content = read_octets(octets)
    except Corrupt:
        return None
    return identified(content)


class Sink(Hop):
    """Notes when it took which message."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.taken: defaultdict[str, list[float]] = defaultdict(list)
        super().__init__(address)

    def keep(self, content: bytes) -> None:
        """Its id; ``?`` if it is not whole."""
        self.taken[identified(content) or "?"].append(time.monotonic())


class RelayCase(SynchronousTestCase):
    """A folder, a sink, and servers on that folder one after the other.

    Attributes:
        acked: the ids that were acknowledged.
        kills: when a server was killed or, if later, the next one was begun: what was
            sent before the kill may be read after it.
        left: for each kill, the ids that were in the queue behind it.
        widest: seconds between a receipt that was not recorded and the kill.
    """

    workers = 0

    def setUp(self) -> None:
        """Make the folder, the sink and the DNS that knows it."""
        self.acked: set[str] = set()
        self.kills: list[float] = []
        self.left: list[set[str]] = []
        self.widest = 0.0
        self.base = free_port_base()
        self.names = Names()
        self.addCleanup(self.names.stop)
        self.names.add(DOMAIN, ADDRESS)
        self.sink = Sink((ADDRESS, self.port))
        self.addCleanup(self.sink.stop)
        self.folder: Path | None = None
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()

    @property
    def port(self) -> int:
        """Of everybody's SMTP."""
        return self.base + 25

    @property
    def queue(self) -> Path:
        """Where entries lie."""
        assert self.folder is not None
        return self.folder / "queue"

    # ---- the server

    def start(self) -> Served:
        """Start it on the folder of the one before."""
        if self.kills:
            self.kills[-1] = time.monotonic()
        if self.folder is not None:  # the last one said there that it was ready
            (self.folder / "mailapp.log").unlink(missing_ok=True)
        tables = _TABLES.format(names=self.names.port, port=self.port)
        setup = Setup(base=self.base, workers=self.workers, tables=tables)
        server = begin(setup, self.folder)
        if self.folder is None:
            self.folder = server.data
            self.addCleanup(shutil.rmtree, server.data, ignore_errors=True)
        self.addCleanup(server.stop)
        server.wait_ready()
        return server

    def kill(self, server: Served) -> None:
        """End all its processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        self.kills.append(time.monotonic())
        server.stop()
        self.left.append(self._on_disk())

    def _on_disk(self) -> set[str]:
        """The ids of what waits in the queue's files, when nobody changes them."""
        found = []
        for path in (self.queue / "trays").iterdir():
            octets = path.read_bytes()
            for section in sections(path.name, octets):
                start = section.place.entry_start
                if section.waits:
                    found.append(octets[start : start + section.place.octets])
        entries = (self.queue / "entries").iterdir()
        found += [path.read_bytes() for path in entries if path.suffix != ".log"]
        return {number for octets in found if (number := _number(octets))}

    # ---- clients

    def send(self, client: smtplib.SMTP, size: int = 400) -> tuple[int, str]:
        """Send one message with a new id; the reply that counts."""
        number = str(next(self._numbers))
        client.ehlo_or_helo_if_needed()
        client.mail("bob@example.test")
        code, text = client.rcpt(f"x@{DOMAIN}")
        if code == 250:
            code, text = client.data(message(number, size))
        if code == 250:
            self.acked.add(number)
        return code, text.decode()

    def dial(self) -> smtplib.SMTP:
        """A client, for this test."""
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=20.0)
        self.addCleanup(client.close)
        return client

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Clients send on and on, for the time of a ``with``."""
        self._stopping.clear()
        threads = [threading.Thread(target=self._go_on) for _ in range(_SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    def wait_acked(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acked) + more
        wait_for(lambda: len(self.acked) >= wanted)

    def _go_on(self) -> None:
        while not self._stopping.is_set():
            with (
                suppress(OSError, smtplib.SMTPException),
                smtplib.SMTP("127.0.0.1", self.port, timeout=20.0) as client,
            ):
                while not self._stopping.is_set():
                    # a large one has a file of its own
                    self.send(client, random.choice(_SIZES))  # noqa: S311
            time.sleep(0.02)

    # ---- promises

    def check(self) -> None:
        """With a server that runs: all arrives, and twice only where a kill was.

        For each kill, once more at most; and only what was still in the queue behind
        it, since its receipt was not recorded there.
        """
        wait_for(lambda: self.acked <= self.sink.taken.keys(), 40.0)
        wait_for(lambda: not self.waiting(), 20.0)
        self.assertNotIn("?", self.sink.taken)
        self.assertEqual(list((self.queue / "corrupt").iterdir()), [])
        for number, times in self.sink.taken.items():
            for once, again in itertools.pairwise(times):
                between = [kill for kill in self.kills if once < kill < again]
                self.assertTrue(between, f"{number} came twice, and no kill between")
                self.assertLess(between[0] - once, _JUST_NOW, number)
                self.widest = max(self.widest, between[0] - once)
                for kill, left in zip(self.kills, self.left, strict=True):
                    if once < kill < again:
                        self.assertIn(number, left, "came again, and was recorded")

    def waiting(self) -> int:
        """How many messages are in the queue, as its postman says."""
        postman = ControlClient(self.queue / SOCKET)
        try:
            return sum(1 for _ in postman.entries())
        finally:
            postman.close()

    def retry(self) -> None:
        """Have all go now that waits for the sink."""
        postman = ControlClient(self.queue / SOCKET)
        try:
            postman.do("flush", domain=DOMAIN)
        finally:
            postman.close()

    @property
    def duplicates(self) -> int:
        """How many copies too many came."""
        return sum(len(times) - 1 for times in self.sink.taken.values())
