"""What an RFC 937 server says, written a second time, from the RFC alone.

It shares no code with ``mailapp.pop2``: the two must agree on every dialogue. Replies
are compared by their first character and number; texts are free (RFC 937, page 6).
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 512
_LAST_PRINT: Final = 0x7E
_ALONE: Final = ("RETR", "ACKS", "ACKD", "NACK", "QUIT")


class Bad(Exception):
    """Garbage."""


def unquote(text: bytes, *, spaces: bool) -> str:
    """One argument."""
    out, at = "", 0
    while at < len(text):
        octet = text[at]
        if octet == ord("\\"):
            at += 1
            if at == len(text) or text[at] in b"\0\r\n" or text[at] > _LAST_PRINT:
                raise Bad
        elif not (ord(" ") < octet <= _LAST_PRINT or (spaces and octet == ord(" "))):
            raise Bad
        out += chr(text[at])
        at += 1
    if not out:
        raise Bad
    return out


def split_words(rest: bytes) -> list[bytes]:
    """Split at single spaces that are not quoted."""
    words, word, at = [], b"", 0
    while at < len(rest):
        if rest[at] == ord("\\"):
            word += rest[at : at + 2]
            at += 2
            continue
        if rest[at] == ord(" "):
            words.append(word)
            word = b""
        else:
            word += rest[at : at + 1]
        at += 1
    return [*words, word]


def parse(line: bytes) -> tuple[str, list[str]]:
    """Verb and arguments of a line without CRLF."""
    verb, space, rest = line[:4].upper().decode("latin-1"), line[4:5], line[5:]
    if space not in {b"", b" "}:
        raise Bad
    if verb == "HELO":
        words = split_words(rest)
        if len(words) == 2:
            return verb, [unquote(word, spaces=False) for word in words]
    elif verb == "FOLD":
        return verb, [unquote(rest, spaces=True)]
    elif verb == "READ" and not space:
        return verb, []
    elif verb == "READ" and re.fullmatch(rb"[0-9]{1,10}", rest):
        return verb, [str(int(rest))]
    elif verb in _ALONE and not space:
        return verb, []
    raise Bad


class Model:
    """One connection.

    Args:
        users: name to password and mailboxes, which are changed.

    Attributes:
        closed: the server has closed.
    """

    def __init__(self, users: dict[str, tuple[str, dict[str, list[bytes]]]]) -> None:
        self.users = users
        self.state = "AUTH"
        self.closed = False
        self._buffer = b""
        self._user = ""
        self._box: str | None = None
        self._current = 1
        self._deleted: set[int] = set()
        self._snapshot: list[bytes] = []

    def feed(self, octets: bytes) -> bytes:
        """What the server says to these octets."""
        self._buffer += octets
        out = b""
        while not self.closed:
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) >= LONGEST:
                    out += self.garbage()
                break
            line, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
            ended = line.endswith(b"\r\n") and line.count(b"\r") == 1
            fits = ended and len(line) <= LONGEST
            out += self._line(line[:-2]) if fits else self.garbage()
        return out

    def garbage(self) -> bytes:
        """Action 1; also what a time-out is."""
        self.vanish()
        return b"-\r\n"

    def vanish(self) -> None:
        """An abnormal end drops the marks."""
        self.closed = True
        self._deleted = set()

    def _line(self, line: bytes) -> bytes:  # noqa: C901, PLR0911 - a row each
        try:
            verb, arguments = parse(line)
        except Bad:
            return self.garbage()
        state = self.state
        if verb == "QUIT" and state != "NEXT":
            self._release()
            self.closed = True
            return b"+\r\n"
        if verb == "HELO" and state == "AUTH":
            return self._helo(*arguments)
        if verb == "FOLD" and state in {"MBOX", "ITEM"}:
            return self._select(arguments[0])
        if verb == "READ" and state in {"MBOX", "ITEM"}:
            if arguments:
                self._current = int(arguments[0])
            return self._size()
        if verb == "RETR" and state == "ITEM":
            return self._retr()
        if verb in {"ACKS", "ACKD", "NACK"} and state == "NEXT":
            if verb == "ACKD":
                self._deleted.add(self._current)
            if verb != "NACK":
                self._current += 1
            return self._size()
        return self.garbage()

    def _helo(self, user: str, password: str) -> bytes:
        if user not in self.users or self.users[user][0] != password:
            return self.garbage()
        self._user = user
        return self._select("INBOX")

    def _retr(self) -> bytes:
        if not self._length():
            self.vanish()
            return b""
        self.state = "NEXT"
        return self._snapshot[self._current - 1]

    def _length(self) -> int:
        there = 1 <= self._current <= len(self._snapshot)
        if not there or self._current in self._deleted:
            return 0
        return len(self._snapshot[self._current - 1])

    def _release(self) -> None:
        if self._box is not None:
            live = self.users[self._user][1][self._box]
            for number in sorted(self._deleted, reverse=True):
                del live[number - 1]
        self._deleted = set()

    def _select(self, box: str) -> bytes:
        self._release()
        boxes = self.users[self._user][1]
        self._box = box if box in boxes else None
        self._snapshot = list(boxes.get(box, ()))
        self._current = 1
        self.state = "MBOX"
        return b"#%d\r\n" % len(self._snapshot)

    def _size(self) -> bytes:
        self.state = "ITEM"
        return b"=%d\r\n" % self._length()
