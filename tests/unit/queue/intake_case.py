"""An intake between doubles, for the tests of what goes through it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Envelope,
    Recipient,
)
from mailapp.delivery.interfaces import IBody
from mailapp.delivery.local import LocalDelivery
from mailapp.delivery.srs import SenderRewriting
from mailapp.delivery.types import RecipientOutcome
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.types import Expanded, MailingList, Resolution
from mailapp.queue.intake import Intake
from mailapp.storage.interfaces import IMailStore
from tests.unit.delivery.doubles import (
    ALICE,
    BOB,
    Directory,
    Store,
    envelope,
    local,
    run,
)
from tests.unit.queue.doubles import (
    DAVE,
    FakeQueue,
    FakeReporter,
    Journal,
)

ERIN = Address("erin", "example.org")
ALIAS = Address("friends", "example.test")
TEAM = Address("team", "example.test")
OWNER = Address("owner", "example.test")
NOW = 1_000_000_000.0
HEADER = b"From: carol@example.net\r\nSubject: x\r\n\r\n"
MESSAGE = HEADER + b"body\r\n"


def mailing_list(**changes: Any) -> MailingList:
    """The team: bob here, dave elsewhere."""
    values: dict[str, Any] = {
        "address": TEAM,
        "owner": OWNER,
        "members": (BOB, DAVE),
        "title": "The team",
    }
    return MailingList(**{**values, **changes})


class IntakeCase(SynchronousTestCase):
    """An intake between doubles."""

    def setUp(self) -> None:
        """Alice and Bob are ours; ``friends`` leads to Bob and to Dave, elsewhere."""
        self.store = Store()
        self.queue = FakeQueue()
        self.journal = Journal()
        self.reporter = FakeReporter()
        self.table: dict[Address, Resolution | Exception] = {
            ALICE: local("alice"),
            BOB: local("bob"),
            ALIAS: Expanded([local("bob")], [DAVE]),
            TEAM: Expanded([], [], [mailing_list()]),
        }
        self.rewriting = SenderRewriting(b"k" * 32, "example.test", ["example.test"])
        self.intake = self.make()

    def make(self, *, from_queue: bool = False) -> Intake:
        """An intake on the same doubles."""
        tokens = count(1)
        delivery = LocalDelivery(
            cast(IMailStore, self.store),
            cast(IDirectory, Directory(self.table)),
            "mx.example.test",
            leaves=True,
            events=self.journal,
            from_queue=from_queue,
        )
        return Intake(
            delivery,
            self.queue,
            self.journal,
            "mx.example.test",
            lambda: NOW,
            lambda: f"{next(tokens):06}",
            self.rewriting,
            self.reporter,
            from_queue=from_queue,
        )

    def begin(
        self, *recipients: Address | Recipient, **changes: Any
    ) -> tuple[Envelope, IBody]:
        """Route all, as for a client that may relay, and begin."""
        given_ = [r if isinstance(r, Recipient) else Recipient(r) for r in recipients]
        made = envelope(**{"recipients": given_, **changes})
        routes = [run(self.intake.route(r.address, relays=True)) for r in given_]
        return made, self.intake.begin(made, routes, [("X-Policy", "said")])

    def deliver(
        self,
        *recipients: Address | Recipient,
        message: bytes = MESSAGE,
        cut: int = 20,
        **changes: Any,
    ) -> Sequence[RecipientOutcome]:
        """All of it; the message comes in pieces."""
        _, body = self.begin(*recipients, **changes)
        for start in range(0, len(message), cut):
            run(body.write(message[start : start + cut]))
        outcomes = run(body.commit())
        body.abort()
        self.assertEqual([], self.queue.open_bodies)
        return outcomes
