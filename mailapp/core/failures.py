"""Expected failures, each with the status that the peer and the report will see.

A peer's mistake is a value or a :class:`SyntaxProblem` from a grammar; a failure of
storage, network or policy is a :class:`TemporaryFailure` or a
:class:`PermanentFailure`. Anything else that is raised is a bug.
"""

from __future__ import annotations

from mailapp.core.status import Status


class SyntaxProblem(ValueError):
    """Octets that break their grammar.

    Args:
        reason: a short text for the peer; it must not quote what the peer sent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DeliveryFailure(Exception):
    """A failure that was expected, with its status (RFC 3463)."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status))
        self.status = status


class TemporaryFailure(DeliveryFailure):
    """It may work later: 4yz. What is not understood is temporary too."""


class PermanentFailure(DeliveryFailure):
    """It will not work as asked: 5yz."""
