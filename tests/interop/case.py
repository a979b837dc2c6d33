"""A test case with a server of its own, for all of its tests."""

from __future__ import annotations

import atexit
import os
import resource
import shutil
import sys
from typing import ClassVar, Final

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.served import Served, Setup, start
from tests.interop.wire import Times, Wire, serve_good_client

TRUSTING: Final = '[limits]\ntrusted = ["127.0.0.0/8"]\n'
_STRICT: Final = bool(os.environ.get("MAILAPP_STRICT_TIMES"))


class ServedCase(SynchronousTestCase):
    """One server for all; after each test a client delivers and logs in (threat 129).

    Attributes:
        setup: how it is started.
    """

    setup: ClassVar[Setup] = Setup()
    server: ClassVar[Served]

    @classmethod
    def setUpClass(cls) -> None:
        """Start it once."""
        cls.server = start(cls.setup)

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it; whatever was done to it, it has met no bug of its own."""
        cls.server.stop()
        flaws = cls.server.flaws()
        shutil.rmtree(cls.server.data, ignore_errors=True)
        if flaws:
            raise AssertionError(flaws)

    def setUp(self) -> None:
        """Start it now under trial, which calls neither of the two above."""
        if "server" not in vars(type(self)):
            self.setUpClass()
            atexit.register(self.tearDownClass)

    def tearDown(self) -> None:
        """A good client is served."""
        serve_good_client(self.server, f"after {self.id()}")

    def dial(self, protocol: str, source: str = "127.0.0.1") -> Wire:
        """A connection that is closed at the end of the test."""
        wire = Wire(self.server.port(protocol), source=source)
        self.addCleanup(wire.socket.close)
        return wire

    def stored(self) -> int:
        """How many messages alice has."""
        return len(self.server.stored("alice"))

    def waiting(self) -> int:
        """Files that deliveries have not finished with."""
        store = self.server.data / "mail"
        found = [*store.rglob("tmp/*"), *(store / ".staging").glob("*")]
        return sum(1 for path in found if path.is_file())

    def report(self, what: str, times: Times | None = None) -> None:
        """Say what was measured; its time counts only if MAILAPP_STRICT_TIMES is set.

        Args:
            what: was measured.
            times: of a good client: each under a second.
        """
        text = what if times is None else f"{what}: {times}"
        sys.stderr.write(f"\n  {text}\n")
        if _STRICT and times is not None:
            self.assertLess(times.delivered, 1.0, what)
            self.assertLess(times.read, 1.0, what)


def allow_files(count: int) -> bool:
    """Have this process open so many files; False if it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True
