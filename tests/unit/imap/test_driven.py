"""IMAP over the driver: what leaves when, back-pressure, COMPRESS, IDLE."""

from __future__ import annotations

import zlib
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from mailapp.core.peer import TLS
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.table import TABLE, Row
from mailapp.imap.grammar.values.commands import Check, Noop
from mailapp.imap.limits import Limits
from mailapp.imap.protocol import compose_imap
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, ok
from mailapp.imap.states import State
from mailapp.net.driver import Driver, DriverFactory
from mailapp.net.surroundings import Surroundings
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.support import Server
from tests.unit.net.driving import DriverCase, Transport

LOGIN = b'a LOGIN u "p w"\r\n'


class DrivenCase(DriverCase):
    """A driver that speaks IMAP; NOOP and CHECK do what a test says."""

    peer_tls: TLS | None = None

    def serve(self, server: Server, **rows: Any) -> tuple[Driver, Transport]:
        """A client that is logged in."""
        kinds: dict[str, Any] = {"noop": Noop, "check": Check}
        table = dict(TABLE)
        for name, perform in rows.items():
            table[kinds[name]] = Row(kinds[name], perform, frozenset(State))
        server.clock = self.clock
        around = Surroundings(clock=self.clock, sweep=self.sweep)
        compose = compose_imap(server.service, Limits(), table)
        tls = self.peer_tls
        self.factory = DriverFactory(lambda p: compose(evolve(p, tls=tls)), around)
        driver, transport = self.connect()
        driver.dataReceived(LOGIN)
        transport.clear()
        transport.writes.clear()
        return driver, transport


class WritingTests(DrivenCase):
    """Responses leave together, and wait for those who don't read."""

    def test_one_write(self) -> None:
        """What commands in one segment are answered leaves in one write."""
        driver, transport = self.serve(Server(b"x\r\n"))
        driver.dataReceived(b"b SELECT inbox\r\nc NOOP\r\nd FETCH 1 FLAGS\r\n")
        self.assertEqual(1, len(transport.writes))
        self.assertIn(b"\r\nd OK ", transport.writes[0])

    def test_rest_of_a_literal(self) -> None:
        """A client may hold its last octets until it hears that the others came."""
        told: list[bytes] = []
        last = b""
        self.patch(Transport, "acknowledge", lambda _: told.append(last))
        driver, transport = self.serve(Server())
        for last in (
            b"b APP",
            b'END inbox "01-Jan-2020 00:00:00 +0000" {4}\r\n',
            b"A: ",
            b"b",
            b"\r\n",
            b"c NOOP\r\n",
            b"d CREATE {1}\r\n",
            b"x",
            b"\r\n",
        ):
            driver.dataReceived(last)
        self.assertEqual(transport.value().count(b" OK "), 3)
        self.assertEqual(
            told,
            [
                b"b APP",
                b'END inbox "01-Jan-2020 00:00:00 +0000" {4}\r\n',
                b"A: ",
                b"b",
                b"d CREATE {1}\r\n",
                b"x",
            ],
        )

    @threat(61, 62)
    def test_slow_reader(self) -> None:
        """Nothing more is made while the client does not read; in the end it goes."""
        made = []

        async def much(context: Context, _command: Noop) -> Status:
            for number in range(100):
                made.append(number)
                context.send(b"x" * 70000)
                await context.drain()
            return ok("done")

        driver, transport = self.serve(Server(), noop=much)
        transport.brim = 1000
        driver.dataReceived(b"b NOOP\r\n")
        self.assertEqual([0], made)
        for count in range(2, 10):
            driver.resumeProducing()
            self.assertEqual(count, len(made))
        self.clock.pump([30.0] * 11)
        self.assertTrue(transport.disconnected)
        self.assertEqual(9, len(made))

    def test_reads_again(self) -> None:
        """Who reads at last gets all of it, and the reply behind it."""

        async def much(context: Context, _command: Noop) -> Status:
            for _ in range(5):
                context.send(b"x" * 70000)
                await context.drain()
            return ok("done")

        driver, transport = self.serve(Server(), noop=much)
        transport.brim = 1000
        driver.dataReceived(b"b NOOP\r\nc CHECK\r\n")
        for _ in range(6):
            driver.resumeProducing()
        self.assertEqual(
            b"x" * 350000 + b"b OK done\r\nc BAD select a mailbox first\r\n",
            transport.value(),
        )

    @threat(60)
    def test_gives_way(self) -> None:
        """A command that works long lets others have a turn, each 10 ms."""
        turns = []

        async def long(context: Context, _command: Noop) -> Status:
            for turn in range(10):
                turns.append(turn)
                self.clock.rightNow += 0.004
                await context.drain()
            return ok("done")

        driver, transport = self.serve(Server(), noop=long)
        driver.dataReceived(b"b NOOP\r\n")
        self.assertLess(len(turns), 6)
        self.clock.pump([0] * 10)
        self.assertEqual(b"b OK done\r\n", transport.value())

    def test_gone_while_waiting(self) -> None:
        """A client that goes ends the command where it waits."""
        ended = []

        async def waits(_context: Context, _command: Noop) -> Status:
            try:
                await Deferred()
            finally:
                ended.append(True)
            return ok("never")

        server = Server()
        driver, _ = self.serve(server, noop=waits)
        driver.dataReceived(b"b NOOP\r\n")
        self.lose(driver)
        self.assertEqual([True], ended)
        self.assertEqual(0, server.user.logged_in)


