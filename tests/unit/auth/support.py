"""Authentication over a real accounts file, with little memory and a clock."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.assemble import Authentication
from mailapp.auth.authenticator import Authenticator
from mailapp.auth.hashes import Hashes
from mailapp.auth.interfaces import (
    IMaildropAvatar,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.auth.keys import InstallationKey
from mailapp.auth.throttle import Throttle
from mailapp.core.peer import TLS, Peer
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.storage.memory import MemoryStore
from mailapp.storage.types import AccountId

_T = TypeVar("_T")
ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")
GONE = AccountId("gone@example.test")
EXPORTER = {"tls-exporter": b"x" * 32}
CLEAR = Peer("192.0.2.1")
SAFE = Peer("192.0.2.1", tls=TLS(version="TLSv1.3", bindings=EXPORTER))
REMEMBER_SECONDS = 600.0
BAD = Refused(Refusal.CREDENTIALS)


class Thread:
    """Calls at once, or when told; counts.

    Attributes:
        calls: how many.
        waiting: what was not called yet, if ``held``.
        trouble: raised in place of the next call.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.held = False
        self.waiting: list[Callable[[], None]] = []
        self.trouble: Exception | None = None

    def __call__(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call the function."""
        if self.trouble is not None:
            raise self.trouble
        self.calls += 1
        answer: Deferred[Any] = Deferred()

        def work() -> None:
            answer.callback(function(*args))

        if self.held:
            self.waiting.append(work)
        else:
            work()
        return answer

    def release(self) -> None:
        """Do what was held."""
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()


class AuthCase(SynchronousTestCase):
    """Has alice and bob with passwords, and gone, who is disabled."""

    apop = False

    def setUp(self) -> None:
        """Make them."""
        self.clock = Clock()
        self.thread = Thread()
        self.hashes = Hashes(self.thread, memory_kib=8, passes=1)
        self.path = Path(self.mktemp())
        self.accounts = Accounts(self.path)
        self.addCleanup(self.accounts.close)
        self.accounts.add(
            [
                (name, self.hashes.make(Secret(b"pencil " + name.encode())))
                for name in (ALICE, BOB, GONE)
            ],
            now=1,
        )
        self.accounts.set_enabled(GONE, enabled=False)
        self.key = InstallationKey(Secret(b"k" * 32))
        self.directory = Directory(self.accounts, ["example.test"])
        self.throttle = Throttle(self.clock)
        self.authentication = Authentication(
            store=MemoryStore(self.clock),
            directory=self.directory,
            key=self.key,
            hashes=self.hashes,
            throttle=self.throttle,
            clock=self.clock,
            remember_seconds=REMEMBER_SECONDS,
            apop=self.apop,
        )
        self.authenticator: Authenticator = self.authentication.authenticator(
            IMaildropAvatar
        )

    def now(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """The result of what does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def login(
        self, name: bytes, password: bytes | None = None, peer: Peer = SAFE
    ) -> LoggedIn | Refused:
        """Log in, with the right password if none is given."""
        secret = b"pencil " + name if password is None else password
        return self.now(self.authenticator.login(name, Secret(secret), peer))

    def account_of(self, result: object) -> AccountId:
        """Who got in."""
        assert isinstance(result, LoggedIn), result
        return result.avatar.account_id
