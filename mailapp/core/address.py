"""Mailboxes and domains as SMTP writes them (RFC 5321, section 4.1.2; RFC 6531).

An :class:`Address` holds what an address means: the local part without its quotes, the
domain in lower case with A-labels. Two addresses that are the same mailbox by RFC 5321
compare equal, except that the local part keeps its case, since only the domain's own
directory may decide about that.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from unicodedata import normalize

import idna
from attrs import Attribute, field, frozen

from mailapp.core import abnf
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem

LOCAL_PART_LIMIT: Final = 64  # octets; RFC 5321, section 4.5.3.1.1
DOMAIN_LIMIT: Final = 255  # octets; section 4.5.3.1.2
PATH_LIMIT: Final = 256  # octets with the angle brackets; section 4.5.3.1.3
LABEL_LIMIT: Final = 63  # octets; RFC 1035, section 2.3.4

_DOTTED: Final = abnf.ATEXT | {ord(".")}
_DOTTED_UTF8: Final = _DOTTED | abnf.UTF8_NON_ASCII
_ATEXT_UTF8: Final = abnf.ATEXT | abnf.UTF8_NON_ASCII
_QTEXT_UTF8: Final = abnf.QTEXT_SMTP | abnf.UTF8_NON_ASCII
_DOMAIN: Final = abnf.LET_DIG_HYPHEN | {ord(".")}
_DOMAIN_UTF8: Final = _DOMAIN | abnf.UTF8_NON_ASCII
_UNSAFE_IN_DOMAIN: Final = frozenset(range(33)) | {127} | frozenset(b'<>@"\\(),;')


def _check_local_part(_instance: object, _field: Attribute[str], value: str) -> None:
    """No value holds what a Quoted-string can't: it would break a command (threat 17).

    RFC 5321, section 4.1.2: quoted-pairSMTP and qtextSMTP leave controls out.
    """
    try:
        octets = value.encode()
    except UnicodeEncodeError:
        reason = "bad local part"
        raise SyntaxProblem(reason) from None
    if not abnf.CTL.isdisjoint(octets):
        reason = "bad local part"
        raise SyntaxProblem(reason)


def _check_domain(_instance: object, _field: Attribute[str], value: str) -> None:
    if not value.isascii() or not _UNSAFE_IN_DOMAIN.isdisjoint(value.encode()):
        reason = "bad domain"
        raise SyntaxProblem(reason)


@frozen
class Address:
    """A mailbox: local part and domain.

    Attributes:
        local_part: its meaning as text, without quotes or backslashes.
        domain: A-labels in lower case, an address literal such as ``[192.0.2.1]``, or
            empty for the one address without a domain, ``<postmaster>``.

    Raises:
        SyntaxProblem: a part holds what could break out of a command or a field.
    """

    local_part: str = field(validator=_check_local_part)
    domain: str = field(validator=_check_domain)

    @property
    def is_ascii(self) -> bool:
        """It can go to a server without SMTPUTF8 (RFC 6531, section 3.2)."""
        return self.local_part.isascii()

    @property
    def is_literal(self) -> bool:
        """The domain is an address literal."""
        return self.domain.startswith("[")

    def encode(self) -> bytes:
        """As it stands in a command, quoted only where it must be."""
        return str(self).encode()

    def __str__(self) -> str:
        local = quote_local_part(self.local_part)
        return f"{local}@{self.domain}" if self.domain else local


ReversePath = Address | None
"""Where failures are reported; None is the null reverse-path ``<>``."""


@lru_cache(maxsize=4096)
def quote_local_part(local_part: str) -> str:
    """Local-part: a Dot-string if it is one, else a Quoted-string."""
    octets = local_part.encode()
    words = octets.split(b".")
    if all(words) and all(map(_ATEXT_UTF8.issuperset, words)):
        return local_part
    escaped = local_part.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_address(text: bytes, *, utf8: bool = True) -> Address:
    """A whole ``Mailbox`` and nothing else.

    Raises:
        SyntaxProblem: answered 501 5.1.3 (5.1.7 for a sender).
    """
    cursor = Cursor(text)
    address = read_mailbox(cursor, utf8=utf8)
    cursor.finish()
    return address


def read_mailbox(cursor: Cursor, *, utf8: bool) -> Address:
    """Mailbox = Local-part "@" ( Domain / address-literal ).

    Raises:
        SyntaxProblem: answered 501 5.1.3 (5.1.7 for a sender).
    """
    local_part = read_local_part(cursor, utf8=utf8)
    cursor.expect(b"@", "the address has no domain")
    if cursor.peek() == ord("["):
        return Address(local_part, read_address_literal(cursor))
    return Address(local_part, read_domain(cursor, utf8=utf8))


def read_local_part(cursor: Cursor, *, utf8: bool) -> str:
    """Local-part = Dot-string / Quoted-string; at most 64 octets.

    Raises:
        SyntaxProblem: it is empty, too long, or not of this form.
    """
    start = cursor.position
    if cursor.skip(b'"'):
        octets = _quoted_content(cursor, utf8=utf8)
    else:
        octets = cursor.take_while(_DOTTED_UTF8 if utf8 else _DOTTED)
        # Dot-string = Atom *("." Atom)
        if not all(octets.split(b".")):
            reason = "bad local part"
            raise SyntaxProblem(reason)
    if cursor.position - start > LOCAL_PART_LIMIT:
        reason = "local part too long"
        raise SyntaxProblem(reason)
    return _text(octets)


def _quoted_content(cursor: Cursor, *, utf8: bool) -> bytes:
    """QcontentSMTP up to the closing quote, which is taken too."""
    qtext = _QTEXT_UTF8 if utf8 else abnf.QTEXT_SMTP
    content = bytearray()
    while True:
        content += cursor.take_while(qtext)
        if cursor.skip(b'"'):
            return bytes(content)
        cursor.expect(b"\\", "bad quoted local part")
        # quoted-pairSMTP = %d92 %d32-126
        quoted = cursor.take(1)
        if not 32 <= quoted[0] <= 126:  # noqa: PLR2004 - the rule above
            reason = "bad quoted pair"
            raise SyntaxProblem(reason)
        content += quoted


def read_domain(cursor: Cursor, *, utf8: bool) -> str:
    """Domain = sub-domain *("." sub-domain), given as A-labels in lower case.

    Raises:
        SyntaxProblem: a label is malformed or does not survive RFC 5891's round trip.
    """
    octets = cursor.take_while(_DOMAIN_UTF8 if utf8 else _DOMAIN)
    return canonical_domain(_text(octets))


@lru_cache(maxsize=1024)
def canonical_domain(domain: str) -> str:
    """A-labels in lower case, with every label checked (RFC 5890, RFC 1123).

    The last good ones are kept, since mail goes to few domains.

    Raises:
        SyntaxProblem: it is no domain.
    """
    if len(domain) > DOMAIN_LIMIT:  # an A-label is never shorter than its U-label
        reason = "domain too long"
        raise SyntaxProblem(reason)
    canonical = ".".join([_canonical_label(label) for label in domain.split(".")])
    if len(canonical) > DOMAIN_LIMIT:
        reason = "domain too long"
        raise SyntaxProblem(reason)
    return canonical


def _canonical_label(label: str) -> str:
    """One label: sub-domain = Let-dig [Ldh-str], or U-label (RFC 6531, section 3.3)."""
    lower = label.lower()
    if not lower.isascii() or lower.startswith("xn--"):
        return _canonical_idn(label)
    octets = lower.encode()
    if (
        not 0 < len(octets) <= LABEL_LIMIT
        or not abnf.LET_DIG_HYPHEN.issuperset(octets)
        or octets[0] == ord("-")
        or octets[-1] == ord("-")
    ):
        reason = "bad domain"
        raise SyntaxProblem(reason)
    return lower


def _canonical_idn(label: str) -> str:
    """The A-label of a U-label, or of an A-label that is one (RFC 5891, section 5.4).

    The only mapping is lower case and NFC, as RFC 5895, section 2, lists first. Wider
    mappings turn look-alikes (a full-width letter, an ideographic full stop) into
    ASCII, so that a name passes here that others read differently (threat 26).
    """
    reason = "bad internationalized domain"
    try:
        lower = normalize("NFC", label.lower())
        u_label = idna.ulabel(lower) if lower.isascii() else lower
        a_label = idna.alabel(u_label).decode()
        # an A-label that does not re-encode to itself is refused
        if a_label != lower and idna.ulabel(a_label) != lower:
            raise SyntaxProblem(reason)
    except (idna.IDNAError, UnicodeError):
        raise SyntaxProblem(reason) from None
    return a_label


def read_address_literal(cursor: Cursor) -> str:
    """Address-literal (RFC 5321, section 4.1.3), IPv4 or IPv6, in canonical form.

    Raises:
        SyntaxProblem: it is neither.
    """
    cursor.expect(b"[", "bad address literal")
    content = cursor.take_while(abnf.DCONTENT)
    cursor.expect(b"]", "bad address literal")
    text = content.decode("ascii")
    try:
        # no zone ("%eth0"): it is no part of IPv6-addr
        if text[:5].upper() == "IPV6:" and "%" not in text:
            return f"[IPv6:{IPv6Address(text[5:])}]"
        # deviates: Snum may have leading zeroes (RFC 5321, section 4.1.3); some read
        # such a number as octal, so it is refused.
        return f"[{IPv4Address(text)}]"
    except ValueError:
        reason = "bad address literal"
        raise SyntaxProblem(reason) from None


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        reason = "not UTF-8"
        raise SyntaxProblem(reason) from None
