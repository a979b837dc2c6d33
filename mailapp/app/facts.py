"""What a process tells the others over the bus, and learns from them.

Four things: how many connections an address holds, how logins went, who has taken a
maildrop just now, and who has sent how much. They are batched, since nobody needs them
at once and a busy server makes thousands a second.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from attrs import asdict
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailapp.auth.throttle import Outcome
from mailapp.policy.allowance import Sent
from mailapp.storage.types import AccountId

TELL_EVERY: Final = 0.25  # seconds
_BATCH: Final = 200  # facts in one message: well below AMP's 64 KiB

CONNECTIONS: Final = b"connections"
LOGINS: Final = b"logins"
VISITS: Final = b"visits"
SENT: Final = b"sent"
GONE: Final = b"gone"
"""Told by the supervisor: the process of this number has ended."""


class Facts:
    """Collects what is to be told, tells it now and then, passes on what is heard.

    Attributes:
        on_connections: called with an address and how many connections all other
            processes hold of it.
        on_login: called with the outcome of a login elsewhere.
        on_visit: called with an account whose maildrop was taken elsewhere.
        on_sent: called with what an account has sent elsewhere.
    """

    log: ClassVar = Logger()

    def __init__(
        self, reactor: Any, publish: Callable[[bytes, bytes], None] | None
    ) -> None:
        self._publish = publish
        self._changed: dict[str, int] = {}
        self._outcomes: list[Outcome] = []
        self._visits: list[AccountId] = []
        self._sent: list[Sent] = []
        self._elsewhere: dict[int, dict[str, int]] = {}  # process, address, count
        self._telling = LoopingCall(self._tell)
        self._telling.clock = reactor
        self.on_connections: Callable[[str, int], None] = lambda _key, _count: None
        self.on_login: Callable[[Outcome], None] = lambda _outcome: None
        self.on_visit: Callable[[AccountId], None] = lambda _account: None
        self.on_sent: Callable[[Sent], None] = lambda _sent: None

    def start(self) -> None:
        """Begin to tell, if there is anybody to tell."""
        if self._publish is not None:
            _ = self._telling.start(TELL_EVERY, now=False)

    def stop(self) -> None:
        """Tell no more."""
        if self._telling.running:
            self._telling.stop()

    def tell_connections(self, key: str, count: int) -> None:
        """This process now holds so many connections of an address."""
        self._changed[key] = count

    def tell_login(self, outcome: Outcome) -> None:
        """A login went this way here."""
        self._outcomes.append(outcome)

    def tell_visit(self, account: AccountId) -> None:
        """An account's maildrop was taken here."""
        self._visits.append(account)

    def tell_sent(self, sent: Sent) -> None:
        """An account has sent a message here."""
        self._sent.append(sent)

    def heard(self, topic: bytes, fact: bytes) -> None:
        """Another process told something; what is not understood is left out."""
        try:
            content = json.loads(fact)
            if topic == CONNECTIONS:
                table = self._elsewhere.setdefault(content["process"], {})
                table.update(content["counts"])
                self._recount(content["counts"])
            elif topic == GONE:
                self._recount(self._elsewhere.pop(content, {}))
            elif topic == LOGINS:
                for outcome in content:
                    self.on_login(Outcome(**outcome))
            elif topic == VISITS:
                for account in content:
                    self.on_visit(AccountId(account))
            elif topic == SENT:
                for sent in content:
                    self.on_sent(Sent(**sent))
        except (ValueError, TypeError, KeyError):
            self.log.warn("fact not understood", event="bus.fact.refused")

    def _recount(self, keys: Iterable[str]) -> None:
        tables = self._elsewhere.values()
        for key in keys:
            self.on_connections(key, sum(table.get(key, 0) for table in tables))
        for table in tables:
            for key in [key for key, count in table.items() if not count]:
                del table[key]

    def _tell(self) -> None:
        publish = self._publish
        if publish is None:
            return
        changed, self._changed = list(self._changed.items()), {}
        for start in range(0, len(changed), _BATCH):
            counts = dict(changed[start : start + _BATCH])
            fact = {"process": os.getpid(), "counts": counts}
            publish(CONNECTIONS, json.dumps(fact).encode())
        outcomes, self._outcomes = self._outcomes, []
        for start in range(0, len(outcomes), _BATCH):
            rows = [asdict(outcome) for outcome in outcomes[start : start + _BATCH]]
            publish(LOGINS, json.dumps(rows).encode())
        visits, self._visits = self._visits, []
        for start in range(0, len(visits), _BATCH):
            publish(VISITS, json.dumps(visits[start : start + _BATCH]).encode())
        sent, self._sent = self._sent, []
        for start in range(0, len(sent), _BATCH):
            rows = [asdict(one) for one in sent[start : start + _BATCH]]
            publish(SENT, json.dumps(rows).encode())
