"""Deletion by POP2 and POP3: all of it at QUIT, nothing before (threat 77)."""

from __future__ import annotations

import contextlib
import os
import poplib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.pop2_client import Pop2Mailbox
from mailapp.core.peer import Peer
from mailapp.net.threads import inline
from mailapp.pop.locking import Terms
from mailapp.pop2.protocol import compose_pop2
from mailapp.pop2.session import Service as Pop2Service
from mailapp.pop2.snapshot import Room, Showing
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service as Pop3Service
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX_ID, AccountId, Destination
from tests.contract.store_case import gathered, now
from tests.crash.case import CrashCase, children
from tests.crash.explore import explore
from tests.crash.powercut import Disk
from tests.doubles import FakeAuthenticator, User
from tests.interop.demo import PASSWORD, DemoServer
from tests.play import Wire
from tests.rows import rows, tabled
from tests.threats import threat

ALICE = AccountId("alice@example.test")
BODIES = [b"%d\r\n" % number for number in range(4)]
MARKED = 2
POP2 = [b"HELO u p", *[b"READ 1", b"RETR", b"ACKD", b"RETR", b"ACKD"]]
POP3 = [b"USER u", b"PASS p", b"DELE 1", b"DELE 2"]
# logs in, marks the first two messages, says so, and waits to be killed
_POP3_CLIENT = """
import poplib, sys
pop = poplib.POP3("127.0.0.1", int(sys.argv[1]))
pop.user("u000"); pop.pass_(sys.argv[2]); pop.dele(1); pop.dele(2)
print("marked", flush=True); sys.stdin.read()
"""
_POP2_CLIENT = """
import socket, sys
from mailapp.app.demo.pop2_client import Pop2Mailbox
mailbox = Pop2Mailbox(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
mailbox.log_in(b"u000", sys.argv[2].encode()); mailbox.measure(1)
mailbox.retrieve(); mailbox.delete(); mailbox.retrieve(); mailbox.delete()
print("marked", flush=True); sys.stdin.read()
"""


async def _inconvertible(octets: bytes) -> None:
    del octets


def _opened(disk: Disk) -> MaildirStore:
    unique = UniqueNames(disk.boots, b"random", "host")
    return MaildirStore("/mail", inline, clock=Clock(), files=disk, unique=unique)


def _bodies(disk: Disk) -> list[bytes]:
    mail = now(_opened(disk).open(ALICE))
    items = now(mail.items(INBOX_ID))
    return [b"".join(now(gathered(mail.read(item.blob)))) for item in items]


@tabled
class PowerCutTests(SynchronousTestCase):
    """The power is cut at every call to the disk that a session makes."""

    def prepare(self) -> Disk:
        """Four messages, durable."""
        disk = Disk()
        store = _opened(disk)
        now(store.create(ALICE))
        for body in BODIES:
            sink = store.stage()
            now(sink.write(body))
            assert now(store.deliver(sink, [Destination(ALICE)])) == [None]
        disk.settle()
        self.gone = False
        return disk

    def wire(self, disk: Disk, protocol: str) -> Wire:
        """A client on this disk."""
        clock = Clock()
        account = now(_opened(disk).open(ALICE))
        authenticator = FakeAuthenticator([User(b"u", b"p", account)])
        terms, token, host = Terms(clock), (lambda: b"token"), "mx.example.test"
        if protocol == "pop2":
            showing = Showing(_inconvertible, Room())
            service2 = Pop2Service(authenticator, terms, token, host, showing)
            return Wire(*compose_pop2(service2)(Peer("192.0.2.1")))
        service3 = Pop3Service(authenticator, terms, token, host)
        return Wire(*compose_pop3(service3)(Peer("192.0.2.1")))

    @rows(pop2=("pop2", POP2), pop3=("pop3", POP3))
    @threat(77)
    def test_before_quit(self, protocol: str, commands: list[bytes]) -> None:
        """No cut between the mark and QUIT, nor a lost connection, removes any."""

        def act(disk: Disk) -> None:
            wire = self.wire(disk, protocol)
            for command in commands:
                wire.feed(command + b"\r\n")
                self.assertNotIn(wire.take()[:1], (b"-",))
            wire.session.closed()

        def check(disk: Disk) -> None:
            self.assertEqual(_bodies(disk), BODIES)

        self.assertGreater(explore(self.prepare, act, check), 1)

    @rows(pop2=("pop2", POP2, b"+ bye"), pop3=("pop3", POP3, b"+OK"))
    @threat(77)
    def test_quit(self, protocol: str, commands: list[bytes], good: bytes) -> None:
        """What was marked is gone if QUIT was answered; the rest is there always."""

        def act(disk: Disk) -> None:
            wire = self.wire(disk, protocol)
            for command in commands:
                wire.feed(command + b"\r\n")
            wire.take()
            wire.feed(b"QUIT\r\n")
            self.assertTrue(wire.take().startswith(good))
            self.gone = True

        def check(disk: Disk) -> None:
            found = _bodies(disk)
            self.assertLessEqual(set(BODIES[MARKED:]), set(found))
            self.assertLessEqual(set(found), set(BODIES))
            if self.gone:
                self.assertEqual(found, BODIES[MARKED:])

        self.assertGreater(explore(self.prepare, act, check), 4)


