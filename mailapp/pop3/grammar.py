"""POP3 commands: one line to one frozen value (RFC 1939, RFC 2449, section 3).

::

    command  =  keyword *(SP param) CRLF    ;255 octets maximum
    keyword  =  3*4VCHAR
    param    =  1*VCHAR

Keywords are blind to case; exactly one space separates parameters. A message number is
any run of digits: whether there is such a message is the maildrop's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from mailapp.core import abnf
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.pop.grammar import Rule, alone, parse_line
from mailapp.sasl import base64

COMMAND_LIMIT: Final = 255  # octets with CRLF; RFC 2449, section 4
_DIGEST_OCTETS: Final = 32  # of MD5, in hexadecimal
_MECHANISM_LIMIT: Final = 20  # octets; RFC 4422, section 3.1

_is_mechanism = abnf.only(abnf.ALPHA_DIGIT | frozenset(b"-_"))
# RFC 4647, basic language range
_LANGUAGE_RANGE: Final = re.compile(rb"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_is_digest = abnf.only(abnf.DIGIT | frozenset(b"abcdef"))
# RFC 6856, section 2.2: names and passwords may be in UTF-8, also before UTF8, as we
# announce UTF8 USER. Controls, NUL among them, never are.
_is_name = abnf.only(abnf.VCHAR | abnf.UTF8_NON_ASCII)
_is_password = abnf.only(abnf.VCHAR | abnf.UTF8_NON_ASCII | {ord(" ")})


@frozen
class User:
    """USER name (RFC 1939, section 7)."""

    name: bytes


@frozen
class Pass:
    """PASS string (RFC 1939, section 7)."""

    password: Secret


@frozen
class Apop:
    """APOP name digest (RFC 1939, section 7)."""

    name: bytes
    digest: bytes = field(repr=False)


@frozen
class Auth:
    """AUTH [mechanism [initial-response]] (RFC 5034, section 4).

    Attributes:
        mechanism: in upper case; None asks for the list of mechanisms.
        initial: the initial response after base64; empty for ``=``; None without one.
    """

    mechanism: str | None = None
    initial: bytes | None = field(default=None, repr=False)


@frozen
class Stls:
    """STLS (RFC 2595, section 4)."""


@frozen
class Capa:
    """CAPA (RFC 2449, section 5)."""


@frozen
class Quit:
    """QUIT (RFC 1939, sections 4 and 6)."""


@frozen
class Stat:
    """STAT (RFC 1939, section 5)."""


@frozen
class List:
    """LIST [msg] (RFC 1939, section 5)."""

    number: int | None = None


@frozen
class Retr:
    """RETR msg (RFC 1939, section 5)."""

    number: int


@frozen
class Dele:
    """DELE msg (RFC 1939, section 5)."""

    number: int


@frozen
class Noop:
    """NOOP (RFC 1939, section 5)."""


@frozen
class Rset:
    """RSET (RFC 1939, section 5)."""


@frozen
class Top:
    """TOP msg n (RFC 1939, section 7)."""

    number: int
    lines: int


@frozen
class Uidl:
    """UIDL [msg] (RFC 1939, section 7)."""

    number: int | None = None


@frozen
class Utf8:
    """UTF8 (RFC 6856, section 2.1)."""


@frozen
class Lang:
    """LANG [language-range] (RFC 6856, section 3.2).

    Attributes:
        language_range: ``*`` is the preferred language; None asks for a list.
    """

    language_range: str | None = None


MaildropCommand = Retr | Dele | Uidl | List | Stat | Top | Noop | Rset
LoginCommand = User | Pass | Apop | Auth | Stls
Command = MaildropCommand | LoginCommand | Utf8 | Lang | Capa | Quit


def parse_command(line: bytes) -> Command:
    """One command, without its CRLF.

    Raises:
        SyntaxProblem: answered -ERR with its reason.
    """
    return parse_line(line, _RULES)


def _number(argument: bytes | None) -> int:
    if argument is None or not argument.isdigit():
        reason = "one message number is required"
        raise SyntaxProblem(reason)
    return int(argument)


def _retr(arguments: bytes | None) -> Retr:
    return Retr(_number(arguments))


def _dele(arguments: bytes | None) -> Dele:
    return Dele(_number(arguments))


def _list(arguments: bytes | None) -> List:
    return List() if arguments is None else List(_number(arguments))


def _uidl(arguments: bytes | None) -> Uidl:
    return Uidl() if arguments is None else Uidl(_number(arguments))


def _top(arguments: bytes | None) -> Top:
    number, space, lines = (arguments or b"").partition(b" ")
    if not (space and number.isdigit() and lines.isdigit()):
        reason = "a message number and a number of lines are required"
        raise SyntaxProblem(reason)
    return Top(int(number), int(lines))


def _user(arguments: bytes | None) -> User:
    if arguments is None or not _is_name(arguments):
        reason = "one name is required"
        raise SyntaxProblem(reason)
    return User(arguments)


def _pass(arguments: bytes | None) -> Pass:
    # RFC 1939, section 7: spaces may be part of the password
    if arguments is None or not _is_password(arguments):
        reason = "a password is required"
        raise SyntaxProblem(reason)
    return Pass(Secret(arguments))


def _apop(arguments: bytes | None) -> Apop:
    name, _, digest = (arguments or b"").partition(b" ")
    if not (_is_name(name) and _is_digest(digest) and len(digest) == _DIGEST_OCTETS):
        reason = "a name and a digest in lower case are required"
        raise SyntaxProblem(reason)
    return Apop(name, digest)


def _auth(arguments: bytes | None) -> Auth:
    if arguments is None:
        return Auth()
    mechanism, space, initial = arguments.partition(b" ")
    if not _is_mechanism(mechanism) or len(mechanism) > _MECHANISM_LIMIT:
        reason = "a mechanism is required"
        raise SyntaxProblem(reason)
    name = mechanism.decode("ascii").upper()
    if not space:
        return Auth(name)
    if initial == b"=":
        return Auth(name, b"")
    if not initial:
        reason = "an empty initial response is written ="
        raise SyntaxProblem(reason)
    return Auth(name, base64.decode(initial))


def _lang(arguments: bytes | None) -> Lang:
    if arguments is None:
        return Lang()
    if arguments != b"*" and not _LANGUAGE_RANGE.fullmatch(arguments):
        reason = "a language is required"
        raise SyntaxProblem(reason)
    return Lang(arguments.decode("ascii"))


_RULES: Final[Mapping[bytes, Rule[Command]]] = {
    b"USER": _user,
    b"PASS": _pass,
    b"APOP": _apop,
    b"AUTH": _auth,
    b"STLS": alone(Stls()),
    b"CAPA": alone(Capa()),
    b"QUIT": alone(Quit()),
    b"STAT": alone(Stat()),
    b"LIST": _list,
    b"RETR": _retr,
    b"DELE": _dele,
    b"NOOP": alone(Noop()),
    b"RSET": alone(Rset()),
    b"TOP": _top,
    b"UIDL": _uidl,
    b"UTF8": alone(Utf8()),
    b"LANG": _lang,
}
