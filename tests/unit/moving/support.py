"""What the tests of moving mail are played with."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.moving.intake import Intake, Place
from mailapp.moving.journal import Journal
from mailapp.moving.types import Source, Tally
from mailapp.net.threads import inline
from mailapp.storage.files import Files
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId
from tests.contract.store_case import gathered, now

ALICE = AccountId("alice@example.test")
NOW = 1_800_000_000
Held = tuple[str, bytes, frozenset[str], int]
"""Mailbox, octets, flags and time of a message."""


class Silent:
    """Nobody watches."""

    def begin(self, name: str) -> None:
        """A mailbox begins."""

    def expect(self, total: int) -> None:
        """So much is to be done."""

    def advance(self, step: int) -> None:
        """So much is done."""


class MovingCase(SynchronousTestCase):
    """A store with one account."""

    def setUp(self) -> None:
        """Make it."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.root = self.folder / "mail"
        self.tokens = map(b"%d".__mod__, count())
        self.begin()

    def begin(self, files: Files | None = None) -> None:
        """A process begins: a store that knows nothing of the one before."""
        self.store = MaildirStore(self.root, inline, clock=Clock(), files=files)
        self.account = now(self.store.create(ALICE))

    @property
    def home(self) -> Path:
        """Where the mail of the account lies."""
        return self.root / "example.test" / "alice"

    def bring(
        self, source: Source, wrap: Callable[[Journal], Journal] = lambda own: own
    ) -> Tally:
        """Import it."""
        journal = Journal.open(Files(), bytes(self.home), source.key)
        try:
            place = Place(
                self.account,
                wrap(journal),
                inline,
                lambda: float(NOW),
                lambda: next(self.tokens),
            )
            tally = Tally()
            now(Intake(source, place, Silent(), tally).run())
            return tally
        finally:
            journal.close()

    def held(self) -> list[Held]:
        """All messages of the account, by mailbox and arrival."""
        found: list[Held] = []
        for named in now(self.account.names()):
            mailbox = now(self.account.mailbox(named.id))
            columns = mailbox.columns
            for place in range(len(columns)):
                row = columns.row(place)
                octets = b"".join(now(gathered(self.account.read(row.blob))))
                name = "/".join(named.name)
                found.append((name, octets, row.flags, row.received))
            mailbox.close()
        return found
