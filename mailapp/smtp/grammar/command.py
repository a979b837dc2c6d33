"""Commands: the octets of one line, without its CRLF, to frozen values.

RFC 5321, section 4.1.1. Verbs are blind to case, white space at the end of a line is
tolerated. The verbs themselves stand in :mod:`mailapp.smtp.verbs`; here is one reader
for the argument of each.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from mailapp.core import abnf
from mailapp.core.address import (
    DOMAIN_LIMIT,
    Address,
    ReversePath,
    read_address_literal,
)
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem
from mailapp.smtp.grammar.parameters import (
    NONE,
    CommandProblem,
    Fault,
    Known,
    Parameters,
    read_parameters,
)
from mailapp.smtp.grammar.path import read_forward_path, read_reverse_path


class Command:
    """What all commands have in common: nothing but being one."""

    __slots__ = ()


@frozen
class Helo(Command):
    """HELO: the client's name, a domain or an address literal."""

    name: str


@frozen
class Ehlo(Command):
    """EHLO: the same, and "tell me your extensions"."""

    name: str


@frozen
class Mail(Command):
    """MAIL: a transaction begins.

    Attributes:
        reverse_path: None is ``<>``.
        is_ascii: it was written without octets above 127.
    """

    reverse_path: ReversePath
    parameters: Parameters = NONE
    is_ascii: bool = True


@frozen
class Rcpt(Command):
    """RCPT: one more recipient."""

    address: Address
    parameters: Parameters = NONE
    is_ascii: bool = True


@frozen
class Data(Command):
    """DATA: the content comes next."""


@frozen
class Rset(Command):
    """RSET: forget the transaction."""


@frozen
class Noop(Command):
    """NOOP: are you there?"""


@frozen
class Quit(Command):
    """QUIT: goodbye."""


@frozen
class Vrfy(Command):
    """VRFY: does this mailbox exist?

    Attributes:
        name: what the client asked about, without the SMTPUTF8 parameter.
        utf8: the reply may hold UTF-8 (RFC 6531, section 3.7.4.2).
    """

    name: bytes
    utf8: bool = False


@frozen
class Expn(Command):
    """EXPN: who is on this list?"""

    name: bytes
    utf8: bool = False


@frozen
class Help(Command):
    """HELP: with a topic, in upper case, or without."""

    topic: bytes = b""


DATA: Final = Data()
RSET: Final = Rset()
NOOP: Final = Noop()
QUIT: Final = Quit()

# deviates: RFC 5321, section 2.3.5: many hosts have an underscore in their names; it is
# taken in HELO and EHLO, and policy may be stricter.
_HOST: Final = abnf.only(abnf.LET_DIG_HYPHEN | frozenset(b"._"))
_TEXT: Final = abnf.only(abnf.VCHAR | frozenset(b" \t") | abnf.UTF8_NON_ASCII)


def read_helo(argument: bytes) -> Helo:
    """Read helo = "HELO" SP Domain CRLF; a literal is taken too.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    return Helo(_read_client_name(argument))


def read_ehlo(argument: bytes) -> Ehlo:
    """Read ehlo = "EHLO" SP ( Domain / address-literal ) CRLF.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    return Ehlo(_read_client_name(argument))


def _read_client_name(argument: bytes) -> str:
    # RFC 5321, section 4.1.1.1: be "prepared for" text that follows the name, as RFC
    # 2821 encouraged it
    name = argument.strip(b" ").partition(b" ")[0]
    if not name:
        reason = "say your name: EHLO your.host.name"
        raise CommandProblem(Fault.ARGUMENT, reason)
    if name.startswith(b"["):
        cursor = Cursor(name)
        literal = read_address_literal(cursor)
        cursor.finish()
        return literal
    if len(name) > DOMAIN_LIMIT or not _HOST(name):
        reason = "this is neither a host name nor an address literal"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return name.decode("ascii")


