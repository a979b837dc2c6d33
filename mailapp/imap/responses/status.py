"""Status responses: OK, NO, BAD, BYE (RFC 9051, section 7.1)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import field, frozen

_ENDS_TEXT: Final = frozenset(b"\r\n\0")


class Kind(Enum):
    """What a status response says."""

    OK = b"OK"
    NO = b"NO"
    BAD = b"BAD"
    BYE = b"BYE"


def _one_line(_instance: object, attribute: object, value: bytes) -> None:
    if not _ENDS_TEXT.isdisjoint(value):
        msg = f"{attribute}: more than one line"
        raise ValueError(msg)


@frozen
class Status:
    """How a command ended, or what the server says by itself.

    Attributes:
        text: one line for people, not empty.
        code: response code without its brackets (RFC 5530), or empty.
    """

    kind: Kind
    text: bytes = field(validator=_one_line)
    code: bytes = field(default=b"", validator=_one_line)

    @property
    def ok(self) -> bool:
        """The command has succeeded."""
        return self.kind is Kind.OK

    def line(self, tag: bytes = b"*") -> bytes:
        """As sent: behind the tag of its command, or untagged."""
        if self.code:
            return b"%b %b [%b] %b\r\n" % (tag, self.kind.value, self.code, self.text)
        return b"%b %b %b\r\n" % (tag, self.kind.value, self.text)


def ok(text: str, code: bytes = b"") -> Status:
    """The command has done all that it should."""
    return Status(Kind.OK, text.encode("ascii"), code)


def no(text: str, code: bytes = b"") -> Status:
    """The command has failed."""
    return Status(Kind.NO, text.encode("ascii"), code)


def bad(text: str, code: bytes = b"") -> Status:
    """No such command, or not so, or not now."""
    return Status(Kind.BAD, text.encode("ascii"), code)


def bye(text: str, code: bytes = b"") -> Status:
    """The server is about to close the connection; always untagged."""
    return Status(Kind.BYE, text.encode("ascii"), code)
