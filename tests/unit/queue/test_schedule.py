"""When a message is tried again, and the lanes it waits in."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.envelope import DeliverBy
from mailapp.queue.lane import Lane, LaneLimits, is_unreachable
from mailapp.queue.schedule import DAY, HOUR, MINUTE, Schedule, is_late
from mailapp.queue.types import Destination, Entry, Outcome
from tests.rows import rows, tabled
from tests.unit.queue.postman import BEGIN, attempt, envelope

SCHEDULE = Schedule()
ages = st.floats(0, 6 * DAY)
chances = st.floats(0, 1)


def entry(**more: Any) -> Entry:
    """One that came at the beginning."""
    return Entry(envelope(**more), 1, eight_bit=False, queued_at=BEGIN)


class ScheduleTests(SynchronousTestCase):
    """Delays, and what ends them."""

    @given(ages, chances)
    def test_delay(self, age: float, chance: float) -> None:
        """A delay has its bounds, and never skips the end of the message."""
        now = BEGIN + age
        due = SCHEDULE.next_attempt(entry(), now, lambda: chance)
        self.assertGreater(due, now)
        self.assertLessEqual(due - now, SCHEDULE.longest_delay * 4 / 3 + 1)
        ends = BEGIN + SCHEDULE.expiry
        warned = SCHEDULE.warns_at(entry())
        if due < min(ends, now + 5 * MINUTE - 1) and due != warned:
            self.fail("too early")
        if now < ends:
            self.assertLessEqual(due, ends)
        if now < warned:
            self.assertLessEqual(due, warned)

    def test_average(self) -> None:
        """Attempts begin as the module says; RFC 5321, section 4.5.4.1."""
        now, attempts = BEGIN, []
        while now < BEGIN + SCHEDULE.expiry:
            now = SCHEDULE.next_attempt(entry(), now, lambda: 0.5)
            attempts.append((now - BEGIN) / 60)
        self.assertEqual(attempts[:6], [7.5, 15, 30, 60, 120, 240])
        later = [b - a for a, b in pairwise(attempts[3:])]
        self.assertGreaterEqual(min(later[:-1]), 30)
        self.assertEqual(attempts[-1], 5 * 24 * 60)

    def test_deadline(self) -> None:
        """A deadline is met to the second, in both modes (RFC 2852, section 4.1.3)."""
        for returned in True, False:
            one = entry(deliver_by=DeliverBy(BEGIN + 100, returned))
            due = SCHEDULE.next_attempt(one, BEGIN, lambda: 0.5)
            self.assertEqual(due, BEGIN + 100)
            self.assertEqual(is_late(one, BEGIN + 100), returned)
            self.assertEqual(SCHEDULE.is_over(one, BEGIN + 100), returned)
            if not returned:
                self.assertEqual(SCHEDULE.warns_at(one), BEGIN + 100)

    def test_warned_in_time(self) -> None:
        """Who is to be told of a delay is told then; nobody is told of a report's."""
        schedule = evolve(SCHEDULE, warn_after=30)
        new = entry()
        for one, after in (
            (new, 30.0),
            (evolve(new, delay_told=True), 7.5 * MINUTE),
            (evolve(new, envelope=evolve(new.envelope, reverse_path=None)), 450.0),
        ):
            due = schedule.next_attempt(one, BEGIN, lambda: 0.5)
            self.assertEqual(due, BEGIN + after)

    def test_held_until(self) -> None:
        """A message ages from when it may go (RFC 4865)."""
        one = entry(hold_until=BEGIN + 9 * DAY)
        self.assertEqual(SCHEDULE.expires_at(one), BEGIN + 14 * DAY)
        self.assertEqual(SCHEDULE.warns_at(one), BEGIN + 9 * DAY + 4 * HOUR)

    def test_reports_expire_sooner(self) -> None:
        """RFC 5321, section 4.5.4.1: fewer attempts for a report are fine."""
        self.assertEqual(SCHEDULE.expires_at(entry(sender=None)), BEGIN + 2 * DAY)