def read_mail(argument: bytes, known: Known) -> Mail:
    """Read mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF.

    Outlook and many scripts put a space after the colon; it is passed over.

    Raises:
        CommandProblem: answered 501 5.5.4, 501 5.1.7 or 555 5.5.4.
    """
    if argument[:5].upper() != b"FROM:":
        reason = "write it as MAIL FROM:<user@domain>"
        raise CommandProblem(Fault.ARGUMENT, reason)
    cursor = Cursor(argument, 5)
    cursor.skip(b" ")
    start = cursor.position
    try:
        path = read_reverse_path(cursor)
        _end_of_path(cursor)
    except SyntaxProblem as problem:
        raise CommandProblem(Fault.SENDER, problem.reason) from None
    if cursor.at_end:
        return Mail(path, NONE, argument.isascii())
    is_ascii = argument[start : cursor.position].isascii()
    return Mail(path, read_parameters(cursor.rest(), known), is_ascii)


def read_rcpt(argument: bytes, known: Known) -> Rcpt:
    """Read rcpt = "RCPT TO:" ( "<Postmaster>" / Path ) [SP Rcpt-parameters] CRLF.

    Raises:
        CommandProblem: answered 501 5.5.4, 501 5.1.3 or 555 5.5.4.
    """
    if argument[:3].upper() != b"TO:":
        reason = "write it as RCPT TO:<user@domain>"
        raise CommandProblem(Fault.ARGUMENT, reason)
    cursor = Cursor(argument, 3)
    cursor.skip(b" ")
    start = cursor.position
    try:
        address = read_forward_path(cursor)
        _end_of_path(cursor)
    except SyntaxProblem as problem:
        raise CommandProblem(Fault.RECIPIENT, problem.reason) from None
    if cursor.at_end:
        return Rcpt(address, NONE, argument.isascii())
    is_ascii = argument[start : cursor.position].isascii()
    return Rcpt(address, read_parameters(cursor.rest(), known), is_ascii)


def _end_of_path(cursor: Cursor) -> None:
    if not cursor.at_end:
        cursor.expect(b" ", "unexpected characters after the address")


def read_data(argument: bytes) -> Data:
    """Read data = "DATA" CRLF.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    expect_nothing(argument)
    return DATA


def read_rset(argument: bytes) -> Rset:
    """Read rset = "RSET" CRLF.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    expect_nothing(argument)
    return RSET


def read_quit(argument: bytes) -> Quit:
    """Read quit = "QUIT" CRLF.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    expect_nothing(argument)
    return QUIT


def expect_nothing(argument: bytes) -> None:
    """For a command without parameters (RFC 5321, section 4.1.1).

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    if argument:
        reason = "this command takes no argument"
        raise CommandProblem(Fault.ARGUMENT, reason)


def read_noop(_argument: bytes) -> Noop:
    """Read noop = "NOOP" [ SP String ] CRLF; the string is ignored."""
    return NOOP


def read_vrfy(argument: bytes) -> Vrfy:
    """Read vrfy = "VRFY" SP String [ SP "SMTPUTF8" ] CRLF.

    RFC 6531, section 3.7.4.2.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    return Vrfy(*_read_name(argument))


def read_expn(argument: bytes) -> Expn:
    """Read expn = "EXPN" SP String [ SP "SMTPUTF8" ] CRLF.

    RFC 6531, section 3.7.4.2.

    Raises:
        CommandProblem: answered 501 5.5.4.
    """
    return Expn(*_read_name(argument))


def _read_name(argument: bytes) -> tuple[bytes, bool]:
    name, _, last = argument.strip(b" ").rpartition(b" ")
    utf8 = last.upper() == b"SMTPUTF8" and bool(name)
    name = name.rstrip(b" ") if utf8 else argument.strip(b" ")
    if not _TEXT(name):
        reason = "say whom: a user name or an address"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return name, utf8


def read_help(argument: bytes) -> Help:
    """Read help = "HELP" [ SP String ] CRLF."""
    return Help(argument.strip(b" ").upper())
