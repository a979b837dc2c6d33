"""Mail servers in front deliver by LMTP, and clients send by BDAT, to a real server."""

from __future__ import annotations

import os
import poplib
import random
import shutil
import smtplib
import socket
import ssl
import stat
from typing import ClassVar

from tests.interop.case import ServedCase
from tests.interop.client_case import ALICE, ClientCase, needs
from tests.interop.demo import PASSWORD
from tests.interop.served import Setup, start
from tests.interop.wire import Wire
from tests.threats import threat

BOB = "bob@example.test"
NOBODY = "nobody@example.test"
# a chunk of any octets: NUL, bare CR and LF, a lone dot, lines without end
BINARY = bytes(range(256)) * 20 + b"\r\n.\r\n" + b"x" * 3000


class LmtpTests(ClientCase):
    """LMTP on its port."""

    def test_smtplib(self) -> None:
        """One reply for each: two have it octet for octet, one is not there."""
        with smtplib.LMTP("localhost", self.server.port("lmtp")) as lmtp:
            lmtp.ehlo()
            lmtp.mail(BOB)
            said = [lmtp.rcpt(name)[0] for name in (ALICE, NOBODY, BOB)]
            self.assertEqual(said, [250, 550, 250])
            self.assertEqual(lmtp.data(self.message)[0], 250)
            # smtplib knows of one reply only (2026)
            self.assertEqual(lmtp.getreply()[0], 250)
        self.assert_stored_once(self.message)
        by_bob = [m for m in self.server.stored("bob") if self.subject.encode() in m]
        self.assertEqual(len(by_bob), 1)
        self.assertIn(b" with LMTP ", by_bob[0])

    @needs("swaks")
    def test_swaks(self) -> None:
        """Swaks delivers, with and without PIPELINING."""
        for extra in ([], ["--pipeline"]):
            self.run_client(
                *("swaks", "--server", f"localhost:{self.server.port('lmtp')}"),
                *("--protocol", "LMTP", "--from", BOB, "--to", f"{ALICE},{BOB}"),
                *("--h-Subject", f"{self.subject} {len(extra)}", *extra),
            )
        stored = [m for m in self.server.stored("alice") if self.subject.encode() in m]
        self.assertEqual(len(stored), 2)

    def test_smtp_client(self) -> None:
        """A client that takes it for SMTP gets no further."""
        with smtplib.SMTP("localhost", self.server.port("lmtp")) as smtp:
            self.assertEqual(smtp.ehlo()[0], 500)
            self.assertEqual(smtp.helo()[0], 500)


class ChunksTests(ClientCase):
    """BDAT over TLS."""

    def _send(self, parameter: str, chunks: list[bytes]) -> None:
        context = ssl.create_default_context(cafile=str(self.server.ca))
        with smtplib.SMTP("localhost", self.server.port("smtp")) as smtp:
            smtp.starttls(context=context)
            smtp.ehlo()
            self.assertTrue(smtp.has_extn("chunking"))
            self.assertEqual(smtp.mail(BOB, [parameter])[0], 250)
            self.assertEqual(smtp.rcpt(ALICE)[0], 250)
            for number, chunk in enumerate(chunks, 1):
                last = b" LAST" * (number == len(chunks))
                assert smtp.sock is not None
                smtp.sock.sendall(b"BDAT %d%b\r\n%b" % (len(chunk), last, chunk))
                self.assertEqual(smtp.getreply()[0], 250)

    def _cut(self, message: bytes) -> list[bytes]:
        """In chunks of random sizes, the last one empty."""
        rng = random.Random(self.id())  # noqa: S311 - no secret
        chunks = []
        while message:
            size = rng.randint(1, 2000)
            chunks.append(message[:size])
            message = message[size:]
        return [*chunks, b""]

    def test_text(self) -> None:
        """A text lies in the Maildir as it would behind DATA."""
        self._send("BODY=8BITMIME", self._cut(self.message))
        self.assert_stored_once(self.message)

    def test_binary(self) -> None:
        """BINARYMIME lies in the Maildir octet for octet."""
        head = (
            f"From: {BOB}\r\nSubject: {self.subject}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: application/octet-stream\r\n"
            "Content-Transfer-Encoding: binary\r\n\r\n"
        )
        message = head.encode() + BINARY
        self._send("BODY=BINARYMIME", self._cut(message))
        self.assert_stored_once(message)
        self._fetch(message)

    def _fetch(self, message: bytes) -> None:
        """POP3 gives the same octets; those who read lines must not mind."""
        context = ssl.create_default_context(cafile=str(self.server.ca))
        pop = poplib.POP3_SSL("localhost", self.server.port("pop3s"), context=context)
        pop.user(ALICE)
        pop.pass_(PASSWORD)
        number = next(
            n
            for n in range(pop.stat()[0], 0, -1)
            if any(self.subject.encode() in line for line in pop.top(n, 0)[1])
        )
        pop.sock.sendall(b"RETR %d\r\n" % number)
        received = b""
        while not received.endswith(b"\r\n.\r\n"):
            received += pop.sock.recv(65536)
        content = received.partition(b"\r\n")[2]
        content = content.removesuffix(b".\r\n").replace(b"\r\n.", b"\r\n")
        self.assertTrue(content.endswith(message + b"\r\n"), content[-200:])
        pop.close()

    @threat(5)
    def test_broken_off(self) -> None:
        """A connection that ends in a chunk leaves nothing behind."""
        wire = Wire(self.server.port("smtp"))
        self.addCleanup(wire.socket.close)
        wire.reply()
        wire.send(b"EHLO a\r\n")
        wire.reply()
        wire.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<%b>\r\n" % ALICE.encode())
        self.assertEqual([wire.reply()[:3], wire.reply()[:3]], [b"250", b"250"])
        wire.send(b"BDAT 100000 LAST\r\nSubject: broken off\r\n\r\n")
        wire.socket.shutdown(socket.SHUT_WR)
        while wire.socket.recv(65536):
            pass
        stored = self.server.stored("alice")
        self.assertFalse([m for m in stored if b"broken off" in m])


class UnixSocketTests(ServedCase):
    """LMTP on a Unix socket that several workers share."""

    setup: ClassVar = Setup(
        workers=2,
        tables='[[listener]]\nprotocol = "lmtp"\nunix = "lmtp"\nunix-mode = "0600"\n'
        'tls = "none"\n',
    )

    @property
    def path(self) -> str:
        """Of the socket."""
        return str(self.server.data / "lmtp")

    def test_delivered(self) -> None:
        """Each connection is served, whichever worker takes it."""
        before = self.stored()
        for number in range(6):
            with smtplib.LMTP(self.path) as lmtp:
                lmtp.sendmail(BOB, [ALICE], f"Subject: unix {number}\r\n\r\nx\r\n")
        self.assertEqual(self.stored(), before + 6)

    @threat(121)
    def test_mode(self) -> None:
        """It is as private as the file says from its first moment."""
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_comes_and_goes(self) -> None:
        """One that was left behind is replaced; at the end none is left."""
        server = start(self.setup)
        self.addCleanup(shutil.rmtree, server.data, ignore_errors=True)
        try:
            path = server.data / "lmtp"
            with smtplib.LMTP(str(path)) as lmtp:
                self.assertEqual(lmtp.noop()[0], 250)
        finally:
            server.stop()
        self.assertFalse(os.path.lexists(path))