@tabled
class IdleTests(DrivenCase):
    """RFC 9051, section 6.3.13."""

    def test_push(self) -> None:
        """A delivery is told at once, and DONE ends it."""
        server = Server(b"x\r\n")
        driver, transport = self.serve(server)
        driver.dataReceived(b"b SELECT inbox\r\nc IDLE\r\n")
        self.assertTrue(transport.value().endswith(b"+ idling\r\n"))
        transport.clear()
        server.deliver(b"y\r\n")
        self.clock.pump([0, 0.05, 0])
        self.assertEqual(b"* 2 EXISTS\r\n", transport.value())
        driver.dataReceived(b"DONE\r\n")
        self.assertTrue(transport.value().endswith(b"c OK done\r\n"))
        transport.clear()
        server.deliver(b"z\r\n")
        self.clock.pump([0, 0.05, 0])
        self.assertEqual(b"", transport.value())

    def test_time_out(self) -> None:
        """A client that is silent for longer than allowed is told BYE."""
        driver, transport = self.serve(Server())
        driver.dataReceived(b"b IDLE\r\n")
        self.clock.pump([60.0] * 29)
        self.assertFalse(transport.disconnecting)
        self.clock.pump([60.0] * 4)
        self.assertIn(b"* BYE ", transport.value())
        self.assertTrue(transport.disconnecting)

    @rows(resting=b"", idle=b"b IDLE\r\n")
    def test_disabled(self, command: bytes) -> None:
        """A silent client hears that its account was closed, and not of the time."""
        server = Server()
        driver, transport = self.serve(server)
        driver.dataReceived(command)
        transport.clear()
        server.user.valid = False
        driver.review()
        self.assertEqual(replies.ACCOUNT_GONE.line(), transport.value())
        self.assertTrue(transport.disconnecting)

    def test_drained(self) -> None:
        """When the server goes down, IDLE ends at once."""
        driver, transport = self.serve(Server())
        driver.dataReceived(b"b IDLE\r\n")
        driver.drain()
        self.assertIn(b"* BYE [UNAVAILABLE] ", transport.value())


