"""The PROXY protocol, versions 1 and 2: who is behind a load balancer.

As its specification says (haproxy.org, "The PROXY protocol", versions 1 and 2), the
receiver is configured to expect it and never guesses: the driver asks for it only
from networks that were declared, and from those always. Pure: octets in, value out.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_HEADER_SIZE: Final = 16
_LINE_LIMIT: Final = 107
"""Octets of the longest possible line of version 1, CRLF included."""
_BODY_LIMIT: Final = 4096
"""Octets of addresses and TLVs that version 2 may have here; 65535 by the format."""
_PORT_LIMIT: Final = 65535
_INET: Final = 1
_INET6: Final = 2
_STREAM: Final = 1
_LINE_WORDS: Final = 6


@frozen
class Ends:
    """The connection as the proxy saw it.

    Attributes:
        source: the client's address.
        source_port: 0 to 65535.
        destination: the address the client connected to.
        destination_port: 0 to 65535.
    """

    source: str
    source_port: int
    destination: str
    destination_port: int


@frozen
class Preamble:
    """What the octets began with.

    Attributes:
        length: octets that belong to it; what follows is the client's.
        ends: None where the proxy speaks for itself (LOCAL, as health checks do) or
            does not know (UNKNOWN): the socket's own addresses hold.
    """

    length: int
    ends: Ends | None


def parse(octets: bytes) -> Preamble | None:
    """Read a preamble from all that has come so far.

    Returns:
        None while more is needed; that is known after at most 4112 octets.

    Raises:
        SyntaxProblem: this is none, and never will be. The connection is dropped: a
            proxy is never answered, since its client would read it.
    """
    start = octets[: len(_SIGNATURE)]
    if start == _SIGNATURE[: len(start)]:
        return _version_2(octets)
    if start[:6] == b"PROXY "[: len(start)]:
        return _version_1(octets)
    raise SyntaxProblem("no PROXY preamble")


def _version_1(octets: bytes) -> Preamble | None:
    """One line: ``PROXY TCP4 192.0.2.1 198.51.100.1 56324 25`` and CRLF."""
    end = octets.find(b"\r\n", 0, _LINE_LIMIT)
    if end < 0:
        if len(octets) >= _LINE_LIMIT:
            raise SyntaxProblem("PROXY line too long")
        return None
    words = octets[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return Preamble(end + 2, None)
    if len(words) != _LINE_WORDS:
        raise SyntaxProblem("PROXY line has not six words")
    family = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}.get(words[1])
    if family is None:
        raise SyntaxProblem("PROXY line of unknown family")
    try:
        source, destination = (str(family(w.decode("ascii"))) for w in words[2:4])
    except (AddressValueError, UnicodeDecodeError):
        raise SyntaxProblem("PROXY line with a bad address") from None
    if "%" in source or "%" in destination:  # a scope, which Python takes
        raise SyntaxProblem("PROXY line with a bad address")
    ends = Ends(source, _port(words[4]), destination, _port(words[5]))
    return Preamble(end + 2, ends)


def _port(word: bytes) -> int:
    """Decimal, no sign, no leading zero."""
    if not word.isdigit() or len(word) > 5 or (word[:1] == b"0" and word != b"0"):  # noqa: PLR2004 - digits of 65535
        raise SyntaxProblem("PROXY line with a bad port")
    port = int(word)
    if port > _PORT_LIMIT:
        raise SyntaxProblem("PROXY line with a bad port")
    return port


def _version_2(octets: bytes) -> Preamble | None:
    """Binary: signature, version and command, family, length, addresses, TLVs."""
    if len(octets) < _HEADER_SIZE:
        return None
    version, command = octets[12] >> 4, octets[12] & 0x0F
    if version != 2 or command > 1:  # noqa: PLR2004 - the version
        raise SyntaxProblem("PROXY header of unknown version or command")
    size = int.from_bytes(octets[14:16], "big")
    if size > _BODY_LIMIT:
        raise SyntaxProblem("PROXY header too long")
    if len(octets) < _HEADER_SIZE + size:
        return None
    body = octets[_HEADER_SIZE : _HEADER_SIZE + size]
    ends = _addresses(octets[13], body) if command == 1 else None
    return Preamble(_HEADER_SIZE + size, ends)


def _addresses(family: int, body: bytes) -> Ends | None:
    """The addresses of TCP over IPv4 or IPv6; TLVs behind them are skipped."""
    if family == _INET << 4 | _STREAM:
        width = 4
    elif family == _INET6 << 4 | _STREAM:
        width = 16
    else:
        return None  # UNSPEC, Unix sockets, datagrams: not known is not wrong
    if len(body) < 2 * width + 4:
        raise SyntaxProblem("PROXY header too short for its addresses")
    kind: type[IPv4Address | IPv6Address] = IPv4Address if width == 4 else IPv6Address  # noqa: PLR2004 - octets of IPv4
    return Ends(
        str(kind(body[:width])),
        int.from_bytes(body[2 * width : 2 * width + 2], "big"),
        str(kind(body[width : 2 * width])),
        int.from_bytes(body[2 * width + 2 : 2 * width + 4], "big"),
    )
