"""A POP3 server that can be anything: old, broken, or hostile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from mailapp.core.peer import TLS
from mailapp.pop3.multiline import encode_block

Message = tuple[bytes, bytes]
"""Unique-id and content."""


@define
class OldServer:
    """Serves one user, whatever the password.

    Attributes:
        messages: the maildrop.
        capabilities: of CAPA; None: the command is not known.
        twists: command word to what is answered instead; None: it hangs up.
        commands: all that were heard.
    """

    messages: list[Message]
    capabilities: bytes | None = b"USER\r\nUIDL\r\nPIPELINING\r\n"
    twists: dict[bytes, Callable[[bytes], bytes | None]] = field(factory=dict)
    greeting: bytes = b"+OK ready <1.2@pop.example.net>\r\n"
    commands: list[bytes] = field(factory=list)

    def connect(self) -> OldWire:
        """A client comes."""
        return OldWire(self, [], bytearray(self.greeting))

    def bodies(self) -> list[bytes]:
        """What is left."""
        return [body for _, body in self.messages]

    def clone(self) -> OldServer:
        """The same again."""
        return OldServer(list(self.messages), self.capabilities, dict(self.twists))


@define
class OldWire:
    """One connection; what is asked of ``tests.play.Wire``."""

    server: OldServer
    marked: list[int]
    sent: bytearray
    closed: bool = False
    secured: bool = False
    _partial: bytes = b""

    def feed(self, octets: bytes, _cut: Any = None) -> None:
        """The client sends."""
        *lines, self._partial = (self._partial + octets).split(b"\r\n")
        for line in lines:
            if not self.closed:
                self._hear(line)

    def take(self) -> bytes:
        """All that the server wrote since the last time."""
        octets = bytes(self.sent)
        self.sent.clear()
        return octets

    def start_tls(self, _tls: TLS) -> None:
        """Both sides do the handshake."""
        self.secured = True

    def client_closes(self) -> None:
        """The client is gone, and so are its marks."""
        self.closed = True

    def _hear(self, line: bytes) -> None:
        self.server.commands.append(line)
        word = line.split(b" ")[0].upper()
        twist = self.server.twists.get(word)
        answer = self._answer(word, line) if twist is None else twist(line)
        if answer is None:
            self.closed = True
        else:
            self.sent += answer

    def _answer(self, word: bytes, line: bytes) -> bytes:
        messages = self.server.messages
        if word == b"CAPA":
            offered = self.server.capabilities
            return b"-ERR\r\n" if offered is None else b"+OK\r\n" + offered + b".\r\n"
        if word in {b"LIST", b"UIDL"}:
            lines = [
                b"%d %b\r\n" % (n, b"%d" % len(body) if word == b"LIST" else name)
                for n, (name, body) in enumerate(messages, 1)
            ]
            return b"+OK\r\n" + b"".join(lines) + b".\r\n"
        if word == b"RETR":
            return b"+OK\r\n" + encode_block(messages[int(line.split()[1]) - 1][1])
        if word == b"DELE":
            self.marked.append(int(line.split()[1]))
        if word == b"QUIT":
            kept = [m for n, m in enumerate(messages, 1) if n not in self.marked]
            self.server.messages[:] = kept
            self.closed = True
        return b"+OK\r\n"
