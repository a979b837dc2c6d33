"""FI-7: no descriptors are left."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from typing import Final

from tests.crash.case import USERS, CrashCase, seconds_of_cpu
from tests.threats import threat

LIMIT: Final = 128
FLOOD: Final = 200


class DescriptorTests(CrashCase):
    """More connections come than there are descriptors for them."""

    @threat(113, 126)
    def test_flood(self) -> None:
        """Sessions live on, the server does not spin, and it takes mail again."""
        server = self.start()
        self.limit(server, resource.RLIMIT_NOFILE, LIMIT)
        sender = self.sender(server)
        self.assertEqual(sender.send([("before", USERS[0])], 500)[:3], "250")
        with ExitStack() as flood:
            for _ in range(FLOOD):
                address = ("127.0.0.1", server.port("smtp"))
                flood.enter_context(socket.create_connection(address, 10))
            time.sleep(0.5)
            before = seconds_of_cpu(server.process.pid)
            time.sleep(1.0)
            used = seconds_of_cpu(server.process.pid) - before
            self.assertLess(used, 0.3, "it spins")
            answer = sender.send([("during", USERS[0])], 500)
            self.assertIn(answer[:9], {"250 2.0.0", "451 4.3.0"})
            answer = sender.send([("large", USERS[0])], 100_000)
            self.assertIn(answer[:9], {"250 2.0.0", "451 4.3.0"})
            self.check()
            self.check_no_leftovers()
        deadline = time.monotonic() + 10.0
        while True:
            try:
                after = self.sender(server)
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline, "it takes no connection")
                time.sleep(0.1)
        self.assertEqual(after.send([("after", USERS[0])], 100_000)[:3], "250")
        self.popper(server, USERS[0]).delete(1)
        self.check()
        self.assertEqual(server.stop(), 0)
