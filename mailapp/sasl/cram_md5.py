"""CRAM-MD5 (RFC 2195): a digest of the server's challenge, keyed with the password.

Obsolete: the server must know the password itself, and proves nothing of its own. For
programs that know nothing better, where the administrator asks for it.
"""

from __future__ import annotations

from typing import Final

from mailapp.core import abnf
from mailapp.sasl.mechanism import (
    SYNTAX,
    Challenge,
    Channel,
    Digest,
    Done,
    Machine,
    Step,
)

_HEX_DIGITS: Final = 32
_is_hex: Final = abnf.only(frozenset(b"0123456789abcdef"))


class CramMd5(Machine):
    """The server's side of one exchange.

    The challenge has the syntax of a msg-id. Its left side is random, which makes a
    timestamp in it superfluous: no two are the same.
    """

    def __init__(self, channel: Channel) -> None:
        text = f"<{channel.nonce()}@{channel.host_name}>"
        self._challenge = text.encode("ascii")
        super().__init__(_too_early, Challenge(self._challenge))

    def step(self, response: bytes | None) -> Step:
        """Take a response; none may come before the challenge.

        RFC 4954, section 4: an initial response to a mechanism in which the client
        does not begin is an error.
        """
        step = super().step(response)
        if isinstance(step, Challenge):
            self._state = self._take_digest
        return step

    def _take_digest(self, response: bytes) -> Step:
        """User name, a space, and the digest in lower case hexadecimal."""
        name, _, digest = response.rpartition(b" ")
        if not name or len(digest) != _HEX_DIGITS or not _is_hex(digest):
            return SYNTAX
        try:
            return Done(Digest(name.decode(), "", self._challenge, digest))
        except UnicodeDecodeError:
            return SYNTAX


def _too_early(_response: bytes) -> Step:
    return SYNTAX
