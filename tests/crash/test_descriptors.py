"""FI-7: no descriptors are left."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from tests.crash.case import USERS, CrashCase, need, seconds_of_cpu
from tests.interop.demo import DemoServer
from tests.threats import threat

LIMIT: Final = 128
FLOOD: Final = 200


class DescriptorTests(CrashCase):
    """More connections come than there are descriptors for them."""

    @threat(125, 126)
    def test_flood(self) -> None:
        """Sessions find the descriptors they need; who comes too late is told so."""
        need("prlimit")
        server = self.start("prlimit", f"--nofile={LIMIT}")
        sender = self.sender(server)
        popper = self.popper(server, USERS[1])
        with self.flooded(server) as flood:
            for number, size in enumerate((500, 100_000, 500)):
                copies = [(f"{number}", user) for user in USERS[:2]]
                self.assertEqual(sender.send(copies, size)[:9], "250 2.0.0")
            popper.ask("QUIT")
            greetings = [connection.recv(3) for connection in flood]
            self.assertIn(b"220", greetings)
            self.assertGreater(greetings.count(b"421"), 50)
            self.check()
        self.check_recovered(server)

    @threat(113, 126)
    def test_exhausted(self) -> None:
        """With none left the server does not spin, mail is refused for now, no more."""
        server = self.start()
        self.limit(server, resource.RLIMIT_NOFILE, LIMIT)
        sender = self.sender(server)
        self.assertEqual(sender.send([("before", USERS[0])], 500)[:3], "250")
        with self.flooded(server):
            for number, size in enumerate((500, 100_000)):
                answer = sender.send([(f"{number}", USERS[0])], size)
                self.assertIn(answer[:9], {"250 2.0.0", "451 4.3.0"})
            self.check()
            self.check_no_leftovers()
        self.check_recovered(server)

    @contextmanager
    def flooded(self, server: DemoServer) -> Iterator[list[socket.socket]]:
        """More connections than descriptors; the server has next to nothing to do."""
        with ExitStack() as stack:
            address = ("127.0.0.1", server.port("smtp"))
            flood = [
                stack.enter_context(socket.create_connection(address, 10))
                for _ in range(FLOOD)
            ]
            time.sleep(0.5)
            before = seconds_of_cpu(server.process.pid)
            time.sleep(1.0)
            used = seconds_of_cpu(server.process.pid) - before
            self.assertLess(used, 0.3, "it spins")
            yield flood

    def check_recovered(self, server: DemoServer) -> None:
        """When the flood is over all is as before; the server was not restarted."""
        deadline = time.monotonic() + 10.0
        answer = ""
        while not answer:
            try:
                after = self.sender(server)
                answer = after.send([("after", USERS[0])], 100_000)
            except (OSError, ValueError):
                self.assertLess(time.monotonic(), deadline, "it takes no connection")
                time.sleep(0.1)
        self.assertEqual(answer[:3], "250")
        self.assertGreater(self.popper(server, USERS[0]).delete(1), 0)
        self.check()
        self.check_no_leftovers()
        self.assertEqual(server.stop(), 0)
