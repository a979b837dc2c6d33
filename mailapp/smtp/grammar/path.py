"""Reverse-path and Forward-path (RFC 5321, section 4.1.2).

    Path  = "<" [ A-d-l ":" ] Mailbox ">"
    A-d-l = At-domain *( "," At-domain )

A source route is read, checked and thrown away: it "MUST BE accepted, SHOULD NOT be
generated, and SHOULD be ignored" (the same section; appendix C).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from mailapp.core.address import (
    PATH_LIMIT,
    Address,
    ReversePath,
    canonical_domain,
    read_domain,
    read_mailbox,
)
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem

# What nearly every path looks like. Possessive, so it never goes back (threat 83);
# what it does not match, or matches with a dot in the wrong place, is read by rules.
_PLAIN: Final = re.compile(
    rb"<([0-9A-Za-z!#$%&'*+/=?^_`{|}~.-]{1,64}+)@([0-9A-Za-z.-]{1,253}+)>"
)


def read_reverse_path(cursor: Cursor) -> ReversePath:
    """Reverse-path = Path / "<>".

    Raises:
        SyntaxProblem: answered 501 5.1.7.
    """
    if cursor.skip(b"<>"):
        return None
    return _read_path(cursor)


def read_forward_path(cursor: Cursor) -> Address:
    """A Path, or ``<postmaster>`` in any case, with no domain.

    Raises:
        SyntaxProblem: answered 501 5.1.3.
    """
    # RFC 5321, section 4.1.1.3: "the "Postmaster" string [...] is treated as
    # case-insensitive"
    if cursor.skip_word(b"<POSTMASTER>"):
        return Address("postmaster", "")
    return _read_path(cursor)


def _read_path(cursor: Cursor) -> Address:
    start = cursor.position
    found = _PLAIN.match(cursor.octets, start)
    if found is not None:
        local_part, domain = found.groups()
        if not (b".." in local_part or local_part[0] == 46 or local_part[-1] == 46):  # noqa: PLR2004 - "."
            cursor.position = found.end()
            _check_length(cursor.position - start)
            return _plain_address(local_part, domain)
    return _read_path_by_rules(cursor)


def _read_path_by_rules(cursor: Cursor) -> Address:
    start = cursor.position
    cursor.expect(b"<", "put the address in angle brackets: <user@domain>")
    if cursor.peek() == ord("@"):
        _skip_source_route(cursor)
    address = read_mailbox(cursor, utf8=True)
    cursor.expect(b">", "the address must end with >")
    _check_length(cursor.position - start)
    return address


def _skip_source_route(cursor: Cursor) -> None:
    cursor.expect(b"@", "bad source route")
    read_domain(cursor, utf8=True)
    while cursor.skip(b","):
        cursor.expect(b"@", "bad source route")
        read_domain(cursor, utf8=True)
    cursor.expect(b":", "bad source route")


def _check_length(octets: int) -> None:
    if octets > PATH_LIMIT:
        reason = "path too long"
        raise SyntaxProblem(reason)


@lru_cache(maxsize=4096)
def _plain_address(local_part: bytes, domain: bytes) -> Address:
    """Most mail goes to few addresses: remember what they mean."""
    return Address(local_part.decode("ascii"), canonical_domain(domain.decode("ascii")))
