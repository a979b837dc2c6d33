"""Streams, flow control and deadlines of the driver."""

from __future__ import annotations

from tests.threats import threat
from tests.unit.net.driving import DriverCase
from tests.unit.net.toy import CHUNK


class StreamTests(DriverCase):
    """Replies that are pulled."""

    def test_small_stream_leaves_in_one_write(self) -> None:
        """What surrounds a short stream leaves with it."""
        driver, transport = self.connect()
        driver.dataReceived(b"SEND 0\r\nECHO a\r\n")
        self.assertEqual(transport.writes[1:], [b"<>\r\na\r\n"])

    @threat(62)
    def test_pulls_only_while_there_is_room(self) -> None:
        """A peer that does not read gets no more chunks; they are never gathered."""
        driver, transport = self.connect()
        transport.brim = 1000
        driver.dataReceived(b"SEND 3\r\nECHO a\r\n")
        self.assertEqual(transport.writes[1:], [b"<" + CHUNK])
        driver.resumeProducing()
        self.assertEqual(transport.writes[2:], [CHUNK])
        driver.resumeProducing()
        driver.resumeProducing()
        self.assertEqual(transport.writes[4:], [b">\r\na\r\n"])

    def test_broken_off_is_closed(self) -> None:
        """A stream whose peer goes away gives back what it holds."""
        driver, transport = self.connect()
        transport.brim = 1000
        driver.dataReceived(b"SEND 3\r\n")
        self.lose(driver)
        self.assertEqual(self.toys.session.left, ["stream"])


class FlowTests(DriverCase):
    """Peers that send too much, or read too little."""

    @threat(62)
    def test_does_not_read_on_while_it_holds_enough(self) -> None:
        """While an answer is awaited, input beyond the limit stays in the kernel."""
        driver, transport = self.connect()
        driver.dataReceived(b"WAIT\r\n")
        driver.dataReceived(b"ECHO a\r\n" * 8000)
        self.assertEqual(transport.producerState, "producing")
        driver.dataReceived(b"ECHO a\r\n" * 1000)
        self.assertEqual(transport.producerState, "paused")
        driver.dataReceived(b"ECHO last\r\n")  # TLS gives what it had decrypted
        self.toys.session.waits[0].callback(b"w")
        self.assertEqual(transport.producerState, "producing")
        self.assertTrue(transport.value().endswith(b"a\r\nlast\r\n"))

    @threat(62)
    def test_peer_that_does_not_read_is_dropped(self) -> None:
        """No command is worked on while replies wait; then the connection is cut."""
        driver, transport = self.connect()
        transport.brim = 5
        driver.dataReceived(b"ECHO abcdef\r\n")
        driver.dataReceived(b"ECHO more\r\n")
        self.assertEqual(self.toys.session.said, [b"OPENED", b"ECHO abcdef"])
        self.clock.pump([1.0] * 299)
        self.assertFalse(transport.disconnected)
        self.clock.pump([1.0] * 2)
        self.assertTrue(transport.disconnected)

    def test_slow_but_steady_reader_is_kept(self) -> None:
        """Whoever reads something in each period may go on."""
        driver, transport = self.connect()
        transport.brim = 5
        driver.dataReceived(b"ECHO abcdef\r\n")
        self.clock.pump([1.0] * 290)
        transport.octets_sent += 20_000
        self.clock.pump([1.0] * 290)
        self.assertFalse(transport.disconnected)
        driver.resumeProducing()
        driver.dataReceived(b"ECHO on\r\n")
        self.assertTrue(transport.value().endswith(b"on\r\n"))


class DeadlineTests(DriverCase):
    """How long a peer may take."""

    @threat(124)
    def test_silence_is_answered_and_closed(self) -> None:
        """After the timeout come the parting words; a deaf peer is then cut off."""
        _, transport = self.connect()
        self.clock.pump([1.0] * 61)
        self.assertTrue(transport.value().endswith(b"timeout\r\n"))
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.disconnected)
        self.clock.pump([1.0] * 6)
        self.assertTrue(transport.disconnected)

    @threat(124)
    def test_drip_does_not_move_it(self) -> None:
        """Octets without end of command do not keep a connection open."""
        driver, transport = self.connect()
        for _ in range(61):
            driver.dataReceived(b"E")
            self.clock.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_command_moves_it(self) -> None:
        """Each answered command gives the whole time again."""
        driver, transport = self.connect()
        for _ in range(10):
            self.clock.pump([1.0] * 50)
            driver.dataReceived(b"ECHO a\r\n")
        self.assertFalse(transport.disconnecting)

    def test_own_work_does_not_count(self) -> None:
        """The peer's time stands still while it waits for us."""
        driver, transport = self.connect()
        driver.dataReceived(b"WAIT\r\n")
        self.clock.pump([10.0] * 100)
        self.assertFalse(transport.disconnecting)
        self.toys.session.waits[0].callback(b"w")
        self.clock.pump([1.0] * 61)
        self.assertTrue(transport.disconnecting)

    @threat(124)
    def test_bulk_below_the_minimum_rate_ends(self) -> None:
        """In bulk input only octets at the minimum rate move the deadline."""
        driver, transport = self.connect()
        driver.dataReceived(b"BULK\r\n")
        for _ in range(70):
            driver.dataReceived(b"x")
            self.clock.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_bulk_at_the_minimum_rate_goes_on(self) -> None:
        """Twice the minimum rate may take any time, but never saves time up."""
        driver, transport = self.connect()
        driver.dataReceived(b"BULK\r\n")
        for _ in range(300):
            driver.dataReceived(b"x" * 20)
            self.clock.advance(1)
        self.assertFalse(transport.disconnecting)
        self.assertLessEqual(driver.deadline, self.clock.seconds() + 60)
