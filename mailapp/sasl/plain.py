"""PLAIN (RFC 4616): everything in one response."""

from __future__ import annotations

from mailapp.core.secret import Secret
from mailapp.sasl.mechanism import (
    SYNTAX,
    Channel,
    Done,
    Machine,
    Password,
    Step,
)


class Plain(Machine):
    """The server's side of one exchange."""

    def __init__(self, _channel: Channel) -> None:
        super().__init__(_read)


def _read(response: bytes) -> Step:
    """Message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616, section 2)."""
    parts = response.split(b"\0")
    if len(parts) != 3:  # noqa: PLR2004 - the rule above
        return SYNTAX
    authzid, name, password = parts
    if not name or not password:
        return SYNTAX
    try:
        return Done(Password(name.decode(), authzid.decode(), Secret(password)))
    except UnicodeDecodeError:
        return SYNTAX
