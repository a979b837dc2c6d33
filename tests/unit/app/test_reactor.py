"""The reactor: what its base promises, and when it is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.reactor import MailReactor, install


class Reader(FileDescriptor):
    """Reads from a socket; what it reads it does."""

    def __init__(self, reactor: Any, received: socket.socket) -> None:
        super().__init__(reactor)
        self.received = received
        self.got: list[bytes] = []
        self.lost: list[Failure] = []
        self.act: Any = None

    def fileno(self) -> int:
        """Of the socket."""
        return self.received.fileno()

    def doRead(self) -> None:  # noqa: N802
        """See the class."""
        self.got.append(self.received.recv(10))
        if self.act is not None:
            self.act()

    def connectionLost(self, reason: Failure) -> None:
        """Note why."""
        self.lost.append(reason)


class MailReactorTests(SynchronousTestCase):
    """Events reach whom they are for, and no failure goes further."""

    def setUp(self) -> None:
        """Two connected pairs."""
        self.reactor: Any = MailReactor()
        self.ends: list[socket.socket] = []
        self.readers = [self.reader(), self.reader()]
        self.addCleanup(self.give_back)

    def reader(self) -> Reader:
        """A reader and, in ``ends``, who writes to it."""
        received, sent = socket.socketpair()
        self.addCleanup(received.close)
        self.addCleanup(sent.close)
        self.ends.append(sent)
        reader = Reader(self.reactor, received)
        self.reactor.addReader(reader)
        return reader

    def give_back(self) -> None:
        """Close what the reactor has open."""
        self.reactor.removeAll()
        internal: Any = self.reactor._internalReaders
        for reader in internal:
            reader.connectionLost(None)
        self.reactor._poller.close()

    def test_read(self) -> None:
        """One turn serves all who have something to read."""
        for number, end in enumerate(self.ends):
            end.send(b"%d" % number)
        self.reactor.doIteration(0)
        self.assertEqual([reader.got for reader in self.readers], [[b"0"], [b"1"]])

    def test_failure(self) -> None:
        """What is raised is logged and ends its connection, no other one."""

        def fail() -> None:
            raise RuntimeError

        self.readers[0].act = fail
        for end in self.ends:
            end.send(b"x")
        self.reactor.doIteration(0)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual([len(reader.lost) for reader in self.readers], [1, 0])
        self.assertEqual(self.readers[1].got, [b"x"])

    def test_removed_meanwhile(self) -> None:
        """Who is removed by another in the same turn hears nothing any more."""

        def remove(which: int) -> None:
            self.reactor.removeReader(self.readers[which])

        for place, reader in enumerate(self.readers):
            reader.act = lambda place=place: remove(1 - place)
        for end in self.ends:
            end.send(b"x")
        self.reactor.doIteration(0)
        self.assertEqual(sum(len(reader.got) for reader in self.readers), 1)

    def test_hang_up(self) -> None:
        """A peer that closes ends the connection, or is read as the end."""
        self.ends[0].close()
        self.reactor.doIteration(0)
        self.assertEqual(self.readers[0].got, [b""])


class InstallTests(SynchronousTestCase):
    """Which reactor a process has."""

    def test_other(self) -> None:
        """One that is there already stays."""
        self.assertIs(install(), sys.modules["twisted.internet.reactor"])

    def test_ours(self) -> None:
        """A worker and a demo get ours: nothing that they import chose one before."""
        code = (
            "import mailapp.app.worker, mailapp.app.demo.serving\n"
            "from mailapp.app.reactor import install\n"
            "print(type(install()).__name__)"
        )
        told = subprocess.run(  # noqa: S603 - our own Python
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertEqual(told.stdout, "MailReactor\n")
