"""How entries of the queue are shown to people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from mailapp.cli.said import said
from mailapp.cli.screen import Colour, Screen
from mailapp.queue.types import Attempt, Entry, Outcome

_UNITS: Final = ("B", "K", "M", "G")
_KIB: Final = 1024
_SPANS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_COLOURS: Final = {
    Outcome.DELIVERED: Colour.GOOD,
    Outcome.RELAYED: Colour.GOOD,
    Outcome.DEFERRED: Colour.DOUBTFUL,
    Outcome.FAILED: Colour.BAD,
}
HEADINGS: Final = ("ID", "SIZE", "AGE", "NEXT", "FROM", "FOR")


def row(entry: Entry, now: float) -> Sequence[str]:
    """An entry in the table, under the headings."""
    recipients = entry.envelope.recipients
    waiting = [str(recipients[place].address) for place in entry.waiting]
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    return (
        entry.id,
        size(entry.size_octets),
        span(now - entry.queued_at),
        when(entry, now),
        sender(entry),
        f"{waiting[0]}{more}" if waiting else "(being reported)",
    )


def last_words(entry: Entry) -> str:
    """What was said last about a recipient that waits; empty: nothing."""
    tried = [a for place in entry.waiting for a in entry.last[place : place + 1] if a]
    return words(max(tried, key=lambda attempt: attempt.at)) if tried else ""


def details(entry: Entry, now: float, screen: Screen) -> Iterator[str]:
    """All about an entry, line by line."""
    envelope = entry.envelope
    yield screen.paint(entry.id, Colour.STRONG)
    yield f"  from      {sender(entry)}"
    if envelope.account:
        yield f"  account   {envelope.account}"
    yield f"  received  {date(envelope.received_at)} from {envelope.peer.address}"
    yield f"  queued    {date(entry.queued_at)}, {span(now - entry.queued_at)} ago"
    yield f"  size      {size(entry.size_octets)}"
    yield f"  attempts  {entry.attempts}"
    yield f"  next      {when(entry, now)}"
    if envelope.priority:
        yield f"  priority  {envelope.priority}"
    if entry.delay_told:
        yield "  the sender was told of the delay"
    for place, recipient in enumerate(envelope.recipients):
        attempt = entry.last[place] if entry.last else None
        if attempt is None:
            yield f"  {recipient.address}: not tried yet"
            continue
        outcome = screen.paint(attempt.outcome.value, _COLOURS[attempt.outcome])
        yield f"  {recipient.address}: {outcome} {date(attempt.at)}"
        yield f"    {words(attempt)}"


def words(attempt: Attempt) -> str:
    """What was said, and by whom."""
    return said(attempt.status, attempt.text, attempt.host)


def sender(entry: Entry) -> str:
    """The reverse-path."""
    path = entry.envelope.reverse_path
    return "<>" if path is None else str(path)


def when(entry: Entry, now: float) -> str:
    """The time until the next attempt."""
    if entry.held:
        return "held"
    if not entry.last and (entry.envelope.hold_until or 0.0) > now:
        return f"in {span((entry.envelope.hold_until or now) - now)}"
    return f"in {span(entry.next_attempt - now)}" if entry.next_attempt > now else "now"


def size(octets: int) -> str:
    """For example ``12K``."""
    number, place = float(octets), 0
    while number >= _KIB and place < len(_UNITS) - 1:
        number /= _KIB
        place += 1
    return f"{number:.0f}{_UNITS[place]}"


def span(seconds: float) -> str:
    """For example ``3h 20min``: the two largest parts."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for length, unit in _SPANS:
        if left >= length or (length == 1 and not parts):
            parts.append(f"{left // length}{unit}")
            left %= length
        elif parts:
            break
    return " ".join(parts[:2])


def date(seconds: float) -> str:
    """In the time zone of the one who asks."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))


def columns(rows: Sequence[Sequence[str]], widest: int) -> Sequence[int]:
    """How wide each column is, the last as wide as it likes."""
    return [min(max(map(len, column)), widest) for column in zip(*rows, strict=True)]
