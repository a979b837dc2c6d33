"""Crowds, floods and endless input: a good client is served all the while."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

from tests.interop.case import TRUSTING, ServedCase, allow_files
from tests.interop.crowd import Crowd, Flood
from tests.interop.demo import PASSWORD
from tests.interop.served import Setup, wait_for
from tests.interop.wire import ALICE, Wire, serve_good_client
from tests.threats import threat

SLOW = 2000
FLOOD = 5000
MIB = 2**20


class CrowdTests(ServedCase):
    """Two thousand clients, each an octet now and then, on every port."""

    setup: ClassVar = Setup(tables=TRUSTING)

    @threat(35, 124)
    def test_slow_clients(self) -> None:
        """They cost little memory and no time; half handshakes end by themselves."""
        if not allow_files(2 * SLOW + 1000):  # so many the server needs
            self.skipTest("this process may not open enough files")
        serve_good_client(self.server, "before the crowd")
        ports = {name: self.server.port(name) for name in ("smtp", "pop3", "pop3s")}
        before = self.server.rss()
        with Crowd(ports, SLOW, every=0.5) as crowd:
            wait_for(lambda: crowd.trickling == len(crowd), 15)
            self.assertGreater(len(crowd), SLOW * 0.9)
            for turn in range(5):
                times = serve_good_client(self.server, f"in the crowd {turn}")
                self.report(f"{len(crowd)} slow clients", times)
            each = (self.server.rss() - before) * 1024 / SLOW
            self.report(f"{each:.1f} KiB for each slow client")
            self.assertLess(each, 150)
            self.assertGreater(crowd.shaking, SLOW * 0.4)
            wait_for(lambda: not crowd.shaking, 20)
            # who is slow at what may take minutes is not cut off
            self.assertGreater(len(crowd), SLOW * 0.4)
        wait_for(lambda: self.waiting() == 0)


class FloodTests(ServedCase):
    """Nobody is trusted; limits are the defaults."""

    @threat(125)
    def test_flood(self) -> None:
        """5,000 connections of ten addresses: a hundred of each are taken."""
        if not allow_files(FLOOD + 1000):
            self.skipTest("this process may not open enough files")
        serve_good_client(self.server, "before the flood")
        before = self.server.rss()
        with Flood(self.server.port("smtp"), FLOOD, 10) as flood:
            turn = 0
            while not flood.over:
                times = serve_good_client(self.server, f"in the flood {turn}")
                self.report(f"flood at {flood.made}", times)
                turn += 1
                time.sleep(0.2)
            self.assertEqual(flood.held, 1000)
            self.assertGreater(flood.refused, 0)
            self.assertEqual(flood.held + flood.refused + flood.dropped, FLOOD)
            grown = self.server.rss() - before
            self.report(
                f"{flood.refused} were told 421, memory grew by {grown:.1f} MiB"
            )
            self.assertLess(grown, 60)
        # once they are gone, their addresses have room again, and time passes
        wait_for(lambda: self.server.log.count("connection.closed") >= 1000)


class EndlessTests(ServedCase):
    """Input without end, output that nobody reads."""

    setup: ClassVar = Setup(tables=TRUSTING)

    def setUp(self) -> None:
        """Remember how large the server is."""
        super().setUp()
        serve_good_client(self.server, "before")
        self.before = self.server.rss()

    def assert_small(self, most: float) -> None:
        """The server has not grown by more than so many MiB."""
        grown = self.server.rss() - self.before
        self.report(f"memory grew by {grown:.1f} MiB")
        self.assertLess(grown, most)

    @threat(13)
    def test_endless_line(self) -> None:
        """100 MiB of the letter A, as a command, in content, to POP3: no memory."""
        for where in ("command", "content", "pop3"):
            wire = self.dial("pop3" if where == "pop3" else "smtp")
            if where == "content":
                wire.begin()
            else:
                wire.line()
            begun, used = time.monotonic(), self.server.cpu()
            with_peak = 0.0
            for number in range(100):
                try:
                    wire.send(b"A" * MIB)
                except OSError:
                    break  # it has heard enough
                if number % 10 == 9:
                    with_peak = max(with_peak, self.server.rss() - self.before)
            took, used = time.monotonic() - begun, self.server.cpu() - used
            self.report(f"{where}: 100 MiB in {took:.2f} s, {used:.2f} s of CPU")
            self.assertLess(with_peak, 20)
            wire.socket.close()
        self.assert_small(20)

    @threat(127)
    def test_headers_under_way(self) -> None:
        """300 headers of a megabyte that do not end share a room of 64 MiB."""
        wires = []
        for _ in range(300):
            wire = self.dial("smtp").begin()
            wire.send(b"X: y\r\n" + b" folded\r\n" * ((MIB - 100) // 9))
            wires.append(wire)
        self.assert_small(140)
        replies = {wire.ask(b"\r\n.")[:9] for wire in wires}
        self.assertEqual(replies, {b"250 2.0.0", b"452 4.3.1"})
        for wire in wires:
            wire.socket.close()

    @threat(15)
    def test_endless_recipients(self) -> None:
        """100,000 recipients: a thousand are taken, then each is told 452."""
        wire = self.dial("smtp")
        wire.reply()
        wire.ask(b"EHLO client", b"MAIL FROM:<>")
        used = self.server.cpu()

        def pour() -> None:
            for start in range(0, 100_000, 1000):
                wire.send(b"".join(_recipients(range(start, start + 1000))))

        pouring = threading.Thread(target=pour, daemon=True)
        pouring.start()
        replies = [wire.reply()[:9] for _ in range(100_000)]
        pouring.join()
        used = self.server.cpu() - used
        self.report(f"100,000 recipients took {used:.2f} s of CPU")
        self.assertEqual(set(replies[:1000]), {b"250 2.1.5"})
        self.assertEqual(set(replies[1000:]), {b"452 4.5.3"})
        self.assertEqual(wire.ask(b"RSET")[:3], b"250")
        self.assert_small(30)

    @threat(62)
    def test_slow_reader_of_a_message(self) -> None:
        """A message of 30 MB that nobody reads is not held in memory."""
        line = b"x" * 76 + b"\r\n"
        wire = self.dial("smtp").begin("bob@example.test")
        wire.send(b"Subject: large\r\n\r\n")
        for _ in range(30):
            wire.send(line * 12_820)
        wire.send(b".\r\n")
        self.assertEqual(wire.reply()[:3], b"250")
        for protocol in ("pop3", "pop3s"):
            wire = Wire(self.server.port(protocol), receive_octets=4096)
            self.addCleanup(wire.socket.close)
            if protocol == "pop3s":
                wire.secure(self.server.ca)
            wire.line()
            for command in ("USER bob@example.test", f"PASS {PASSWORD}", "RETR 1"):
                # the first check of a password takes 19 MiB, which are kept
                self.before = self.server.rss()
                wire.send(f"{command}\r\n".encode())
                self.assertEqual(wire.line()[:3], b"+OK")
            time.sleep(0.3)
            self.assert_small(10)
            wire.socket.close()
            serve_good_client(self.server, "beside a slow reader")

    @threat(62)
    def test_slow_reader_of_replies(self) -> None:
        """Who sends commands and reads no reply is read from no more."""
        for protocol, command in (("smtp", b"HELP\r\n"), ("pop3", b"CAPA\r\n")):
            wire = self.dial(protocol)
            wire.line()
            wire.socket.settimeout(1)
            sent = 0
            try:
                while sent < 200 * MIB:
                    sent += wire.socket.send(command * 10_000)
            except TimeoutError:
                self.report(f"{protocol}: stopped after {sent / MIB:.1f} MiB")
            self.assertLess(sent, 50 * MIB)
        self.assert_small(20)


def _recipients(numbers: range) -> Iterator[bytes]:
    user, _, domain = ALICE.encode().partition(b"@")
    for number in numbers:
        yield b"RCPT TO:<%s+%d@%s>\r\n" % (user, number, domain)


class HeaderTests(ServedCase):
    """Headers of megabytes, on a server that takes them."""

    setup: ClassVar = Setup(
        tables=f'{TRUSTING}header-size = "16 MiB"\nmessage-size = "64 MiB"\n'
    )

    @threat(14)
    def test_growth(self) -> None:
        """The work grows with the size, not faster: one field or a million."""
        fields = {
            "one field": (b"X: y\r\n", b" folded\r\n"),
            "many fields": (b"", b"X: y\r\n"),
            "tiny fields": (b"", b"a:\r\n"),
            "no field": (b"Subject: x\r\n", b"no colon here\r\n"),
        }
        for what, (first, line) in fields.items():
            used = {}
            before = self.server.rss()
            for size in (1, 8):
                begun = self.server.cpu()
                # as much work at either size: that of one message of 8 MiB
                for _ in range(8 // size):
                    wire = self.dial("smtp").begin()
                    wire.send(first + line * (size * MIB // len(line)) + b"\r\n.\r\n")
                    self.assertEqual(wire.ask(b"")[:3], b"250")
                used[size] = self.server.cpu() - begun
            grown = self.server.rss() - before
            self.report(
                f"{what}: 8 x 1 MiB {used[1]:.3f} s, 1 x 8 MiB {used[8]:.3f} s of CPU, "
                f"memory grew by {grown:.1f} MiB"
            )
            # quadratic would be 8 times as much
            self.assertLess(used[8], 4 * used[1] + 0.2, what)
            self.assertLess(grown, 100, what)

    @threat(14)
    def test_too_big(self) -> None:
        """A field of 40 MiB is refused at its end; the session goes on."""
        wire = self.dial("smtp").begin()
        before = self.server.rss()
        wire.send(b"X: y\r\n")
        peak = 0.0
        for _ in range(40):
            wire.send(b" folded\r\n" * (MIB // 9))
            peak = max(peak, self.server.rss() - before)
        self.assertEqual(wire.ask(b"\r\n.")[:9], b"552 5.3.4")
        self.assertLess(peak, 60)
        self.assertEqual(wire.ask(b"NOOP")[:3], b"250")


class FewFilesTests(ServedCase):
    """A server that may open 556 files: 300 for itself, and two for each client."""

    setup: ClassVar = Setup(
        tables=TRUSTING,
        wrapper=("/usr/bin/prlimit", "--nofile=556:556"),
    )
    if not os.path.exists("/usr/bin/prlimit"):
        skip = "prlimit is not installed"

    @threat(126)
    def test_descriptors_run_short(self) -> None:
        """Who is in can deliver, each of them; who comes then is told 421."""
        crowd, greetings = [], []
        for number in range(400):
            wire = self.dial("smtp", f"127.0.3.{1 + number % 50}")
            crowd.append(wire)
            greetings.append(wire.line()[:3])
        self.assertEqual(greetings[:128], [b"220"] * 128)
        self.assertNotIn(b"220", greetings[128:])
        self.assertIn(b"421", greetings[128:])
        used = self.server.cpu()
        time.sleep(0.5)
        used = self.server.cpu() - used
        self.report(f"{used:.3f} s of CPU in half a second of shortage")
        self.assertLess(used, 0.3)
        for wire in crowd[:128]:
            wire.ask(b"EHLO client", b"MAIL FROM:<>")
            wire.ask(b"RCPT TO:<%s>" % ALICE.encode(), b"DATA")
            wire.send(b"Subject: x\r\n\r\n" + b"x\r\n" * 30_000)
        replies = [wire.ask(b".")[:3] for wire in crowd[:128]]
        self.assertEqual(replies, [b"250"] * 128)
        for wire in crowd:
            wire.socket.close()
        wait_for(self._served, 10)

    def _served(self) -> bool:
        try:
            serve_good_client(self.server, "after the shortage")
        except (OSError, LookupError):
            return False
        return True
