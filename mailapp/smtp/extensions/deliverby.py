"""DELIVERBY (RFC 2852): how soon a message must be there, and what if it is not."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from mailapp.core.envelope import DeliverBy
from mailapp.smtp.extensions.extension import (
    Agreed,
    Circumstances,
    Extension,
    always,
)
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters

# section 4: by-time ";" by-mode [by-trace]
_BY: Final = re.compile(rb"([+-]?[0-9]{1,9});([NR])(T?)", re.IGNORECASE)


@frozen
class By:
    """The BY parameter as it was given: seconds from now, and what then."""

    seconds: int
    returned: bool
    traced: bool


def _read(value: bytes | None) -> By:
    found = _BY.fullmatch(value or b"")
    if found is None:
        reason = "write BY as seconds;R or seconds;N"
        raise CommandProblem(Fault.ARGUMENT, reason)
    by = By(int(found[1]), found[2] in b"Rr", bool(found[3]))
    if by.returned and by.seconds <= 0:
        reason = "with R the seconds of BY must be 1 or more"  # section 4
        raise CommandProblem(Fault.ARGUMENT, reason)
    return by


def _settle(parameters: Parameters, circumstances: Circumstances) -> Agreed:
    by: By = parameters[b"BY"]
    deadline = circumstances.now + by.seconds
    return Agreed({"deliver_by": DeliverBy(deadline, by.returned, by.traced)})


DELIVERBY: Final = Extension(
    "DELIVERBY",
    # Section 2 lets a server announce the fewest seconds that it takes. One is enough
    # for a mailbox here; what the next hop needs is known when the message goes there.
    always("DELIVERBY"),
    mail_parameters={b"BY": _read},
    mail_octets=17,  # section 2
    settle=_settle,
    needs_queue=True,
    explains={
        b"BY": "BY=seconds;R or N: too late it is returned, or you are told.",
    },
)
