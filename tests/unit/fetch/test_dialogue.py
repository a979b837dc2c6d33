"""The dialogue: deadlines, and no more octets than somebody wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailapp.fetch.dialogue import PROGRESS_OCTETS, Dialogue
from mailapp.net.steps import run
from mailapp.pop3.client import Greeted, Piece, Pop3Client, Trouble
from mailapp.pop3.grammar import Retr
from tests.threats import threat


class DialogueTests(SynchronousTestCase):
    """A server on a transport in memory."""

    def setUp(self) -> None:
        """Connected."""
        self.clock = Clock()
        self.machine = Pop3Client()
        self.dialogue = Dialogue(self.machine, self.clock, 10.0, Piece)
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[method-assign]  # as a real one
        self.dialogue.makeConnection(self.transport)
        self.heard: list[Any] = []

    def ask(self) -> None:
        """Wait for the next event."""
        run(self.dialogue.event(), self.heard.append, self.heard.append)

    def greet(self) -> None:
        """Greeted, and a message was asked for."""
        self.ask()
        self.dialogue.dataReceived(b"+OK\r\n")
        self.assertIsInstance(self.heard.pop(), Greeted)
        self.dialogue.write(self.machine.send(Retr(1)))

    @threat(124)
    def test_silence(self) -> None:
        """A server that says nothing is given up when its time is over."""
        self.ask()
        self.clock.advance(9.9)
        self.assertEqual([], self.heard)
        self.clock.advance(0.2)
        self.assertIsInstance(self.heard[0], Trouble)
        self.assertEqual([], self.clock.getDelayedCalls())

    @threat(124)
    def test_drops(self) -> None:
        """Octets that make no event move the deadline only if they are many."""
        self.ask()
        for _ in range(3):
            self.clock.advance(3)
            self.dialogue.dataReceived(b"+")
        self.clock.advance(1.1)
        self.assertIsInstance(self.heard[0], Trouble)

    @threat(124)
    def test_slow_message(self) -> None:
        """A message octet by octet is not waited for; one that flows is."""
        self.greet()
        self.ask()
        self.dialogue.dataReceived(b"+OK\r\nx")
        for _ in range(5):
            self.ask()
            self.clock.advance(4)
            self.dialogue.dataReceived(b"y" * PROGRESS_OCTETS)
        self.assertEqual(6, len(self.heard))
        while not isinstance(self.heard[-1], Trouble):
            self.ask()
            self.clock.advance(4)
            self.dialogue.dataReceived(b"z")
        self.assertLess(len(self.heard), 12)

    def test_our_time(self) -> None:
        """The time that we take does not count against the server."""
        self.greet()
        self.ask()
        self.dialogue.dataReceived(b"+OK\r\nx")
        self.clock.advance(1000)
        self.ask()
        self.dialogue.dataReceived(b"y")
        self.assertEqual([Piece(1, b"x"), Piece(1, b"y")], self.heard)

    @threat(13)
    def test_back_pressure(self) -> None:
        """While nobody wants more, the transport is not read."""
        self.greet()
        for _ in range(3):
            self.dialogue.dataReceived(b"+OK\r\n" + b"x" * 30_000)
        self.assertEqual("paused", self.transport.producerState)
        while self.machine.buffered > 4 or not self.heard:
            self.ask()
        self.assertEqual("paused", self.transport.producerState)
        self.ask()
        self.assertEqual("producing", self.transport.producerState)

    def test_lost(self) -> None:
        """A connection that is gone is an event; what is written then is dropped."""
        self.ask()
        self.dialogue.connectionLost()
        self.assertIsInstance(self.heard[0], Trouble)
        self.dialogue.write(b"x")
        self.dialogue.close()
        self.dialogue.close()
        self.assertEqual(b"", self.transport.value())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_close(self) -> None:
        """What was written may leave; a server that does not let go is dropped."""
        self.dialogue.close()
        self.assertTrue(self.transport.disconnecting)
        self.dialogue.close()
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.dialogue.connectionLost()
        self.assertEqual([], self.clock.getDelayedCalls())
