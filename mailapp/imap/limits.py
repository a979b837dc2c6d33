"""What one IMAP connection may cost."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from mailapp.imap.framer import BEFORE_LOGIN, FrameLimits

LITERAL_MINUS_OCTETS: Final = 4096
"""RFC 7888, section 5."""


@frozen
class Limits:
    """What one connection may cost.

    Attributes:
        login_seconds: for each step before the login.
        idle_seconds: RFC 9051, section 5.4: at least 30 minutes.
        minimum_rate: octets a second of a message that keep the deadline away.
        bad_commands: unknown, malformed or misplaced ones in a row, until the end.
        failed_logins: until the end.
        response_octets: of one line in AUTHENTICATE.
        exchange_octets: of all lines of an AUTHENTICATE (threat 43).
        command_octets: of a command with its literals, but for messages.
        literals: of a command.
        message_octets: of a message of APPEND.
        unasked_octets: of a literal that is sent unasked (LITERAL-; RFC 7888, section
            5); None: as of any other (LITERAL+).
    """

    login_seconds: float = 60.0
    idle_seconds: float = 1860.0
    minimum_rate: float = 100.0
    bad_commands: int = 20
    failed_logins: int = 5
    response_octets: int = 12 * 1024
    exchange_octets: int = 64 * 1024
    command_octets: int = 256 * 1024
    literals: int = 1000
    message_octets: int = 50 * 1024 * 1024
    unasked_octets: int | None = None

    @property
    def frames_before_login(self) -> FrameLimits:
        """Before the login."""
        if self.unasked_octets is None:
            return BEFORE_LOGIN
        return evolve(BEFORE_LOGIN, unasked_octets=self.unasked_octets)

    @property
    def frames(self) -> FrameLimits:
        """After the login."""
        return FrameLimits(
            self.command_octets,
            self.literals,
            self.message_octets,
            swallowed_octets=2 * self.message_octets,
            unasked_octets=self.unasked_octets,
        )
