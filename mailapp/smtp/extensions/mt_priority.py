"""MT-PRIORITY (RFC 6710): which message goes first."""

from __future__ import annotations

import re
from typing import Final

from mailapp.smtp import replies
from mailapp.smtp.extensions.extension import (
    Agreed,
    Circumstances,
    Extension,
    always,
)
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters

_VALUE: Final = re.compile(rb"0|-?[1-9]")  # section 7


def _read(value: bytes | None) -> int:
    if _VALUE.fullmatch(value or b"") is None:
        reason = "MT-PRIORITY must be a number from -9 to 9"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return int(value or b"")


def _settle(parameters: Parameters, circumstances: Circumstances) -> Agreed:
    """Everybody may step back; stepping forward needs a login (section 4.1)."""
    priority: int = parameters[b"MT-PRIORITY"]
    if priority > 0 and not circumstances.privileged:
        return Agreed({"priority": 0}, replies.PRIORITY_LOWERED)
    return Agreed({"priority": priority})


MT_PRIORITY: Final = Extension(
    "MT-PRIORITY",
    always("MT-PRIORITY"),
    mail_parameters={b"MT-PRIORITY": _read},
    mail_octets=15,  # section 3
    settle=_settle,
    needs_queue=True,
    explains={
        b"MT-PRIORITY": "MT-PRIORITY=-9 to 9: which message goes first.",
    },
)
