"""A next hop in a thread: it offers what it is told to, and keeps what it gets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from attrs import define

ALL: Final = (
    *("PIPELINING", "SIZE 99000000", "8BITMIME", "SMTPUTF8", "DSN"),
    *("CHUNKING", "BINARYMIME"),
)


class Hop:
    """Serves any number of connections, a thread each.

    Args:
        address: on loopback, with its port.
        extensions: of its EHLO; None: it knows only HELO.
        replies: instead of 250, by verb.

    Attributes:
        commands: all lines that it heard, without CRLF.
        together: the most commands that came before a reply was sent.
        messages: their content, dots removed.
    """

    def __init__(
        self,
        address: tuple[str, int],
        extensions: tuple[str, ...] | None = ALL,
        replies: Mapping[str, str] | None = None,
    ) -> None:
        self.extensions = extensions
        self.replies = dict(replies or {})
        self.commands: list[bytes] = []
        self.together = 0
        self.messages: list[bytes] = []
        self._listening = socket.create_server(address)
        self._peers: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def stop(self) -> None:
        """End it."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for peer in self._peers:
            with suppress(OSError):  # it has gone
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._listening.close()

    def keep(self, content: bytes) -> None:
        """A message is there; the reply follows."""
        self.messages.append(content)

    def parameters(self, verb: bytes) -> list[bytes]:
        """What followed the path in the last such command."""
        line = [line for line in self.commands if line.startswith(verb)][-1]
        return line.partition(b">")[2].split()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            self._peers.append(peer)
            thread = threading.Thread(target=self._serve_one, args=(peer,))
            self._threads.append(thread)
            thread.start()

    def _serve_one(self, peer: socket.socket) -> None:
        peer.settimeout(60.0)
        with peer, suppress(OSError):
            self._converse(_Line(peer))

    def _converse(self, line: _Line) -> None:
        line.say("220 hop ESMTP")
        coming = _Coming()
        while command := line.read():
            self.commands.append(command)
            verb = command[:4].decode("ascii", "replace").upper()
            reply = self.replies.get(verb, "250 2.0.0 fine")
            if verb in {"DATA", "BDAT"}:
                reply = self._take(verb, command, line, coming) or reply
            self.together = max(self.together, 1 + line.behind.count(b"\r\n"))
            if verb == "RCPT":
                coming.recipients += reply.startswith("2")
            elif verb in {"MAIL", "RSET"}:
                coming = _Coming()
            elif verb == "EHLO":
                reply = self._greeting()
            line.say(reply)
            if verb == "QUIT":
                return

    def _take(self, verb: str, command: bytes, line: _Line, coming: _Coming) -> str:
        """Content, or a part of it; another reply than usual, or none."""
        last = verb == "DATA" or command.upper().endswith(b" LAST")
        if verb == "BDAT":
            coming.content += line.take(int(command.split()[1]))
        if not coming.recipients:  # pipelined before that was known
            coming.content = b""
            return "503 5.5.1 no recipients"
        if verb == "DATA" and verb not in self.replies:
            line.say("354 go")
            coming.content = line.read_content()
        if last and verb not in self.replies:
            self.keep(coming.content)
            coming.content = b""
        return ""

    def _greeting(self) -> str:
        if self.extensions is None:
            return "502 5.5.1 only HELO"
        *first, last = ["hop", *self.extensions]
        return "".join(f"250-{text}\r\n" for text in first) + f"250 {last}"


@define
class _Coming:
    """A message on its way: recipients that were taken, and what has come."""

    recipients: int = 0
    content: bytes = b""


class _Line:
    """A connection, read by lines.

    Attributes:
        behind: what has come and was not read.
    """

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self.behind = b""

    def say(self, text: str) -> None:
        self._peer.sendall(text.encode() + b"\r\n")

    def read(self) -> bytes:
        """The next line without CRLF."""
        while b"\r\n" not in self.behind:
            self._hear()
        line, _, self.behind = self.behind.partition(b"\r\n")
        return line

    def take(self, size: int) -> bytes:
        """So many octets."""
        heard = [self.behind]
        missing = size - len(self.behind)
        while missing > 0:
            self.behind = b""
            self._hear()
            heard.append(self.behind)
            missing -= len(self.behind)
        octets = b"".join(heard)
        self.behind = octets[size:]
        return octets[:size]

    def read_content(self) -> bytes:
        """What follows DATA, dots removed."""
        lines = []
        while (line := self.read()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(line + b"\r\n" for line in lines)

    def _hear(self) -> None:
        octets = self._peer.recv(65536)
        if not octets:
            raise ConnectionResetError
        self.behind += octets