_SECONDS = st.integers(0, 800_000).map(lambda eighths: eighths / 8)
"""Eighths are exact: a lane tells apart what is a few microseconds apart, no less."""


@tabled
class LaneTests(SynchronousTestCase):
    """One destination: order, window, death."""

    def setUp(self) -> None:
        """A lane in which nothing waits."""
        self.lane = Lane(Destination("far.test"), LaneLimits())

    def taken(self) -> list[str]:
        """All that is ready, in order."""
        found = []
        while (hint := self.lane.take()) is not None:
            found.append(hint.entry_id)
        return found

    @given(st.lists(st.tuples(_SECONDS, st.integers(-9, 9)), max_size=20))
    def test_order(self, waiting: list[tuple[float, int]]) -> None:
        """What is due goes by rank, what is not stays."""
        lane = Lane(Destination("far.test"), LaneLimits())
        for number, (due, priority) in enumerate(waiting):
            lane.put_off(str(number), BEGIN + due, priority)
        now = BEGIN + 5e4
        lane.ripen(now, 600.0)
        found = []
        while (hint := lane.take()) is not None:
            due, priority = waiting[int(hint.entry_id)]
            found.append(BEGIN + due - 600.0 * priority)
        self.assertEqual(found, sorted(found))
        self.assertEqual(len(found), sum(due <= 5e4 for due, _ in waiting))
        self.assertEqual(lane.waiting, len(waiting) - len(found))

    def test_nobody_starves(self) -> None:
        """What has waited long goes before what is urgent and came later."""
        self.lane.put("old", SCHEDULE.rank(0, BEGIN))
        self.lane.put("urgent", SCHEDULE.rank(9, BEGIN + 89 * MINUTE))
        self.lane.put("new", SCHEDULE.rank(9, BEGIN + 91 * MINUTE))
        self.assertEqual(self.taken(), ["urgent", "old", "new"])

    def test_hasten(self) -> None:
        """All that waits goes once, what is put off meanwhile waits again."""
        for number in range(3):
            self.lane.put_off(str(number), BEGIN + 100, 0)
        self.assertEqual(self.lane.hasten(), 3)
        self.lane.ripen(BEGIN, 600.0)
        self.assertEqual(self.taken(), ["0", "1", "2"])
        self.lane.put_off("3", BEGIN + 100, 0)
        self.lane.ripen(BEGIN, 600.0)
        self.assertEqual(self.taken(), [])

    def test_window(self) -> None:
        """It grows by one, is halved, and then the destination is dead for a while."""
        lane = self.lane
        for _ in range(30):
            lane.took()
        lane.under_way = 19
        self.assertTrue(lane.has_room(BEGIN))
        lane.under_way = 20
        self.assertFalse(lane.has_room(BEGIN))
        words = attempt(Outcome.DEFERRED, BEGIN, "4.4.1")
        for _ in range(4):  # 10, 5, 2, 1
            lane.failed(words, BEGIN, 60.0, 200.0)
        self.assertFalse(lane.is_dead(BEGIN))
        now, delays = BEGIN, []
        for _ in range(4):
            lane.failed(words, now, 60.0, 200.0)
            self.assertTrue(lane.is_dead(now))
            delays.append(lane.dead_until - now)
            now = lane.dead_until
        self.assertEqual(delays, [60.0, 120.0, 200.0, 200.0])
        self.assertEqual(lane.last_words, words)
        self.assertTrue(lane.took())
        self.assertFalse(lane.is_dead(now))
        self.assertFalse(lane.took())

    @rows(
        no_answer=("4.4.1", True),
        closing=("4.3.2", True),
        greylisted=("4.7.1", False),
        full=("4.2.2", False),
        ours=("4.3.0", False),
    )
    def test_unreachable(self, status: str, wanted: bool) -> None:  # noqa: FBT001
        """Only what concerns the destination as a whole makes it suspect."""
        one = attempt(Outcome.DEFERRED, BEGIN, status)
        self.assertEqual(is_unreachable([one]), wanted)
        other = evolve(one, outcome=Outcome.FAILED, status="5.1.1")
        self.assertFalse(is_unreachable([one, other]))
