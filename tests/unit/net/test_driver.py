"""The driver over a transport in memory and a clock that stands still."""

from __future__ import annotations

import gc
import weakref
from ipaddress import ip_network
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from mailapp.core.peer import Peer
from mailapp.net.driver import DriverFactory
from mailapp.net.limits import Admission
from mailapp.net.surroundings import Surroundings
from tests.threats import threat
from tests.unit.net.driving import CLIENT, DriverCase, Transport
from tests.unit.net.toy import ToyConnection, ToySession


class ConversationTests(DriverCase):
    """Commands and replies."""

    def test_greets(self) -> None:
        """The connection's own first event gives the greeting."""
        _, transport = self.connect()
        self.assertEqual(transport.value(), b"hello\r\n")

    def test_batch_leaves_in_one_write(self) -> None:
        """The replies to commands that came together leave together."""
        driver, transport = self.connect()
        driver.dataReceived(b"ECHO a\r\nECHO b\r\nECHO c\r\nECH")
        self.assertEqual(transport.writes[1:], [b"a\r\nb\r\nc\r\n"])

    def test_order_is_kept_while_waiting(self) -> None:
        """What comes while an answer is awaited is answered after it, in order."""
        driver, transport = self.connect()
        driver.dataReceived(b"ECHO a\r\nWAIT\r\nECHO b\r\n")
        self.assertEqual(transport.writes[1:], [b"a\r\n"])
        driver.dataReceived(b"ECHO c\r\n")
        self.toys.session.waits[0].callback(b"w")
        self.assertEqual(transport.writes[2:], [b"w\r\nb\r\nc\r\n"])

    def test_halfway(self) -> None:
        """What came of an unfinished command is acknowledged at once, if it tells."""
        told: list[bool] = []
        self.patch(Transport, "acknowledge", lambda _: told.append(True))
        driver, _ = self.connect()
        driver.dataReceived(b"ECHO")
        self.assertEqual(told, [])
        halfway = property(lambda connection: connection.buffered > 0)
        setattr(ToyConnection, "halfway", halfway)  # noqa: B010 - it has none
        self.addCleanup(delattr, ToyConnection, "halfway")
        driver, transport = self.connect()
        driver.dataReceived(b"ECHO a\r\n")
        self.assertEqual(told, [])
        driver.dataReceived(b"ECHO")
        self.assertEqual(told, [True])
        driver.dataReceived(b" b\r\n")
        self.assertEqual(told, [True])
        self.assertEqual(transport.value(), b"hello\r\na\r\nb\r\n")

    def test_quit_closes_after_the_reply(self) -> None:
        """The last reply is written, then the transport closes, once."""
        driver, transport = self.connect()
        driver.dataReceived(b"QUIT\r\nECHO late\r\n")
        driver.dataReceived(b"ECHO later\r\n")
        self.assertEqual(transport.value(), b"hello\r\nbye\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertIsNone(transport.producer)

    def test_peer_is_described(self) -> None:
        """The session is told who talks to it; IPv4-mapped addresses are IPv4."""
        self.use(trusted=[ip_network("192.0.2.0/24")])
        self.connect(IPv6Address("TCP", "::ffff:192.0.2.7", 99))
        peer = self.toys.session.peer
        self.assertEqual((peer.address, peer.port), ("192.0.2.7", 99))
        self.assertEqual((peer.local_address, peer.local_port), ("198.51.100.1", 25))
        self.assertTrue(peer.trusted)
        self.connect()
        self.assertNotEqual(self.toys.session.peer.session, peer.session)

    def test_long_batch_gives_way(self) -> None:
        """Thousands of commands at once do not keep the reactor from others."""
        driver, transport = self.connect()
        ticks = iter(range(100_000))
        self.patch(self.clock, "seconds", lambda: next(ticks) / 50)
        driver.dataReceived(b"ECHO x\r\n" * 1000)
        self.assertLess(transport.value().count(b"x"), 500)
        while self.clock.getDelayedCalls()[0].getTime() < 1:
            self.clock.calls.sort(key=lambda call: call.getTime())
            self.clock.calls.pop(0).func(None)
        self.assertEqual(transport.value().count(b"x"), 1000)


class TroubleTests(DriverCase):
    """Bugs, and peers that vanish."""

    def test_bug_is_logged_once_and_answered(self) -> None:
        """A bug ends this connection with words, and no other."""
        driver, transport = self.connect()
        driver.dataReceived(b"ECHO a\r\nBUG\r\nECHO b\r\n")
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertEqual(transport.value(), b"hello\r\na\r\nbug\r\n")
        self.assertTrue(transport.disconnecting)

    def test_bug_after_waiting(self) -> None:
        """One that shows up late is treated alike."""
        driver, transport = self.connect()
        driver.dataReceived(b"WAIT\r\n")
        self.toys.session.waits[0].errback(LookupError())
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertEqual(transport.value(), b"hello\r\nbug\r\n")

    def test_bug_in_compose(self) -> None:
        """A connection that can't be made is dropped."""
        self.factory = DriverFactory(
            _broken, Surroundings(clock=self.clock, sweep=self.sweep)
        )
        driver, transport = self.connect()
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertTrue(transport.disconnected)
        self.lose(driver)

    @threat(127)
    def test_lost_connection_is_freed(self) -> None:
        """What it held is free at once, not when cycles are collected."""
        made: list[weakref.ref[ToyConnection]] = []

        def compose(peer: Peer) -> tuple[ToyConnection, ToySession]:
            connection = ToyConnection()
            made.append(weakref.ref(connection))
            return connection, ToySession(peer)

        self.factory = DriverFactory(
            compose, Surroundings(clock=self.clock, sweep=self.sweep)
        )
        driver, _ = self.connect()
        driver.dataReceived(b"ECHO a\r\nECHO b")
        gc.disable()
        self.addCleanup(gc.enable)
        self.lose(driver)
        self.assertIsNone(made[0]())

    def test_lost_while_waiting(self) -> None:
        """The coroutine is left where it waits, then the session is closed, once."""
        driver, _ = self.connect()
        driver.dataReceived(b"WAIT\r\n")
        self.lose(driver)
        self.assertEqual(self.toys.session.left, ["wait"])
        self.assertEqual(self.toys.session.closings, 1)
        self.assertEqual(len(self.sweep), 0)
        self.assertEqual(len(self.factory), 0)


class HalfCloseTests(DriverCase):
    """The peer sends no more, and still reads."""

    def test_idle(self) -> None:
        """It is closed, and what is incomplete is dropped."""
        driver, transport = self.connect()
        driver.dataReceived(b"ECHO a\r\nECHO b")
        driver.readConnectionLost()
        self.assertEqual(transport.value(), b"hello\r\na\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.toys.connection.told, ["eof"])

    def test_work_under_way(self) -> None:
        """It gets the answers to all it has asked."""
        driver, transport = self.connect()
        driver.dataReceived(b"WAIT\r\nECHO a\r\n")
        driver.readConnectionLost()
        self.assertFalse(transport.disconnecting)
        self.toys.session.waits[0].callback(b"w")
        self.assertEqual(transport.value(), b"hello\r\nw\r\na\r\n")
        self.assertTrue(transport.disconnecting)

    def test_work_that_lasts(self) -> None:
        """It may as well be gone: it is not waited for long."""
        driver, transport = self.connect()
        driver.dataReceived(b"WAIT\r\n")
        driver.readConnectionLost()
        self.clock.pump([1.0] * 7)
        self.assertTrue(transport.disconnected)

    def test_before_the_preamble(self) -> None:
        """There is nothing to wait for."""
        self.use(proxy_from=[ip_network("192.0.2.0/24")])
        driver, transport = self.connect()
        driver.readConnectionLost()
        self.assertTrue(transport.disconnecting)


class StartTLSTests(DriverCase):
    """From clear to TLS."""

    @threat(7)
    def test_octets_behind_are_refused(self) -> None:
        """The connection sees them and refuses; TLS does not start."""
        self.use(tls=object())
        driver, transport = self.connect()
        driver.dataReceived(b"TLS\r\nECHO injected\r\n")
        self.assertEqual(transport.value(), b"hello\r\nrefused\r\n")
        self.assertEqual(transport.tls, [])

    @threat(7)
    def test_driver_checks_again(self) -> None:
        """A connection that forgets to look is cut off before TLS starts."""
        self.use(tls=object())
        driver, transport = self.connect()
        self.patch(type(self.toys.connection), "buffered", 3)
        driver.dataReceived(b"TLS\r\n")
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.tls, [])
        self.assertEqual(len(self.flushLoggedErrors(AssertionError)), 1)

    @threat(35)
    def test_handshake_has_its_own_deadline(self) -> None:
        """Half a handshake is cut off after ten seconds, without a word."""
        self.use(tls=object())
        driver, transport = self.connect()
        driver.dataReceived(b"TLS\r\n")
        self.assertEqual(len(transport.tls), 1)
        driver.dataReceived(b"ECHO injected\r\n")
        self.clock.pump([1.0] * 12)
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"hello\r\ngo ahead\r\n")

    @threat(35)
    def test_nothing_is_composed_before_the_handshake(self) -> None:
        """With implicit TLS a peer costs little and hears nothing until it is done."""
        self.use(tls=object(), implicit_tls=True)
        driver, transport = self.connect()
        self.assertEqual((transport.value(), self.toys.made), (b"", []))
        self.clock.pump([1.0] * 12)
        self.assertTrue(transport.disconnected)
        self.lose(driver)


