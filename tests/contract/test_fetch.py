"""Both clients against our own servers, over real sockets: octets are equal."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailapp.core.secret import Secret
from mailapp.fetch.dialogue import connector
from mailapp.fetch.session import Fetcher
from mailapp.fetch.types import Bounds, Protection, Source, Speech
from mailapp.net.driver import DriverFactory
from mailapp.net.listeners import Place, adopt, open_listener
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.threads import Pool
from mailapp.net.tls import ServerTLS
from mailapp.pop.locking import Terms
from mailapp.pop2.protocol import compose_pop2
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from mailapp.storage.files import Files
from mailapp.storage.maildir.store import MaildirStore
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.fetch.support import ALICE, content_of, surroundings
from tests.unit.net import sockets
from tests.unit.net.sockets import CA, reactor
from tests.unit.pop2.support import Server as Pop2Server
from tests.unit.pop3.support import Server as Pop3Server

MESSAGES = 200


@cache
def mixed(messages: int) -> tuple[bytes, ...]:
    """Messages of all sizes, with dots and octets of all kinds; the same each time."""
    rng = random.Random(937)  # noqa: S311 - no secret
    found = []
    for number in range(messages):
        size = rng.choice((0, 1, 40, 900, 5000, 70_000))
        text = bytes(rng.choices(b"\r\n.. \x00\xe9abc\n", k=size))
        lines = text.replace(b"\r", b"").replace(b"\n", b"\r\n")
        found.append(b"Subject: %d\r\n\r\n%b\r\n" % (number, lines))
    return tuple(found)


@tabled
class SocketTests(TestCase):
    """A server that listens, and a fetcher that connects."""

    timeout = 60

    def setUp(self) -> None:
        """A mailbox here."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.pool = Pool(reactor, "write", 4)
        self.addCleanup(self.pool.stop)
        self.sweep = Sweep(reactor, 0.1)
        self.addCleanup(self.sweep.stop)
        self.store = MaildirStore(self.folder / "mail", self.pool.run, clock=reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.store.close()))
        tokens = count()
        self.around = evolve(
            surroundings(self.store, Files()),
            connect=connector(reactor),
            clock=reactor,
            in_thread=self.pool.run,
            folder=os.fsencode(self.folder / "fetch"),
            now=time.time,
            token=lambda: f"id{next(tokens)}",
        )
        self.fetcher = Fetcher(self.around)

    def listen(self, compose: Callable[..., Any], *, implicit: bool) -> int:
        """Serve; the port."""
        tls = ServerTLS([sockets._files], b"pop")
        around = Surroundings(
            clock=reactor, sweep=self.sweep, tls=tls, implicit_tls=implicit
        )
        factory = DriverFactory(compose, around)
        listener = open_listener(Place("127.0.0.1"))
        port = listener.getsockname()[1]
        listening = adopt(reactor, listener.detach(), factory)

        def stop() -> Any:
            drained = factory.drain()
            factory.abort_all()
            return drained

        self.addCleanup(stop)
        self.addCleanup(listening.stopListening)
        return int(port)

    def serve(self, speech: Speech, protection: Protection) -> tuple[Any, Source]:
        """A server with messages, and how to fetch them."""
        bodies = mixed(MESSAGES)
        server: Any
        compose: Any
        if speech is Speech.POP2:
            # POP2 shows 7-bit snapshots: what is no ASCII would not come as it is
            plain = [b.replace(b"\xe9", b"e").replace(b"\0", b"0") for b in bodies]
            server = Pop2Server(*plain)
            server.clock = reactor
            compose = compose_pop2(server.service(), None)
        else:
            server = Pop3Server(*bodies)
            server.authenticator.in_clear = protection is Protection.NONE
            service = Service(
                server.authenticator,
                Terms(reactor),
                server.tokens.__next__,
                "mail.example.test",
                tls_available=protection is Protection.STARTTLS,
            )
            compose = compose_pop3(service, None)
        port = self.listen(compose, implicit=protection is Protection.IMPLICIT)
        return server, Source(
            name="here",
            speech=speech,
            host="localhost" if protection is Protection.NONE else "mail.example.test",
            port=port,
            user="u",
            password=Secret(b"p w"),
            into=ALICE,
            protection=protection,
            authority=CA.path,
            bounds=Bounds(timeout=20.0),
        )

    def stored(self) -> list[bytes]:
        """All that lies in alice's INBOX, without our fields."""
        box = self.folder / "mail" / "example.test" / "alice"
        files = [*(box / "new").iterdir(), *(box / "cur").iterdir()]
        return [content_of(file.read_bytes()) for file in files]

    def at_home(self) -> None:
        """Let the name of the certificate be this host."""
        connect = connector(reactor)
        self.fetcher = Fetcher(
            evolve(self.around, connect=lambda _h, p, d: connect("127.0.0.1", p, d))
        )

    @rows(
        pop2=(Speech.POP2, Protection.NONE),
        pop2_tls=(Speech.POP2, Protection.IMPLICIT),
        pop3=(Speech.POP3, Protection.NONE),
        pop3_stls=(Speech.POP3, Protection.STARTTLS),
        pop3s=(Speech.POP3, Protection.IMPLICIT),
    )
    async def test_octets(self, speech: Speech, protection: Protection) -> None:
        """200 mixed messages come as they are, once, and are gone there."""
        server, source = self.serve(speech, protection)
        self.at_home()
        wanted = sorted(server.bodies())
        report = await self.fetcher.run(source)
        self.assertEqual(("", MESSAGES), (report.problem, report.fetched))
        self.assertEqual(wanted, sorted(self.stored()))
        self.assertEqual([], server.bodies())

    @rows(stls=Protection.STARTTLS, implicit=Protection.IMPLICIT)
    @threat(9)
    async def test_not_trusted(self, protection: Protection) -> None:
        """A server with another name, or of no authority, hears no password."""
        server, source = self.serve(Speech.POP3, protection)
        self.at_home()
        for wrong in (
            evolve(source, host="other.example.test"),
            evolve(source, authority=None),
        ):
            report = await self.fetcher.run(wrong)
            self.assertIn("not trusted", report.problem)
        self.assertEqual(0, server.authenticator.evaluated)
        open_to_all = evolve(source, authority=None, verify=False)
        self.assertEqual("", (await self.fetcher.run(open_to_all)).problem)

    async def test_nobody_there(self) -> None:
        """A port that nobody listens on, and one that is not what it should be."""
        _, source = self.serve(Speech.POP3, Protection.NONE)
        report = await self.fetcher.run(evolve(source, port=1))
        self.assertIn("no connection", report.problem)
        report = await self.fetcher.run(evolve(source, speech=Speech.POP2))
        self.assertNotEqual("", report.problem)
        report = await self.fetcher.run(
            evolve(source, protection=Protection.IMPLICIT, bounds=Bounds(timeout=2.0))
        )
        self.assertIn("no TLS", report.problem)

    async def test_hang_up(self) -> None:
        """Who stops a run finds all that came, and the next run brings the rest."""
        server, source = self.serve(Speech.POP3, Protection.NONE)
        wanted = sorted(server.bodies())

        def watch(done: int, _all: int, _octets: int) -> None:
            if done == MESSAGES // 2:
                self.fetcher.hang_up()

        first = await self.fetcher.run(source, watch=watch)
        self.assertNotEqual("", first.problem)
        self.assertLess(first.fetched, MESSAGES)
        self.assertEqual(first.fetched, len(self.stored()))
        self.assertEqual("", (await self.fetcher.run(source)).problem)
        self.assertEqual(wanted, sorted(self.stored()))
