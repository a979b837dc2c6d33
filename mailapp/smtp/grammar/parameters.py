"""The parameters of MAIL and RCPT (RFC 5321, section 4.1.2).

    Mail-parameters = esmtp-param *(SP esmtp-param)
    esmtp-param     = esmtp-keyword ["=" esmtp-value]

What a keyword may be, and what its value means, the extensions say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from mailapp.core.failures import SyntaxProblem

ReadValue = Callable[[bytes | None], Any]
"""Value of a parameter (None: there was no ``=``) to what it means; SyntaxProblem if
it has no such meaning."""
Known = Mapping[bytes, ReadValue]
"""Keyword in upper case to the reader of its value."""
Parameters = Mapping[bytes, Any]
"""Keyword in upper case to what the value means."""

NONE: Final[Parameters] = {}


class Fault(Enum):
    """What is wrong with a command; each has its own reply."""

    ARGUMENT = "argument"
    SENDER = "sender"
    RECIPIENT = "recipient"
    PARAMETER_UNKNOWN = "parameter unknown"
    BASE64 = "not base64"


class CommandProblem(SyntaxProblem):
    """A command that breaks its grammar, and where."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


def read_parameters(octets: bytes, known: Known) -> Parameters:
    """Read what follows the path.

    Blanks in a row and at the end are passed over (RFC 5321, section 4.1.1).

    Raises:
        CommandProblem: answered 555 5.5.4 for a keyword that was not announced (section
            4.1.1.11), 501 5.5.4 for a bad value or a keyword given twice.
    """
    parameters: dict[bytes, Any] = {}
    for word in octets.split(b" "):
        if not word:
            continue
        keyword, equals, value = word.partition(b"=")
        keyword = keyword.upper()
        read = known.get(keyword)
        if read is None:
            reason = "parameter not recognized"
            raise CommandProblem(Fault.PARAMETER_UNKNOWN, reason)
        if keyword in parameters:
            reason = f"{keyword.decode('ascii')} was given twice"
            raise CommandProblem(Fault.ARGUMENT, reason)
        parameters[keyword] = read(value if equals else None)
    return parameters