class DrainTests(DriverCase):
    """The server goes down."""

    def test_idle_ones_end_at_once_others_after_their_work(self) -> None:
        """Nobody is cut off in the middle of a command."""
        idle, idle_transport = self.connect()
        working, working_transport = self.connect()
        working.dataReceived(b"WAIT\r\n")
        gone = self.factory.drain()
        self.assertTrue(idle_transport.value().endswith(b"going down\r\n"))
        self.assertTrue(idle_transport.disconnecting)
        self.assertFalse(working_transport.disconnecting)
        self.toys.session.waits[0].callback(b"done")
        self.assertTrue(working_transport.value().endswith(b"done\r\n"))
        self.assertTrue(working_transport.disconnecting)
        self.lose(idle)
        self.assertNoResult(gone)
        self.lose(working)
        self.successResultOf(gone)

    def test_takes_nobody_in(self) -> None:
        """While it drains, new peers are refused."""
        self.use(refusal=b"421 no\r\n")
        self.successResultOf(self.factory.drain())
        _, transport = self.connect()
        self.assertEqual(transport.value(), b"421 no\r\n")
        self.assertTrue(transport.disconnecting)

    def test_who_has_not_said_for_whom(self) -> None:
        """Behind a proxy a client whose preamble is on its way hears of it, too."""
        self.use(proxy_from=[ip_network("10.0.0.0/8")])
        driver, transport = self.connect(IPv4Address("TCP", "10.0.0.1", 5))
        gone = self.factory.drain()
        driver.dataReceived(b"PROXY TCP4 192.0.2.9 198.51.100.9 1234 25\r\n")
        self.assertEqual(transport.value(), b"going down\r\n")
        self.assertTrue(transport.disconnecting)
        self.lose(driver)
        self.successResultOf(gone)


