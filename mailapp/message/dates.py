"""Dates as messages write them (RFC 5322, section 3.3), without datetime's limits.

Seconds since the epoch and minutes east of UTC on one side, octets on the other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from attrs import frozen

from mailapp.message.tokens import Kind, Token, tokenize

DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
MONTHS: Final = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
    b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip
MONTH_NUMBER: Final = {name.lower(): n for n, name in enumerate(MONTHS, start=1)}
"""By the name in lower case, January is 1."""
_DAY_NAMES: Final = frozenset(name.lower() for name in DAYS)
# RFC 5322, section 4.3; a military letter or an unknown name is worth -0000
_ZONES: Final = {
    b"ut": 0, b"gmt": 0, b"utc": 0, b"z": 0,
    b"est": -300, b"edt": -240, b"cst": -360, b"cdt": -300,
    b"mst": -420, b"mdt": -360, b"pst": -480, b"pdt": -420,
}  # fmt: skip
_DAY_SECONDS: Final = 86400
_TOKEN_LIMIT: Final = 64


@frozen
class Date:
    """A moment and the zone it was written in.

    Attributes:
        epoch_seconds: since 1970-01-01 00:00 UTC; a leap second is that before it.
        offset_minutes: east of UTC; None where the zone says nothing (``-0000``, a
            military letter, a missing zone), which counts as UTC.
    """

    epoch_seconds: int
    offset_minutes: int | None


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a day of the Gregorian calendar."""
    # The year begins in March, so that the leap day comes last.
    march_year = year - (month < 3)  # noqa: PLR2004 - January and February
    era, year_of_era = divmod(march_year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day; the reverse of :func:`days_from_civil`."""
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (
        365 * year_of_era + year_of_era // 4 - year_of_era // 100
    )
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = (shifted + 2) % 12 + 1
    return era * 400 + year_of_era + (shifted >= 10), month, day  # noqa: PLR2004


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004
    return days_from_civil(*following, 1) - days_from_civil(year, month, 1)


@lru_cache(maxsize=64)
def format_date(epoch_seconds: int, offset_minutes: int = 0) -> bytes:
    """``Mon, 23 Nov 2026 05:00:00 +0000`` (RFC 5322, section 3.3).

    The last seconds asked for are kept, since trace fields ask for the same again.
    """
    seconds = int(epoch_seconds) + offset_minutes * 60
    days, rest = divmod(seconds, _DAY_SECONDS)
    year, month, day = civil_from_days(days)
    hours, minutes = divmod(abs(offset_minutes), 60)
    return b"%s, %d %s %04d %02d:%02d:%02d %c%02d%02d" % (
        DAYS[(days + 3) % 7],  # the epoch was a Thursday
        day,
        MONTHS[month - 1],
        year,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
        b"-" if offset_minutes < 0 else b"+",
        hours,
        minutes,
    )


def parse_date(value: bytes) -> Date | None:
    """A date-time or obs-date-time with comments anywhere; None: it is none.

    The name of the day is not compared with the date: where they differ, mail has
    always gone by the date.
    """
    words = _words(value)
    if len(words) < 4:  # noqa: PLR2004 - day, month, year, hour at least
        return None
    days = _read_day(words[:3])
    clock = _read_clock(words[3:])
    if days is None or clock is None:
        return None
    seconds, offset = clock
    return Date(days * _DAY_SECONDS + seconds - (offset or 0) * 60, offset)


def sent_date(value: bytes) -> Date | None:
    """The sent date of a Date field; None: it has not even a day.

    RFC 5256, section 2.2: a time that can't be read is midnight, a zone that can't be
    read is UTC.
    """
    date = parse_date(value)
    if date is not None:
        return date
    words = _words(value)
    days = _read_day(words[:3]) if len(words) > 2 else None  # noqa: PLR2004
    if days is None:
        return None
    for without_zone in (words[3:8], words[3:6]):
        clock = _read_clock(without_zone) if without_zone else None
        if clock is not None:
            return Date(days * _DAY_SECONDS + clock[0], None)
    return Date(days * _DAY_SECONDS, None)


def _words(value: bytes) -> list[Token]:
    """The tokens that count, without the name of the day."""
    tokens, _ = tokenize(value, limit=_TOKEN_LIMIT)
    words = [token for token in tokens if token.kind is not Kind.COMMENT]
    if words and words[0].octets.lower() in _DAY_NAMES:
        del words[0]
    if words and words[0].octets == b",":
        del words[0]
    return words


def _read_day(words: list[Token]) -> int | None:
    """Day, month and year, as days since the epoch."""
    day, month, year = _number(words[0].octets, 2), words[1].octets.lower(), None
    number = MONTH_NUMBER.get(month)
    year = _year(words[2].octets)
    if day is None or number is None or year is None:
        return None
    if not 1 <= day <= days_in_month(year, number):
        return None
    return days_from_civil(year, number, day)


def _year(digits: bytes) -> int | None:
    """RFC 5322, section 4.3: two digits below 50 are 20xx, other short ones 19xx."""
    year = _number(digits, 4)
    if year is None or len(digits) == 1:
        return None
    if len(digits) == 2:  # noqa: PLR2004
        return year + (2000 if year < 50 else 1900)  # noqa: PLR2004
    return year + 1900 if len(digits) == 3 else year  # noqa: PLR2004


def _read_clock(words: list[Token]) -> tuple[int, int | None] | None:
    """Seconds of the day and the zone, from ``hour : minute [: second] zone``."""
    # the tokens are: hour ":" minute [":" second] zone, as colons are specials
    texts = [word.octets for word in words]
    parts = [texts[0]]
    used = 1
    while used + 1 < len(texts) and texts[used] == b":" and len(parts) < 3:  # noqa: PLR2004
        parts.append(texts[used + 1])
        used += 2
    numbers = [_number(part, 2) for part in parts]
    if len(numbers) == 1 or None in numbers:
        return None
    hour, minute, second = (*(n or 0 for n in numbers), 0)[:3]
    if hour > 23 or minute > 59 or second > 60:  # noqa: PLR2004 - RFC 5322, 3.3
        return None
    known, offset = _zone(texts[used:])
    if not known:
        return None
    return hour * 3600 + minute * 60 + min(second, 59), offset


def _zone(texts: list[bytes]) -> tuple[bool, int | None]:
    """Is it a zone, and which one? None is ``-0000``."""
    if not texts:
        return True, None
    zone = texts[0].lower()
    if zone in _ZONES:
        return True, _ZONES[zone]
    if zone.isalpha():
        return True, None
    sign, digits = zone[:1], zone[1:]
    if sign not in {b"+", b"-"} or len(digits) != 4 or not digits.isdigit():  # noqa: PLR2004
        return False, None
    hours, minutes = int(digits[:2]), int(digits[2:])
    known = minutes <= 59  # noqa: PLR2004 - RFC 5322, section 3.3
    if zone == b"-0000":
        return known, None
    return known, (hours * 60 + minutes) * (-1 if sign == b"-" else 1)


def _number(digits: bytes, most: int) -> int | None:
    """A number of ASCII digits."""
    return int(digits) if digits.isdigit() and len(digits) <= most else None
