"""Dates as commands have them (RFC 9051, section 9)."""

from __future__ import annotations

import re
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.reader import Reader
from mailapp.message.dates import days_from_civil, days_in_month

_MONTHS: Final = (
    b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN",
    b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC",
)  # fmt: skip
_NUMBERS: Final = {name: number for number, name in enumerate(_MONTHS, start=1)}
_DAY_SECONDS: Final = 86400
_MINUTE_SECONDS: Final = 60

_DATE: Final = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_DATE_TIME: Final = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) '
    rb'([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)


def date(reader: Reader) -> int:
    """``date``: days since 1970-01-01."""
    match = _DATE.match(reader.octets, reader.position)
    if match is None:
        raise SyntaxProblem(_NO_DATE)
    reader.position = match.end()
    return _day(match[2], match[3], match[4])


def date_time(reader: Reader) -> int:
    """``date-time``: seconds since the epoch."""
    match = _DATE_TIME.match(reader.octets, reader.position)
    if match is None:
        raise SyntaxProblem(_NO_DATE)
    reader.position = match.end()
    day = _day(match[1].lstrip(), match[2], match[3])
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    zone_hours, zone_minutes = int(match[8]), int(match[9])
    # 60: a leap second; RFC 5322, section 3.3 has it, and zones of -9959 to +9959
    if hour > 23 or minute > 59 or second > 60 or zone_minutes > 59:  # noqa: PLR2004
        raise SyntaxProblem(_NO_DATE)
    zone = zone_hours * 60 + zone_minutes
    if match[7] == b"-":
        zone = -zone
    moment = (hour * 60 + minute - zone) * _MINUTE_SECONDS + second
    return day * _DAY_SECONDS + moment


def _day(day: bytes, month: bytes, year: bytes) -> int:
    number = _NUMBERS.get(month.upper())
    if (
        number is None
        or not day
        or not 1 <= int(day) <= days_in_month(int(year), number)
    ):
        raise SyntaxProblem(_NO_DATE)
    return days_from_civil(int(year), number, int(day))


_NO_DATE: Final = "a date is malformed"