class AdmissionTests(DriverCase):
    """Who is let in."""

    @threat(125)
    def test_over_the_limit_is_refused(self) -> None:
        """It hears the protocol's own line; who leaves makes room."""
        admission = Admission(self.clock, per_address=1)
        self.use(admission=admission, refusal=b"421 full\r\n")
        first, _ = self.connect()
        _, transport = self.connect()
        self.assertEqual(transport.value(), b"421 full\r\n")
        self.lose(first)
        _, transport = self.connect()
        self.assertEqual(transport.value(), b"hello\r\n")

    @threat(125)
    def test_flood_is_closed_without_words(self) -> None:
        """Beyond some refusals a second nothing is even said."""
        self.use(admission=Admission(self.clock, total=0), refusal=b"421 full\r\n")
        answers = [self.factory.buildProtocol(CLIENT) for _ in range(5000)]
        self.assertEqual(sum(answer is not None for answer in answers), 100)
        self.clock.advance(1)
        self.assertIsNotNone(self.factory.buildProtocol(CLIENT))


class ProxyTests(DriverCase):
    """Clients behind a proxy."""

    _PROXY = IPv4Address("TCP", "10.0.0.1", 5)
    _LINE = b"PROXY TCP4 192.0.2.9 198.51.100.9 1234 25\r\n"

    def setUp(self) -> None:
        """A listener that knows a proxy."""
        super().setUp()
        self.use(proxy_from=[ip_network("10.0.0.0/8")])

    def test_preamble_names_the_client(self) -> None:
        """The session sees the client behind the proxy, at any cut."""
        driver, transport = self.connect(self._PROXY)
        self.assertEqual(transport.value(), b"")
        for octet in self._LINE:
            driver.dataReceived(bytes([octet]))
        peer = self.toys.session.peer
        self.assertEqual((peer.address, peer.port), ("192.0.2.9", 1234))
        self.assertEqual(peer.local_address, "198.51.100.9")
        self.assertEqual(transport.value(), b"hello\r\n")

    def test_octets_behind_it_are_the_clients(self) -> None:
        """They may come in the same segment."""
        driver, transport = self.connect(self._PROXY)
        driver.dataReceived(self._LINE + b"ECHO a\r\n")
        self.assertEqual(transport.value(), b"hello\r\na\r\n")

    def test_is_required(self) -> None:
        """A proxy that does not say who is behind it is dropped, unanswered."""
        driver, transport = self.connect(self._PROXY)
        driver.dataReceived(b"EHLO\r\n")
        self.assertTrue(transport.disconnected)
        self.assertEqual((transport.value(), self.toys.made), (b"", []))

    def test_is_not_believed_from_others(self) -> None:
        """Elsewhere it is a command like any other, and the address stays."""
        driver, _ = self.connect()
        driver.dataReceived(self._LINE)
        self.assertEqual(self.toys.session.said[1], self._LINE[:-2])
        self.assertEqual(self.toys.session.peer.address, "192.0.2.1")

    @threat(125)
    def test_client_is_what_counts(self) -> None:
        """Limits hold for the clients, not for the proxy."""
        admission = Admission(self.clock, per_address=1)
        self.use(
            proxy_from=[ip_network("10.0.0.0/8")],
            admission=admission,
            refusal=b"no\r\n",
        )
        first, _ = self.connect(self._PROXY)
        second, transport = self.connect(self._PROXY)
        first.dataReceived(self._LINE)
        second.dataReceived(self._LINE)
        self.assertEqual(transport.value(), b"no\r\n")
        self.lose(second)
        self.assertEqual(admission.connections, 1)
        self.lose(first)
        self.assertEqual(admission.connections, 0)


def _broken(_peer: Any) -> Any:
    raise LookupError
