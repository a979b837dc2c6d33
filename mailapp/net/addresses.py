"""Addresses of peers: one spelling each, and the networks they lie in."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Network = IPv4Network | IPv6Network

LOCAL = "127.0.0.1"
"""What a Unix socket's peer is said to be."""


def plain(host: str) -> str:
    """An address without scope, and an IPv4-mapped one as IPv4.

    A socket that listens on ``::`` shows IPv4 clients as ``::ffff:192.0.2.1``
    (RFC 4291, section 2.5.5.2); limits and logs want one spelling.
    """
    if ":" not in host:
        return host
    ip = ip_address(host.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return str(ip if mapped is None else mapped)


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether a plain address lies in one of the networks."""
    ip: IPv4Address | IPv6Address | None = None
    for network in networks:
        if ip is None:
            ip = ip_address(address)
        if ip in network:
            return True
    return False
