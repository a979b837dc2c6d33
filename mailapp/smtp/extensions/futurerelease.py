"""FUTURERELEASE (RFC 4865): a message that is to be sent later. For submission only."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from mailapp.core import abnf
from mailapp.smtp import replies
from mailapp.smtp.extensions.deliverby import By
from mailapp.smtp.extensions.extension import (
    Agreed,
    Circumstances,
    Extension,
    Offer,
)
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters
from mailapp.smtp.grammar.reply import Reply

LONGEST: Final = 30 * 24 * 3600
"""Seconds that a message is kept back at most."""
_DIGITS: Final = 9
# RFC 3339, section 5.6, in UTC; T and Z may be small
_DATE_TIME: Final = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:)([0-9]{2})(?:\.[0-9]{1,9})?[Zz]"
)


def _line(offer: Offer) -> str:
    return f"FUTURERELEASE {LONGEST} {_text(offer.now + LONGEST)}"


def _text(moment: float) -> str:
    """RFC 3339, section 5.6, in UTC and whole seconds."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read_interval(value: bytes | None) -> int:
    value = value or b""
    if len(value) > _DIGITS or not abnf.is_digits(value) or not int(value):
        reason = "HOLDFOR must be a number of seconds"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return int(value)


def _read_date_time(value: bytes | None) -> float:
    found = _DATE_TIME.fullmatch(value or b"")
    moment = None if found is None else _moment(*found.groups())
    if moment is None:
        reason = "write HOLDUNTIL as 2030-12-31T23:59:00Z"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return moment


def _moment(day: bytes, clock: bytes, seconds: bytes) -> float | None:
    leap = seconds == b"60"  # RFC 3339, section 5.7: a leap second
    text = b"%bT%b%b+00:00" % (day, clock, b"59" if leap else seconds)
    try:
        return datetime.fromisoformat(text.decode("ascii")).timestamp() + leap
    except (ValueError, OverflowError):  # the 30th of February, the year 0
        return None


def _settle(parameters: Parameters, circumstances: Circumstances) -> Agreed | Reply:
    """Sections 4.2 and 5.2.2: what can't be kept is refused at once."""
    now = circumstances.now
    interval: int | None = parameters.get(b"HOLDFOR")
    until: float | None = parameters.get(b"HOLDUNTIL")
    if interval is not None and until is not None:
        return replies.HELD_TWICE
    if interval is not None:
        until = now + interval
    if until is None or not now < until <= now + LONGEST:
        return replies.HELD_BADLY
    by: By | None = parameters.get(b"BY")
    if by is not None and until > now + by.seconds:
        return replies.HELD_BEYOND
    # section 5.1.2: a report repeats it
    request = f"for;{interval}" if interval is not None else f"until;{_text(until)}"
    return Agreed({"hold_until": until, "hold_request": request})


FUTURERELEASE: Final = Extension(
    "FUTURERELEASE",
    _line,
    mail_parameters={b"HOLDFOR": _read_interval, b"HOLDUNTIL": _read_date_time},
    mail_octets=34,  # section 3
    needs_queue=True,
    submission=True,  # section 4.2
    settle=_settle,
    explains={
        b"HOLDFOR": "HOLDFOR=seconds: how long to keep the message back.",
        b"HOLDUNTIL": "HOLDUNTIL=2030-12-31T23:59:00Z: until when to keep it back.",
    },
)
