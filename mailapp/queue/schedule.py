"""When a message is tried again, when its sender is told, when it is given up (pure).

The delay grows with the age of a message: a message of 30 minutes is tried again in
about 30 minutes. So it doubles, it needs no counter, and it depends on nothing but the
message and the clock. With the defaults attempts begin about 0, 7, 15, 30, 60, 120 and
240 minutes after the message came, and then every two hours, each moved at random by up
to a third, so that what came together does not come back together.

RFC 5321, section 4.5.4.1: the interval SHOULD be at least 30 minutes in general, with
more attempts in the first hour, then one every two or three hours. The first are sooner
here, since a server that greylists wants a second attempt after about 5 minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from mailapp.core.envelope import DeliverBy
from mailapp.queue.types import Entry

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

Random = Callable[[], float]
"""Gives numbers from 0 to 1, like ``random.random``."""


@frozen
class Schedule:
    """How long everything takes, in seconds.

    Attributes:
        shortest_delay: until the next attempt, for a new message; on average.
        longest_delay: the same for an old one.
        jitter: a delay is longer or shorter by up to this part of it.
        expiry: after so long a message is given up, after a last attempt.
        report_expiry: the same for a message with the null reverse-path.
        warn_after: after so long the sender is told that it takes long.
        priority_worth: what one step of priority is worth (RFC 6710): a message is
            tried as if it had come so much sooner. So all have their turn in the end.
        dead_delay: a destination that does not answer is not asked for so long,
        dead_longest: then for twice as long, and so on up to this.
    """

    shortest_delay: float = 7.5 * MINUTE
    longest_delay: float = 2 * HOUR
    jitter: float = 1 / 3
    expiry: float = 5 * DAY
    report_expiry: float = 2 * DAY
    warn_after: float = 4 * HOUR
    priority_worth: float = 10 * MINUTE
    dead_delay: float = MINUTE
    dead_longest: float = 30 * MINUTE

    def expires_at(self, entry: Entry) -> float:
        """Seconds since the epoch at which it is given up.

        A message that its sender wants held (RFC 4865) begins to age afterwards.
        """
        is_report = entry.envelope.reverse_path is None
        return _begins(entry) + (self.report_expiry if is_report else self.expiry)

    def is_over(self, entry: Entry, now: float) -> bool:
        """It is not tried again after an attempt that began by now."""
        return now >= self.expires_at(entry) or is_late(entry, now)

    def next_attempt(self, entry: Entry, now: float, random: Random) -> float:
        """Seconds since the epoch, after an attempt that did not succeed.

        It is never later than what has to happen to the message at a certain time: its
        end, the deadline of RFC 2852, or that its sender is told that it takes long.
        """
        age = now - _begins(entry)
        delay = min(max(age, self.shortest_delay), self.longest_delay)
        due = now + delay * (1 + self.jitter * (2 * random() - 1))
        by = entry.envelope.deliver_by
        ends = [self.expires_at(entry), by.deadline if by else now]
        if not entry.delay_told and entry.envelope.reverse_path is not None:
            ends.append(self.warns_at(entry))
        return min([due, *(end for end in ends if end > now)])

    def is_due(self, due: float, now: float) -> bool:
        """It may be tried; also if its time is so far away that a clock was wrong."""
        return due <= now or due > now + self.longest_delay * (1 + self.jitter)

    def warns_at(self, entry: Entry) -> float:
        """Seconds since the epoch at which its sender is told that it takes long.

        Who gave a deadline in mode N is told then (RFC 2852, section 4.1.3).
        """
        by = entry.envelope.deliver_by
        if by is not None and not by.returned:
            return by.deadline
        return _begins(entry) + self.warn_after

    def rank(self, priority: int, since: float) -> float:
        """The order of what could be tried now: the lower, the sooner."""
        return since - priority * self.priority_worth


def first_attempt(entry: Entry) -> float:
    """Seconds since the epoch before which nothing is tried (RFC 4865)."""
    return entry.envelope.hold_until or 0.0


def is_late(entry: Entry, now: float) -> bool:
    """The deadline of mode R has passed: no further attempt may be made.

    RFC 2852, section 4.1.3.
    """
    by: DeliverBy | None = entry.envelope.deliver_by
    return by is not None and by.returned and now >= by.deadline


def _begins(entry: Entry) -> float:
    return max(entry.queued_at, first_attempt(entry))
