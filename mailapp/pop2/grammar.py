r"""POP2 commands: one line to one frozen value (RFC 937, pages 15 and 16).

::

    helo = HELO SP user SP password      user, password = word    = 1*print
    fold = FOLD SP mailbox               mailbox        = string  = 1*(print / SP)
    read = READ [SP number]              number         = 1*digit
    retr = RETR   acks = ACKS   ackd = ACKD   nack = NACK   quit = QUIT

``\`` quotes the octet that follows it, in arguments only. Keywords are blind to case,
and exactly one space separates arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.pop.grammar import Rule, alone, parse_line

LINE_LIMIT: Final = 512  # octets of a command or reply with its CRLF; RFC 937, page 12
TEXT_LIMIT: Final = 1000  # octets of a line of a message with its CRLF
_DIGITS: Final = 10
_QUOTE: Final = ord("\\")
_SPACE: Final = ord(" ")
# deviates: RFC 937 forgets "." and ";" in its punct, and so breaks its own examples
# ("+ bye, call again sometime."); they are taken like the others.
_PRINT: Final = frozenset(range(0x21, 0x7F))
# deviates: RFC 937 lets any of the 128 be quoted. CR and LF would end the line for
# others, NUL ends names in C, and DEL is no character.
_QUOTABLE: Final = frozenset(range(1, 127)) - frozenset(b"\r\n")


@frozen
class Helo:
    """HELO user password (RFC 937, page 7)."""

    user: bytes
    password: Secret


@frozen
class Fold:
    """FOLD mailbox (RFC 937, page 7)."""

    mailbox: bytes


@frozen
class Read:
    """READ [number] (RFC 937, page 7); None is the current message."""

    number: int | None = None


@frozen
class Retr:
    """RETR (RFC 937, page 8)."""


@frozen
class Acks:
    """ACKS: it came, keep it (RFC 937, page 8)."""


@frozen
class Ackd:
    """ACKD: it came, delete it (RFC 937, page 9)."""


@frozen
class Nack:
    """NACK: it did not come, keep it (RFC 937, page 9)."""


@frozen
class Quit:
    """QUIT (RFC 937, page 10)."""


Acknowledgment = Acks | Ackd | Nack
Command = Helo | Fold | Read | Retr | Acknowledgment | Quit


def parse_command(line: bytes) -> Command:
    """One command, without its CRLF.

    Raises:
        SyntaxProblem: answered "-" with its reason, and the connection closes.
    """
    return parse_line(line, _RULES)


def encode_command(command: Command) -> bytes:
    """The line of a command, with its CRLF.

    Raises:
        SyntaxProblem: no line can carry it.
    """
    match command:
        case Helo():
            user = quote(command.user, spaces=False)
            password = quote(command.password.reveal(), spaces=False)
            line = b"HELO %b %b\r\n" % (user, password)
        case Fold():
            line = b"FOLD %b\r\n" % quote(command.mailbox, spaces=True)
        case Read(int(number)):
            line = b"READ %d\r\n" % number
        case _:
            line = type(command).__name__.upper().encode("ascii") + b"\r\n"
    if len(line) > LINE_LIMIT:
        reason = "too long for POP2"
        raise SyntaxProblem(reason)
    return line


def unquote(text: bytes, *, spaces: bool) -> bytes:
    """A word, or a string where ``spaces`` may stand unquoted.

    Raises:
        SyntaxProblem: it is empty or holds an octet that may not stand there.
    """
    octets = iter(text)
    found = bytearray()
    for octet in octets:
        if octet == _QUOTE:
            octet = next(octets, 0)  # noqa: PLW2901 - the quoted one counts
            legal = octet in _QUOTABLE
        else:
            legal = octet in _PRINT or (spaces and octet == _SPACE)
        if not legal:
            reason = "a character that is not allowed"
            raise SyntaxProblem(reason)
        found.append(octet)
    if not found:
        reason = "an empty argument"
        raise SyntaxProblem(reason)
    return bytes(found)


def quote(text: bytes, *, spaces: bool) -> bytes:
    """The inverse of :func:`unquote`.

    Raises:
        SyntaxProblem: no quoting makes an argument of it.
    """
    found = bytearray()
    for octet in text:
        if octet not in _QUOTABLE:
            reason = "a character that POP2 can't carry"
            raise SyntaxProblem(reason)
        plain = octet in _PRINT or (spaces and octet == _SPACE)
        if octet == _QUOTE or not plain:
            found.append(_QUOTE)
        found.append(octet)
    if not found:
        reason = "an empty argument"
        raise SyntaxProblem(reason)
    return bytes(found)


def _words(text: bytes) -> list[bytes]:
    """Cut at the spaces that are not quoted."""
    words = [bytearray()]
    quoted = False
    for octet in text:
        if octet == _SPACE and not quoted:
            words.append(bytearray())
        else:
            words[-1].append(octet)
        quoted = octet == _QUOTE and not quoted
    return [bytes(word) for word in words]


def _helo(arguments: bytes | None) -> Helo:
    match _words(arguments or b""):
        case [user, password]:
            return Helo(
                unquote(user, spaces=False), Secret(unquote(password, spaces=False))
            )
        case _:
            reason = "a user and a password are required"
            raise SyntaxProblem(reason)


def _fold(arguments: bytes | None) -> Fold:
    return Fold(unquote(arguments or b"", spaces=True))


def _read(arguments: bytes | None) -> Read:
    if arguments is None:
        return Read()
    if not arguments.isdigit() or len(arguments) > _DIGITS:
        reason = "one message number is required"
        raise SyntaxProblem(reason)
    return Read(int(arguments))


_SHORT: Final[Mapping[bytes, Rule[Command]]] = {
    b"HELO": _helo,
    b"FOLD": _fold,
    b"READ": _read,
    b"RETR": alone(Retr()),
    b"ACKS": alone(Acks()),
    b"ACKD": alone(Ackd()),
    b"NACK": alone(Nack()),
    b"QUIT": alone(Quit()),
}
# No RFC has the long names; they are what a person types who reads page 7 aloud.
_RULES: Final[Mapping[bytes, Rule[Command]]] = {
    **_SHORT,
    b"HELLO": _SHORT[b"HELO"],
    b"FOLDER": _SHORT[b"FOLD"],
    b"RETRIEVE": _SHORT[b"RETR"],
    b"SAVE": _SHORT[b"ACKS"],
    b"DELETE": _SHORT[b"ACKD"],
}
