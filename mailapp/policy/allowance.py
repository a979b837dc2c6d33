"""How much an account may send in an hour and in a day, and how much it has sent.

Counts are kept in memory, in slices of a window, so that an account costs a few dozen
numbers however much it sends. A restart forgets them: limits are there to stop what a
stolen password can do in a night, not to bill anybody.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from attrs import define, frozen

SLICES: Final = 12
ACCOUNTS_LIMIT: Final = 100_000  # the longest silent go first


@frozen
class Rate:
    """So many in so long.

    Attributes:
        most: 0 is no limit.
    """

    most: int
    seconds: float


@frozen
class Rates:
    """What each account may send; all of them hold."""

    messages: tuple[Rate, ...] = ()
    recipients: tuple[Rate, ...] = ()


@frozen
class Sent:
    """What other processes are told: an account sent a message."""

    account: str
    recipients: int


@define(eq=False)
class _Window:
    """A count that forgets, slice by slice."""

    rate: Rate
    slices: deque[list[float]]  # end of the slice's effect, count

    def total(self, now: float) -> float:
        while self.slices and self.slices[0][0] <= now:
            self.slices.popleft()
        return sum(count for _, count in self.slices)

    def add(self, count: int, now: float) -> None:
        length = self.rate.seconds / SLICES
        end = (now // length + 1) * length + self.rate.seconds
        if self.slices and self.slices[-1][0] == end:
            self.slices[-1][1] += count
        else:
            self.slices.append([end, count])

    def wait(self, count: int, now: float) -> float:
        """Seconds until so many more fit; 0: now."""
        over = self.total(now) + count - self.rate.most
        if over <= 0:
            return 0.0
        for end, held in self.slices:
            over -= held
            if over <= 0:
                return end - now
        # never, as one message: when nothing else counts it gets its own answer
        return self.rate.seconds


@define(eq=False)
class _Account:
    messages: list[_Window]
    recipients: list[_Window]


class Allowance:
    """Counts what accounts send, in this process and, by hearsay, in the others.

    Args:
        rates: how much is too much.
        now: seconds that only grow.
        observe: told of every message that was sent here.
    """

    def __init__(
        self,
        rates: Rates,
        now: Callable[[], float],
        observe: Callable[[Sent], None] | None = None,
    ) -> None:
        self._rates = rates
        self._now = now
        self._observe = observe
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def wait_for_message(self, account: str) -> float:
        """Seconds until the account may send one more message; 0: now."""
        return self._longest(self._find(account).messages, 1)

    def wait_for_recipients(self, account: str, count: int) -> float:
        """Seconds until the account may send to so many more; 0: now."""
        return self._longest(self._find(account).recipients, count)

    def spend(self, account: str, recipients: int) -> None:
        """A message is being sent; tell the others, too."""
        sent = Sent(account, recipients)
        self.learn(sent)
        if self._observe is not None:
            self._observe(sent)

    def learn(self, sent: Sent) -> None:
        """A message was sent, here or in another process."""
        now = self._now()
        found = self._find(sent.account)
        for window in found.messages:
            window.add(1, now)
        for window in found.recipients:
            window.add(sent.recipients, now)

    def _longest(self, windows: list[_Window], count: int) -> float:
        now = self._now()
        return max((window.wait(count, now) for window in windows), default=0.0)

    def _find(self, account: str) -> _Account:
        found = self._accounts.get(account)
        if found is None:
            found = self._accounts[account] = _Account(
                _windows(self._rates.messages), _windows(self._rates.recipients)
            )
            if len(self._accounts) > ACCOUNTS_LIMIT:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(account)
        return found


def _windows(rates: tuple[Rate, ...]) -> list[_Window]:
    return [_Window(rate, deque()) for rate in rates if rate.most]
