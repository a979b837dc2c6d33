"""Sockets as an attacker uses them, and one client that behaves."""

from __future__ import annotations

import poplib
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Final

from attrs import frozen

from tests.interop.demo import PASSWORD, DemoServer

ALICE: Final = "alice@example.test"
_TIMEOUT: Final = 30.0


class Wire:
    """A connection that sends what it is told to, cut as it is told to.

    Args:
        port: on 127.0.0.1.
        source: our address, within 127.0.0.0/8.
        receive_octets: of the kernel's buffer for what comes; 0 is its default.
    """

    def __init__(
        self, port: int, *, source: str = "127.0.0.1", receive_octets: int = 0
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(_TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_octets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_octets)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self._read = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        """In one call."""
        self.socket.sendall(octets)

    def send_slowly(self, octets: bytes) -> None:
        """Octet by octet, each a segment; until the server hangs up."""
        try:
            for octet in octets:
                self.socket.send(bytes([octet]))
        except OSError:
            return

    def line(self) -> bytes:
        """The next line with its CRLF; empty at the end."""
        while b"\n" not in self._read:
            octets = self._receive()
            if not octets:
                break
            self._read += octets
        line, newline, self._read = self._read.partition(b"\n")
        return line + newline

    def reply(self) -> bytes:
        """The last line of the next SMTP reply; empty at the end."""
        while True:
            line = self.line()
            if line[3:4] != b"-":
                return line

    def ask(self, *commands: bytes) -> bytes:
        """Send commands one after the other; the reply to the last one."""
        reply = b""
        for command in commands:
            self.send(command + b"\r\n")
            reply = self.reply()
        return reply

    def rest(self) -> bytes:
        """All until the server closes; a timeout is an error."""
        while octets := self._receive():
            self._read += octets
        rest, self._read = self._read, b""
        return rest

    def begin(self, recipient: str = ALICE) -> Wire:
        """Say what comes before DATA, and DATA."""
        self.reply()
        self.ask(b"EHLO client.example.test", b"MAIL FROM:<bob@example.test>")
        self.ask(b"RCPT TO:<%s>" % recipient.encode(), b"DATA")
        return self

    def secure(self, ca: object, *, alpn: Iterable[str] = ()) -> Wire:
        """Start TLS."""
        context = ssl.create_default_context(cafile=str(ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        return self

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b""


@frozen
class Times:
    """How long the good client took.

    Attributes:
        delivered: seconds from connecting to the positive reply, over STARTTLS.
        read: seconds from connecting to the message, over POP3S with a password.
    """

    delivered: float
    read: float

    def __str__(self) -> str:
        return f"delivered in {self.delivered:.3f} s, read back in {self.read:.3f} s"


def serve_good_client(
    server: DemoServer, subject: str, source: str = "127.0.0.1"
) -> Times:
    """Deliver a message to alice and read it back.

    Raises:
        OSError, smtplib.SMTPException, poplib.error_proto: it is not served.
        LookupError: the message is not there.
    """
    begun = time.monotonic()
    context = ssl.create_default_context(cafile=str(server.ca))
    message = f"Subject: {subject}\r\n\r\ngood\r\n"
    with smtplib.SMTP(
        "localhost",
        server.port("smtp"),
        local_hostname="client.example.test",
        timeout=_TIMEOUT,
        source_address=(source, 0),
    ) as smtp:
        smtp.starttls(context=context)
        smtp.sendmail("bob@example.test", [ALICE], message)
        delivered = time.monotonic() - begun
    begun = time.monotonic()
    connection = socket.create_connection(
        ("localhost", server.port("pop3s")), _TIMEOUT, (source, 0)
    )
    pop = _Pop(connection, context)
    pop.user(ALICE)
    pop.pass_(PASSWORD)
    last = pop.stat()[0]
    lines = pop.retr(last)[1] if last else []
    read = time.monotonic() - begun
    pop.quit()
    if f"Subject: {subject}".encode() not in lines:
        msg = f"the last of {last} messages is not the one that was sent"
        raise LookupError(msg)
    return Times(delivered, read)


class _Pop(poplib.POP3):
    """Over TLS on a connection that was made elsewhere."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._secured = context.wrap_socket(connection, server_hostname="localhost")
        super().__init__("localhost")

    def _create_socket(self, _timeout: float) -> socket.socket:
        return self._secured
