"""The client of ``mailapp queue`` and the postman's socket, with a real reactor."""

from __future__ import annotations

import shutil
import tempfile
from importlib import import_module
from pathlib import Path

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailapp.net.steps import finish
from mailapp.queue.administration import Administration
from mailapp.queue.client import ControlClient, NotServed
from mailapp.queue.control import SOCKET, listen
from mailapp.queue.types import Outcome
from mailapp.storage.files import Files
from tests.unit.queue.postman import BEGIN, Post, attempt, envelope


class SocketTests(TestCase):
    """A postman with a message that was deferred."""

    def setUp(self) -> None:
        """Start it."""
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-"))
        self.addCleanup(shutil.rmtree, self.folder)
        clock = Clock()
        clock.advance(BEGIN)
        self.post = Post(self.folder, Files(), clock)
        self.post.carrier.answer = lambda *_: attempt(Outcome.DEFERRED, BEGIN)
        self.post.start()
        self.addCleanup(self.post.end)
        self.post.put(envelope("m1", "x@far.test"))
        administration = Administration(
            self.post.custody, self.post.events, self.post.dispatcher
        )
        reactor = import_module("twisted.internet").reactor
        self.port = listen(reactor, self.folder, administration)
        self.addCleanup(self.port.stopListening)

    def talk(self) -> list[object]:
        """In a thread: what a client sees."""
        client = ControlClient(self.folder / SOCKET)
        try:
            seen: list[object] = [entry.id for entry in client.entries()]
            seen.append(client.entry("m1").attempts)
            seen.append(client.do("hold", id="m1"))
            seen.append(client.entry("m1").held)
            try:
                client.do("drop", id="m2")
            except KeyError:
                seen.append("gone")
            return seen
        finally:
            client.close()

    @inlineCallbacks
    def test_client(self):  # type: ignore[no-untyped-def]
        """All that is asked is answered; only the server's user may ask."""
        seen = yield deferToThread(self.talk)
        self.assertEqual(seen, ["m1", 1, 1, True, "gone"])
        mode = (self.folder / SOCKET).stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)

    def test_not_served(self) -> None:
        """Where nobody listens, the client says so."""
        with self.assertRaises(NotServed):
            ControlClient(self.folder / "nothing")
        self.assertEqual(finish(self.post.custody.sweep()), 0)
