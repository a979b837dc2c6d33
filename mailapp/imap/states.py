"""The states of an IMAP connection (RFC 9051, section 3)."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """RFC 9051, section 3, and what lies between."""

    GREETING = auto()
    NOT_AUTHENTICATED = auto()
    SASL = auto()  # in AUTHENTICATE
    TLS = auto()  # STARTTLS was granted
    AUTHENTICATED = auto()
    SELECTED = auto()
    LOGOUT = auto()
