"""The postman as a state machine: whatever happens in whatever order.

Messages come, next servers misbehave in every way, the process dies, the administrator
interferes, time passes. In the end every recipient has exactly one end, and what the
world saw agrees with what senders were told.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.task import Clock

from mailapp.events.record import Kind
from mailapp.net.steps import finish
from mailapp.queue.administration import Administration
from mailapp.queue.lane import LaneLimits
from mailapp.queue.lanes import Limits
from mailapp.queue.schedule import DAY
from mailapp.queue.types import Attempt, Outcome
from tests.unit.queue.postman import BEGIN, Post, attempt, envelope
from tests.unit.queue.test_many import Hasty

DOMAINS = ("a.test", "b.test", "c.test")
ANSWERS = (
    (Outcome.RELAYED, "2.0.0"),
    (Outcome.DEFERRED, "4.2.0"),
    (Outcome.DEFERRED, "4.4.1"),
    (Outcome.FAILED, "5.1.1"),
    None,  # a bug of the carrier: the wrong number of attempts
)
LIMITS = Limits(lane=LaneLimits(first=1, most=2), under_way=3, active=4, arrivals=2)
_ENDS = {Kind.RELAYED, Kind.DELIVERED, Kind.BOUNCED, Kind.EXPIRED}


class Postman(RuleBasedStateMachine):
    """See above."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-machine-"))
        self.clock = Clock()
        self.clock.advance(BEGIN)
        self.count = 0
        self.expected: set[tuple[str, str]] = set()
        self.dropped: set[str] = set()
        self.taken: Counter[tuple[str, str]] = Counter()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.start()

    def start(self) -> None:
        """Another process."""
        self.post = Post(self.folder / "queue", Hasty(), self.clock, limits=LIMITS)
        self.post.carrier.held = True
        self.post.start()
        self.administration = Administration(
            self.post.custody, self.post.events, self.post.dispatcher
        )

    def settle_accounts(self) -> None:
        """Count what this process has seen."""
        self.taken.update(self.post.carrier.taken)
        for event in self.post.events.events:
            if event.kind in _ENDS:
                self.ended[event.message, event.recipient] += 1
        self.post.carrier.taken.clear()
        self.post.events.events.clear()

    @rule(domains=st.lists(st.sampled_from(DOMAINS), min_size=1, max_size=3))
    def arrive(self, domains: list[str]) -> None:
        """A message comes."""
        self.count += 1
        name = f"m{self.count}"
        names = [f"r{place}@{domain}" for place, domain in enumerate(domains)]
        self.post.put(envelope(name, *names))
        self.expected |= {(name, one) for one in names}

    @rule(number=st.integers(0, 5), answer=st.sampled_from(ANSWERS))
    def come_back(self, number: int, answer: tuple[Outcome, str] | None) -> None:
        """A consignment that is under way comes back."""
        waiting = self.post.carrier.waiting
        if not waiting:
            return

        def given(_consignment: object, _place: int) -> Attempt:
            if answer is None:
                raise ConnectionError
            return attempt(answer[0], self.clock.seconds(), answer[1])

        self.post.carrier.answer = given
        self.post.carrier.release(number % len(waiting))

    @rule(seconds=st.sampled_from([1.0, 300.0, 7200.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def die(self) -> None:
        """The process dies, and another is started."""
        self.settle_accounts()
        self.post.end()
        self.start()

    @rule(number=st.integers(0, 20), what=st.sampled_from(["retry", "hold", "release"]))
    def interfere(self, number: int, what: str) -> None:
        """The administrator does something to a message."""
        name = f"m{number}"
        try:
            finish(getattr(self.administration, what)(name))
        except KeyError:
            return

    @rule(domain=st.sampled_from(DOMAINS))
    def flush(self, domain: str) -> None:
        """A client says ETRN."""
        finish(self.administration.flush(domain))

    @rule(number=st.integers(0, 20))
    def drop(self, number: int) -> None:
        """The administrator drops a message."""
        try:
            finish(self.administration.drop(f"m{number}"))
        except KeyError:
            return
        self.dropped.add(f"m{number}")

    @invariant()
    def limits_hold(self) -> None:
        """No destination has more at once than it may, nor all together."""
        waiting = [c.destination.key for c, _ in self.post.carrier.waiting]
        assert len(waiting) <= LIMITS.under_way
        assert all(waiting.count(key) <= LIMITS.lane.most for key in DOMAINS)

    def teardown(self) -> None:
        """All servers take everything: then nothing is left, and all is accounted."""
        try:
            for entry in self.post.entries():
                if entry.held:
                    finish(self.administration.release(entry.id))
            self.post.carrier.held = False
            self.post.carrier.answer = None
            for _ in range(3 * 24):
                while self.post.carrier.waiting:
                    self.post.carrier.release()
                self.clock.advance(3600)
            for _ in range(4):
                self.clock.advance(2 * DAY)
            assert self.post.entries() == []
            self.settle_accounts()
            for one in self.expected:
                if one[0] not in self.dropped:
                    assert self.ended[one] == 1, (one, self.ended[one])
                assert self.taken[one] <= 1, (one, self.taken[one])
            assert self.post.dispatcher.carrying.is_idle
        finally:
            self.post.end()
            shutil.rmtree(self.folder)


TestPostman = Postman.TestCase
TestPostman.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
