"""Trace fields: what we put on top of a message, and what others have put there.

RFC 5321, section 4.4. Which ``with`` word applies (RFC 3848, RFC 6531) is for the
protocol to say. Whatever the peer called itself, the fields stay whole.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

import idna

from mailapp.core import abnf
from mailapp.core.address import Address, ReversePath
from mailapp.core.envelope import Envelope
from mailapp.core.peer import TLS, Peer
from mailapp.message.dates import format_date
from mailapp.message.fields import named
from mailapp.message.writing import Begun, begin_field, build_field, end_field

_DOMAIN_OCTETS: Final = abnf.ALPHA_DIGIT | frozenset(b"-._:[]")
_NOT_DOMAIN: Final = bytes(o for o in range(256) if o not in _DOMAIN_OCTETS)
_QUESTION_MARKS: Final = bytes.maketrans(_NOT_DOMAIN, b"?" * len(_NOT_DOMAIN))
_NOT_ATOM: Final = bytes(o for o in range(256) if o not in abnf.ATEXT | {ord(".")})
_HELO_LIMIT: Final = 255
# RFC 8314, section 4.3: tls-cipher-name = ALPHA *(ALPHA / DIGIT / "_")
_CIPHER_NAME: Final = re.compile(r"TLS_[A-Z0-9_]{1,80}\Z")


def received(
    envelope: Envelope,
    by_host: str,
    *,
    client_name: str | None = None,
) -> bytes:
    """A Received field with its CRLF for one transaction.

    The ``for`` clause is there only for a single recipient, so that no recipient is
    told of another (RFC 5321, section 7.6).

    Args:
        envelope: id, client, protocol, recipients and time of the transaction.
        by_host: our name.
        client_name: the client's name in the DNS, if it was verified.
    """
    utf8 = envelope.smtputf8
    recipients = envelope.recipients
    single = recipients[0].address if len(recipients) == 1 else None
    words = [
        _atom(envelope.id),
        *_for_clause(single, utf8=utf8),
        *_tls_clause(envelope.peer.tls),
        *_priority_clause(envelope.priority),
    ]
    words[-1] += b";"
    words.append(format_date(int(envelope.received_at)))
    whence = (envelope.helo, envelope.peer.address, client_name)
    return end_field(_begin(*whence, by_host, envelope.protocol, utf8=utf8), words)


@lru_cache(maxsize=256)
def _begin(
    helo: str,
    address: str,
    client_name: str | None,
    by_host: str,
    protocol: str,
    *,
    utf8: bool,
) -> Begun:
    """What all messages of a session have in common: half of the field's time."""
    words = [
        b"from",
        _domain(helo, utf8=utf8),
        *_tcp_info(address, client_name),
        b"by",
        _domain(by_host, utf8=utf8),
        b"with",
        _atom(protocol),
        b"id",
    ]
    return begin_field(b"Received", words)


def _tcp_info(address: str, client_name: str | None) -> list[bytes]:
    """TCP-info = address-literal / ( Domain FWS address-literal ), in parentheses."""
    literal = _literal(address)
    if client_name is None:
        return [b"(" + literal + b")"]
    return [b"(" + _domain(client_name, utf8=False), literal + b")"]


def _literal(address: str) -> bytes:
    """An address-literal (RFC 5321, section 4.1.3) without zone."""
    ip = Peer(address).ip
    literal = b"[IPv6:%b]" if isinstance(ip, IPv6Address) else b"[%b]"
    return literal % str(ip).partition("%")[0].encode()


@lru_cache(maxsize=1024)
def _for_clause(address: Address | None, *, utf8: bool) -> tuple[bytes, ...]:
    """For = CFWS "FOR" FWS ( Path / Mailbox ).

    Left out for an address that the message may not carry (RFC 6531, section 3.7.3).
    """
    if address is None or (not utf8 and not address.is_ascii):
        return ()
    return (b"for", b"<" + _mailbox(address, utf8=utf8) + b">")


def _tls_clause(tls: TLS | None) -> list[bytes]:
    """RFC 8314, section 4.3: the registered name of the cipher suite."""
    if tls is None or _CIPHER_NAME.match(tls.cipher) is None:
        return []
    return [b"tls", tls.cipher.encode()]


def _priority_clause(priority: int) -> tuple[bytes, ...]:
    """RFC 6710, section 7: Pri = CFWS "PRIORITY" FWS priority-value."""
    return (b"priority", b"%d" % priority) if priority else ()


def _mailbox(address: Address, *, utf8: bool) -> bytes:
    """The address, with U-labels if the message may carry them."""
    if not utf8 or not address.domain or address.is_literal:
        return address.encode()
    local, at, _ = address.encode().rpartition(b"@")
    return local + at + u_labels(address.domain).encode()


def u_labels(domain: str) -> str:
    """The domain as people read it; as it is, where that is not possible."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def _domain(name: str, *, utf8: bool) -> bytes:
    """A Domain or address-literal; what can't be part of one becomes ``?``.

    Clients call themselves what they like; a field with a question mark in it tells
    more than none, and stays one field.
    """
    if utf8:
        readable = u_labels(name.lower() if "xn--" in name.lower() else name)
        if not readable.isascii() and _is_u_domain(readable):
            return readable.encode()
    octets = name.encode("utf-8", "replace")[:_HELO_LIMIT]
    return octets.translate(_QUESTION_MARKS) or b"unknown"


def _is_u_domain(name: str) -> bool:
    try:
        return len(idna.encode(name)) <= _HELO_LIMIT
    except (idna.IDNAError, UnicodeError):
        return False


def _atom(text: str) -> bytes:
    octets = text.encode("ascii", "replace").translate(None, _NOT_ATOM)
    return octets[:_HELO_LIMIT] or b"unknown"


@lru_cache(maxsize=1024)
def return_path(reverse_path: ReversePath, *, utf8: bool = False) -> bytes:
    """The Return-Path field of final delivery; ``<>`` for the null reverse-path."""
    address = b"" if reverse_path is None else _mailbox(reverse_path, utf8=utf8)
    return build_field(b"Return-Path", [b"<" + address + b">"])


@lru_cache(maxsize=1024)
def delivered_to(address: Address, *, utf8: bool = False) -> bytes:
    """A Delivered-To field, which breaks loops of one address (RFC 9228)."""
    return build_field(b"Delivered-To", [_mailbox(address, utf8=utf8)])


def count_received(header: bytes) -> int:
    """How many Received fields a header section has (RFC 5321, section 6.3).

    Linear, without building anything; what follows the empty line is not counted.
    """
    return sum(1 for _ in named(header, b"received"))
