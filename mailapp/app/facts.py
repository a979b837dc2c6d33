"""What a process tells the others over the bus, and learns from them.

How many connections an address holds, how logins went and which passwords were good,
who has taken a maildrop just now, who has sent how much, which mailboxes are watched
and changed, and what has come into the queue. They are batched, since a busy server
makes thousands a second; arrivals and changes of mailboxes are told sooner than the
rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from attrs import asdict
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailapp.app.watching import CHANGES, WATCHERS, Watching
from mailapp.auth.recent import Token
from mailapp.auth.throttle import Outcome
from mailapp.policy.allowance import Sent
from mailapp.storage.types import AccountId

TELL_EVERY: Final = 0.25  # seconds
TELL_ARRIVALS: Final = 0.05
"""Seconds between two messages that tell of arrivals; the first is told at once."""
_BATCH: Final = 200  # facts in one message: well below AMP's 64 KiB

CONNECTIONS: Final = b"connections"
LOGINS: Final = b"logins"
VISITS: Final = b"visits"
GOOD: Final = b"good"
SENT: Final = b"sent"
ARRIVALS: Final = b"arrivals"
GONE: Final = b"gone"
"""Told by the supervisor: the process of this number has ended."""


class Facts:
    """Collects what is to be told, tells it now and then, passes on what is heard.

    Attributes:
        on_connections: called with an address and how many connections all other
            processes hold of it.
        on_login: called with the outcome of a login elsewhere.
        on_good: called with what stands for a password that was found good elsewhere.
        on_visit: called with an account whose maildrop was taken elsewhere.
        on_sent: called with what an account has sent elsewhere.
        on_arrivals: called with texts that name entries which others put into the
            queue; a ValueError means that one is not understood.
        watching: what is told and heard of mailboxes.
    """

    log: ClassVar = Logger()

    def __init__(
        self, reactor: Any, publish: Callable[[bytes, bytes], None] | None
    ) -> None:
        self._reactor = reactor
        self._publish = publish
        self._arrivals: list[str] = []
        self._next_arrivals = 0.0
        self._changed: dict[str, int] = {}
        self._outcomes: list[Outcome] = []
        self._visits: list[AccountId] = []
        self._good: list[str] = []
        self._sent: list[Sent] = []
        self._elsewhere: dict[int, dict[str, int]] = {}  # process, address, count
        self._telling = LoopingCall(self._tell)
        self._telling.clock = reactor
        self.watching = Watching(reactor, publish and self._tell_one)
        self._hears: dict[bytes, Callable[[Any], None]] = {
            CONNECTIONS: self._hear_connections,
            GONE: self._hear_gone,
            LOGINS: self._hear_logins,
            VISITS: self._hear_visits,
            GOOD: self._hear_good,
            SENT: self._hear_sent,
            ARRIVALS: self._hear_arrivals,
            CHANGES: self.watching.hear_changes,
            WATCHERS: self.watching.hear_watchers,
        }
        self.on_connections: Callable[[str, int], None] = lambda _key, _count: None
        self.on_login: Callable[[Outcome], None] = lambda _outcome: None
        self.on_good: Callable[[Token], None] = lambda _token: None
        self.on_visit: Callable[[AccountId], None] = lambda _account: None
        self.on_sent: Callable[[Sent], None] = lambda _sent: None
        self.on_arrivals: Callable[[Sequence[str]], None] = lambda _texts: None

    def start(self) -> None:
        """Begin to tell, if there is anybody to tell."""
        if self._publish is not None:
            _ = self._telling.start(TELL_EVERY, now=False)
            self.watching.start()

    def stop(self) -> None:
        """Tell no more."""
        if self._telling.running:
            self._telling.stop()
        self._tell_arrivals()

    def tell_connections(self, key: str, count: int) -> None:
        """This process now holds so many connections of an address."""
        self._changed[key] = count

    def tell_login(self, outcome: Outcome) -> None:
        """A login went this way here."""
        self._outcomes.append(outcome)

    def tell_good(self, token: Token) -> None:
        """A password was found good here; its keyed digest is told."""
        self._good.append(token.octets.hex())

    def tell_visit(self, account: AccountId) -> None:
        """An account's maildrop was taken here."""
        self._visits.append(account)

    def tell_sent(self, sent: Sent) -> None:
        """An account has sent a message here."""
        self._sent.append(sent)

    def tell_arrival(self, text: str) -> None:
        """An entry that a text names lies in the queue: tell the postman soon."""
        if not self._arrivals:
            wait = max(0.0, self._next_arrivals - self._reactor.seconds())
            self._reactor.callLater(wait, self._tell_arrivals)
        self._arrivals.append(text)

    def _tell_arrivals(self) -> None:
        self._next_arrivals = self._reactor.seconds() + TELL_ARRIVALS
        arrivals, self._arrivals = self._arrivals, []
        self._tell_rows(ARRIVALS, arrivals)

    def _tell_one(self, topic: bytes, fact: object) -> None:
        if self._publish is not None:
            self._publish(topic, json.dumps(fact).encode())

    def heard(self, topic: bytes, fact: bytes) -> None:
        """Another process told something; what is not understood is left out."""
        hears = self._hears.get(topic)
        if hears is None:
            return
        try:
            hears(json.loads(fact))
        except (ValueError, TypeError, KeyError):
            self.log.warn("fact not understood", event="bus.fact.refused")

    def _hear_connections(self, fact: Any) -> None:
        table = self._elsewhere.setdefault(fact["process"], {})
        table.update(fact["counts"])
        self._recount(fact["counts"])

    def _hear_gone(self, process: int) -> None:
        self._recount(self._elsewhere.pop(process, {}))
        self.watching.hear_gone(process)

    def _hear_logins(self, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            self.on_login(Outcome(**row))

    def _hear_good(self, tokens: Iterable[str]) -> None:
        for token in tokens:
            self.on_good(Token(bytes.fromhex(token)))

    def _hear_visits(self, accounts: Iterable[str]) -> None:
        for account in accounts:
            self.on_visit(AccountId(account))

    def _hear_sent(self, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            self.on_sent(Sent(**row))

    def _hear_arrivals(self, texts: Iterable[object]) -> None:
        self.on_arrivals([str(text) for text in texts])

    def _recount(self, keys: Iterable[str]) -> None:
        tables = self._elsewhere.values()
        for key in keys:
            self.on_connections(key, sum(table.get(key, 0) for table in tables))
        for table in tables:
            for key in [key for key, count in table.items() if not count]:
                del table[key]

    def _tell(self) -> None:
        changed, self._changed = list(self._changed.items()), {}
        for start in range(0, len(changed), _BATCH):
            counts = dict(changed[start : start + _BATCH])
            self._tell_one(CONNECTIONS, {"process": os.getpid(), "counts": counts})
        outcomes, self._outcomes = self._outcomes, []
        visits, self._visits = self._visits, []
        sent, self._sent = self._sent, []
        self._tell_rows(LOGINS, [asdict(outcome) for outcome in outcomes])
        self._tell_rows(VISITS, visits)
        good, self._good = self._good, []
        self._tell_rows(GOOD, good)
        self._tell_rows(SENT, [asdict(one) for one in sent])

    def _tell_rows(self, topic: bytes, rows: Sequence[object]) -> None:
        for start in range(0, len(rows), _BATCH):
            self._tell_one(topic, rows[start : start + _BATCH])
