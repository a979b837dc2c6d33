"""What a connection wants written: octets, or a stream of chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from attrs import frozen


@frozen
class Stream:
    """Octets that are not at hand: the driver pulls them as the peer reads.

    Attributes:
        chunks: asked for the next chunk (up to about 64 KiB) only when the transport
            has room; closed with ``aclose()`` when the peer goes away in the middle.
            An exception from it ends the connection at once, since the peer can't
            tell where the octets broke off.
    """

    chunks: AsyncIterator[bytes]


Output = bytes | Stream