class KillTests(CrashCase):
    """SIGKILL between the mark and QUIT."""

    workers = 2

    def begin(self) -> DemoServer:
        """A server and four messages."""
        server = self.start()
        home = self.mail / "example.test" / "u000" / "new"
        for number, body in enumerate(BODIES):
            (home / f"{number}.M1P1.h,S={len(body)},W={len(body)}").write_bytes(body)
        return server

    def client(self, server: DemoServer, protocol: str) -> subprocess.Popen[str]:
        """A program that has marked two messages and waits."""
        text = {"pop2": _POP2_CLIENT, "pop3": _POP3_CLIENT}[protocol]
        port = str(server.port(protocol))
        client = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", text, port, PASSWORD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )

        def end() -> None:
            client.kill()
            client.communicate()

        self.addCleanup(end)
        assert client.stdout is not None
        self.assertEqual(client.stdout.readline(), "marked\n")
        return client

    def count(self, server: DemoServer, protocol: str) -> int:
        """How many messages a new session sees, as soon as it gets the lock."""
        return self.soon({"pop2": self.count2, "pop3": self.count3}[protocol], server)

    def count2(self, server: DemoServer) -> int:
        """By POP2."""
        connected = socket.create_connection(("127.0.0.1", server.port("pop2")), 10)
        with Pop2Mailbox(connected) as mailbox:
            return mailbox.log_in(b"u000", PASSWORD.encode())

    def count3(self, server: DemoServer) -> int:
        """By POP3."""
        pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=10)
        try:
            pop.user("u000")
            pop.pass_(PASSWORD)
            return int(pop.stat()[0])
        finally:
            pop.close()

    def soon(self, ask: Callable[[DemoServer], int], server: DemoServer) -> int:
        """A worker that was killed is started again first."""
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, poplib.error_proto):
                return ask(server)
            time.sleep(0.05)
        return ask(server)

    @threat(75, 77)
    def test_client(self) -> None:
        """A client that dies removes nothing, and its lock is free."""
        server = self.begin()
        for protocol in ("pop2", "pop3"):
            client = self.client(server, protocol)
            client.send_signal(signal.SIGKILL)
            client.wait()
            self.assertEqual(self.count(server, protocol), len(BODIES))

    @threat(75, 77)
    def test_worker(self) -> None:
        """Workers that die remove nothing, and their locks are free."""
        server = self.begin()
        for protocol in ("pop2", "pop3"):
            self.client(server, protocol)
            for worker in children(server.process.pid):
                os.kill(worker, signal.SIGKILL)
            self.assertEqual(self.count(server, protocol), len(BODIES))

    @threat(77)
    def test_after_quit(self) -> None:
        """What was marked is gone after QUIT's answer, whatever is killed then."""
        server = self.begin()
        connected = socket.create_connection(("127.0.0.1", server.port("pop2")), 10)
        with Pop2Mailbox(connected) as mailbox:
            mailbox.log_in(b"u000", PASSWORD.encode())
            mailbox.measure(1)
            for _ in range(MARKED):
                mailbox.retrieve()
                mailbox.delete()
            mailbox.quit()
        pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=10)
        pop.user("u000")
        pop.pass_(PASSWORD)
        pop.dele(1)
        pop.quit()
        self.kill(server)
        home = self.mail / "example.test" / "u000"
        left = [path.read_bytes() for path in home.glob("*/*.M1P1.h*")]
        self.assertEqual(left, BODIES[MARKED + 1 :])