class CompressTests(DrivenCase):
    """RFC 4978."""

    peer_tls: TLS | None = TLS("TLSv1.3")

    def test_clear(self) -> None:
        """Without TLS it is refused, and the connection goes on uncompressed."""
        self.peer_tls = None
        driver, transport = self.serve(Server())
        driver.dataReceived(b"b COMPRESS DEFLATE\r\n")
        self.assertIn(b"b NO [PRIVACYREQUIRED] ", transport.value())
        driver.dataReceived(b"c CAPABILITY\r\n")
        self.assertIn(b"* CAPABILITY ", transport.value())
        self.assertNotIn(b"COMPRESS=", transport.value())
        self.assertIn(b"c OK ", transport.value())

    def compress(self, server: Server, **rows: Any) -> tuple[Driver, Transport, Any]:
        """A client behind COMPRESS, and what it compresses with."""
        driver, transport = self.serve(server, **rows)
        driver.dataReceived(b"b COMPRESS DEFLATE\r\n")
        self.assertEqual(b"b OK compression begins now\r\n", transport.value())
        transport.clear()
        return driver, transport, zlib.compressobj(9, zlib.DEFLATED, -15)

    def turn(self) -> None:
        """One turn of the reactor: what it calls for calls in the next one."""
        now = self.clock.seconds()
        due = [call for call in self.clock.calls if call.getTime() <= now]
        for call in due:
            self.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)

    def test_both_ways(self) -> None:
        """What follows is compressed, in both directions, however it is cut."""
        driver, transport, out = self.compress(Server(b"x\r\n"))
        octets = out.compress(b"c SELECT inbox\r\nd FETCH 1 (FLAGS)\r\n")
        octets += out.flush(zlib.Z_SYNC_FLUSH)
        for octet in octets:
            driver.dataReceived(bytes([octet]))
        said = zlib.decompressobj(-15).decompress(transport.value())
        self.assertIn(b"\r\nc OK ", said)
        self.assertTrue(b"\r\nd OK " in said)

    def test_twice(self) -> None:
        """A second layer is refused (RFC 4978, section 3)."""
        driver, transport, out = self.compress(Server())
        driver.dataReceived(
            out.compress(b"c COMPRESS DEFLATE\r\n") + out.flush(zlib.Z_SYNC_FLUSH)
        )
        said = zlib.decompressobj(-15).decompress(transport.value())
        self.assertTrue(said.startswith(b"c NO [COMPRESSIONACTIVE] "), said)

    def test_before_login(self) -> None:
        """Nobody who is unknown makes us inflate."""
        driver, transport = self.serve(Server())
        fresh, unknown = self.connect()
        unknown.clear()
        fresh.dataReceived(b"b COMPRESS DEFLATE\r\n")
        self.assertEqual(b"b BAD log in first\r\n", unknown.value())
        del driver, transport

    def test_pipelined(self) -> None:
        """What comes behind COMPRESS before its reply is neither: the end."""
        driver, transport = self.serve(Server())
        driver.dataReceived(b"b COMPRESS DEFLATE\r\nc NOOP\r\n")
        self.assertTrue(transport.value().startswith(b"* BYE "))

    def test_garbage(self) -> None:
        """What can't be inflated ends the connection."""
        driver, transport, _ = self.compress(Server())
        driver.dataReceived(b"\xff" * 10)
        self.assertTrue(transport.disconnected)

    @threat(63)
    def test_bomb(self) -> None:
        """1 MB that is 1 GB is inflated in turns, and never held."""
        driver, transport, out = self.compress(Server())
        bomb = b"".join(out.compress(b"A" * 1000000) for _ in range(100))
        driver.dataReceived(bomb)
        pump = driver._pump
        assert pump is not None
        inflated = driver.received + driver.gained
        self.assertLess(inflated, 200_000)
        for _ in range(20):
            self.turn()
            self.assertLess(driver.received + driver.gained - inflated, 200_000)
            self.assertLess(pump.connection.buffered, 300_000)
            inflated = driver.received + driver.gained
        self.assertGreater(inflated, 1_000_000)
        self.assertEqual("paused", transport.producerState)

    @threat(63)
    def test_bomb_while_busy(self) -> None:
        """While a command is under way nothing is inflated beyond the buffer."""
        wait: Deferred[None] = Deferred()

        async def waits(_context: Context, _command: Noop) -> Status:
            await wait
            return ok("done")

        driver, _, out = self.compress(Server(), noop=waits)
        driver.dataReceived(
            out.compress(b"c NOOP\r\n" * 1000000) + out.flush(zlib.Z_SYNC_FLUSH)
        )
        self.clock.pump([0] * 20)
        pump = driver._pump
        assert pump is not None
        self.assertLess(pump.connection.buffered, 200_000)
        self.lose(driver)
