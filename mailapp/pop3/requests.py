"""POP3 commands as a client writes them: the inverse of :mod:`mailapp.pop3.grammar`.

No argument gets onto the line that could end it or begin another one (threat 64).
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from mailapp.core import abnf
from mailapp.core.failures import SyntaxProblem
from mailapp.pop3.grammar import (
    COMMAND_LIMIT,
    Apop,
    Auth,
    Command,
    Dele,
    Lang,
    List,
    Pass,
    Retr,
    Top,
    Uidl,
    User,
)
from mailapp.sasl import base64

RESPONSE_LIMIT: Final = 12 * 1024
"""Octets of a SASL response with its CRLF; what our own server takes."""

_is_word = abnf.only(abnf.VCHAR | abnf.UTF8_NON_ASCII)
_is_text = abnf.only(abnf.VCHAR | abnf.UTF8_NON_ASCII | {ord(" ")})


@frozen
class Response:
    """The answer to a challenge (RFC 5034, section 4); None cancels the exchange.

    Attributes:
        octets: before base64.
    """

    octets: bytes | None = field(repr=False)


Request = Command | Response


def encode_request(request: Request) -> bytes:
    """The line of a request, with its CRLF.

    Raises:
        SyntaxProblem: no line can carry it.
    """
    if isinstance(request, Response):
        octets = request.octets
        line = (b"*" if octets is None else base64.encode(octets)) + b"\r\n"
        return _limited(line, RESPONSE_LIMIT)
    keyword = type(request).__name__.upper().encode("ascii")
    return _limited(b" ".join([keyword, *_arguments(request)]) + b"\r\n", COMMAND_LIMIT)


def _arguments(command: Command) -> list[bytes]:  # noqa: PLR0911 - one for each kind
    match command:
        case User(name):
            return [_word(name)]
        case Pass(password):
            return [_text(password.reveal())]
        case Apop(name, digest):
            return [_word(name), _word(digest)]
        case Auth(str(mechanism), initial):
            first = [] if initial is None else [base64.encode(initial) or b"="]
            return [_word(mechanism.encode()), *first]
        case Lang(str(language_range)):
            return [_word(language_range.encode())]
        case Top(number, lines):
            return [b"%d" % number, b"%d" % lines]
        case Retr(number) | Dele(number) | List(int(number)) | Uidl(int(number)):
            return [b"%d" % number]
        case _:
            return []


def _limited(line: bytes, limit: int) -> bytes:
    if len(line) > limit:
        reason = "too long for POP3"
        raise SyntaxProblem(reason)
    return line


def _word(octets: bytes) -> bytes:
    if not _is_word(octets):
        reason = "a word that POP3 can't carry"
        raise SyntaxProblem(reason)
    return octets


def _text(octets: bytes) -> bytes:
    if not _is_text(octets):
        reason = "a password that POP3 can't carry"
        raise SyntaxProblem(reason)
    return octets
