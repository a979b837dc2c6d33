"""Who is at the other end of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import field, frozen


@frozen
class TLS:
    """What was negotiated on a connection that is protected by TLS.

    Attributes:
        version: for example ``TLSv1.3``.
        cipher: the cipher suite's name.
        server_name: what the client asked for (SNI, RFC 6066), or an empty text.
        bindings: channel binding type to octets (RFC 9266 ``tls-exporter``, RFC 5929
            ``tls-server-end-point``).
        client_name: identity of a verified client certificate, else None.
    """

    version: str = ""
    cipher: str = ""
    server_name: str = ""
    bindings: Mapping[str, bytes] = field(factory=dict, hash=False)
    client_name: str | None = None


@frozen
class Peer:
    """The two ends of a connection, after PROXY was taken into account.

    Attributes:
        address: the client's address without port; ``127.0.0.1`` for Unix sockets.
        port: the client's port, 0 for Unix sockets.
        local_address: the address the client connected to.
        local_port: the port the client connected to.
        session: an id of this connection for the logs.
        trusted: the address lies in the networks that are never throttled.
        tls: None on a clear connection.
    """

    address: str
    port: int = 0
    local_address: str = ""
    local_port: int = 0
    session: str = "-"
    trusted: bool = False
    tls: TLS | None = None

    @property
    def ip(self) -> IPv4Address | IPv6Address:
        """The address as a number; an IPv4-mapped one as IPv4."""
        ip = ip_address(self.address)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        return ip
