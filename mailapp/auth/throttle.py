"""Slows down those who guess passwords, and never the owner who came here before.

Failures are counted per address (IPv4 address, IPv6 /64) and per account. Above a few,
attempts get slots in time, ever further apart; an attempt waits for its slot without
holding anything up, or is refused if that is too far away. Attempts under way count as
failures until they succeed, so many at once gain nothing (threat 39).

An owner whose address has had a good login lately is counted apart from everybody
else: whatever others do to the account or from elsewhere, the wait is short and there
is always one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from ipaddress import IPv4Address
from typing import Final

from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailapp.core.peer import Peer

ENTRIES_LIMIT: Final = 50_000  # of each table; the oldest go first


@frozen
class Pace:
    """How attempts are spaced.

    Attributes:
        free: failures before there is any delay.
        first_seconds: the first distance; it doubles with each failure.
        most_seconds: no distance is longer.
    """

    free: int
    first_seconds: float
    most_seconds: float

    def interval(self, failures: int) -> float:
        """Seconds from one attempt to the next."""
        over = failures - self.free
        if over <= 0:
            return 0.0
        return min(self.first_seconds * 2.0 ** min(over - 1, 30), self.most_seconds)


@frozen
class Paces:
    """The three paces, and when things are forgotten.

    Attributes:
        address: of one address, whatever account it tries.
        account: of one account, wherever it is tried from.
        owner: of one account from an address with a recent good login.
        patience_seconds: an attempt whose slot is further away is refused.
        forget_seconds: after the last failure all is forgiven.
        remember_seconds: how long a good login makes an address known.
    """

    address: Pace = Pace(10, 0.5, 60.0)
    account: Pace = Pace(10, 0.5, 15.0)
    owner: Pace = Pace(20, 0.25, 2.0)
    patience_seconds: float = 20.0
    forget_seconds: float = 3600.0
    remember_seconds: float = 14 * 86400.0


@frozen
class Outcome:
    """What other processes are told of an attempt.

    Attributes:
        account: its key, or empty.
        network: of the client.
        good: it succeeded.
    """

    account: str
    network: str
    good: bool


@define
class _Count:
    failures: int = 0
    under_way: int = 0
    next_slot: float = 0.0
    last_failure: float = 0.0


class _Counts:
    """Counts of one kind, at one pace."""

    def __init__(self, pace: Pace, forget_seconds: float) -> None:
        self._pace = pace
        self._forget_seconds = forget_seconds
        self._entries: OrderedDict[Hashable, _Count] = OrderedDict()

    def find(self, key: Hashable, now: float) -> _Count:
        count = self._entries.get(key)
        if count is None:
            count = self._entries[key] = _Count(last_failure=now)
            if len(self._entries) > ENTRIES_LIMIT:
                self._entries.popitem(last=False)
            return count
        self._entries.move_to_end(key)
        if now - count.last_failure > self._forget_seconds:
            count.failures = 0
        return count

    def interval(self, count: _Count) -> float:
        return self._pace.interval(count.failures + count.under_way)

    def has_failures(self, key: Hashable) -> bool:
        count = self._entries.get(key)
        return count is not None and count.failures > 0

    def forgive(self, key: Hashable) -> None:
        count = self._entries.get(key)
        if count is not None:
            count.failures = 0
            count.next_slot = 0.0


class Attempt:
    """One login under way. Tell its outcome, then close it, whatever happened."""

    __slots__ = ("_counts", "_outcome", "_throttle", "account", "network")

    def __init__(
        self,
        throttle: Throttle | None,
        account: str,
        network: str,
        counts: list[_Count],
    ) -> None:
        self._throttle = throttle
        self._counts = counts
        self._outcome: bool | None = None
        self.account = account
        self.network = network

    def succeeded(self) -> None:
        """The credentials were good."""
        self._outcome = True

    def failed(self) -> None:
        """The credentials were bad."""
        self._outcome = False

    def close(self) -> None:
        """It is over. One without an outcome counts for nothing."""
        for count in self._counts:
            count.under_way -= 1
        if self._throttle is not None and self._outcome is not None:
            self._throttle.settle(Outcome(self.account, self.network, self._outcome))


class Throttle:
    """Counts failures and spaces attempts, in this process.

    Args:
        clock: for time and for waiting.
        paces: how much is too much.
        observe: told of every outcome here that is news; give it to ``learn`` of the
            others.
    """

    def __init__(
        self,
        clock: IReactorTime,
        paces: Paces | None = None,
        observe: Callable[[Outcome], None] | None = None,
    ) -> None:
        self._clock = clock
        self._paces = paces = paces or Paces()
        self._observe = observe
        self._by_address = _Counts(paces.address, paces.forget_seconds)
        self._by_account = _Counts(paces.account, paces.forget_seconds)
        self._by_owner = _Counts(paces.owner, paces.forget_seconds)
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def admit(self, account: str, peer: Peer) -> Attempt | None:
        """Wait for this attempt's turn; None: it is too far away, refuse.

        Args:
            account: one text for all spellings of the name; empty: no such name.
            peer: never waits if it is trusted.
        """
        if peer.trusted:
            return Attempt(None, account, "", [])
        now = self._clock.seconds()
        network = network_of(peer)
        owner = self._is_known(account, network, now)
        if owner:
            found = [(self._by_owner, self._by_owner.find((account, network), now))]
        else:
            found = [(self._by_address, self._by_address.find(network, now))]
            if account:
                found.append((self._by_account, self._by_account.find(account, now)))
        wait = self._reserve(found, now, owner=owner)
        if wait is None:
            return None
        attempt = Attempt(self, account, network, [count for _, count in found])
        if wait > 0:
            try:
                await _sleep(self._clock, wait)
            except BaseException:
                attempt.close()
                raise
        return attempt

    def waive(self, account: str, peer: Peer) -> Attempt:
        """An attempt that was admitted before; only its outcome is missing."""
        if peer.trusted:
            return Attempt(None, account, "", [])
        return Attempt(self, account, network_of(peer), [])

    def settle(self, outcome: Outcome) -> None:
        """An attempt here is over: learn from it, and tell the others what is new."""
        news = not outcome.good or self._is_news(outcome)
        self.learn(outcome)
        if news and self._observe is not None:
            self._observe(outcome)

    def learn(self, outcome: Outcome) -> None:
        """An attempt, here or in another process, is over."""
        now = self._clock.seconds()
        account, network = outcome.account, outcome.network
        pair = (account, network)
        if outcome.good:
            if not self._is_news(outcome):
                return
            self._known.pop(pair, None)
            self._known[pair] = now + self._paces.remember_seconds
            if len(self._known) > ENTRIES_LIMIT:
                self._known.popitem(last=False)
            # The address and the account stay as suspect as they were: one good
            # account must not buy guesses at others.
            self._by_owner.forgive(pair)
            return
        if self._is_known(account, network, now):
            counts = [self._by_owner.find(pair, now)]
        else:
            counts = [self._by_address.find(network, now)]
            if account:
                counts.append(self._by_account.find(account, now))
        for count in counts:
            count.failures += 1
            count.last_failure = now

    def _is_news(self, outcome: Outcome) -> bool:
        """False: this owner is known well already, and nothing is held against them."""
        pair = (outcome.account, outcome.network)
        fresh = self._clock.seconds() + self._paces.remember_seconds / 2
        return self._known.get(pair, 0.0) < fresh or self._by_owner.has_failures(pair)

    def _is_known(self, account: str, network: str, now: float) -> bool:
        return bool(account) and self._known.get((account, network), now) > now

    def _reserve(
        self, found: list[tuple[_Counts, _Count]], now: float, *, owner: bool
    ) -> float | None:
        """Take the next slot; seconds until it comes, or None."""
        wait = max(0.0, *(count.next_slot - now for _, count in found))
        if wait > self._paces.patience_seconds:
            if not owner:
                return None
            wait = self._paces.patience_seconds
        for counts, count in found:
            count.under_way += 1
            interval = counts.interval(count)
            if interval:
                count.next_slot = now + wait + interval
        return wait


def network_of(peer: Peer) -> str:
    """What counts as one client: an IPv4 address, an IPv6 /64."""
    ip = peer.ip
    if isinstance(ip, IPv4Address):
        return str(ip)
    return f"{int(ip) >> 64:016x}/64"


def _sleep(clock: IReactorTime, seconds: float) -> Deferred[None]:
    return deferLater(clock, seconds)
