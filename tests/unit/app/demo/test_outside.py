"""Tests of :mod:`mailapp.app.demo.outside`."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.outside import DOMAIN, Outside
from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import DeliveryFailure, PermanentFailure, TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.delivery.types import Delivered, Failed, RecipientOutcome
from mailapp.net.steps import finish
from tests.rows import rows, tabled

ALICE = Address("alice", "example.test")
CONTENT = b"Subject: x\r\n\r\nhello\r\n"


@tabled
class OutsideTests(SynchronousTestCase):
    """The moods of the demo's other host."""

    def setUp(self) -> None:
        """A host that has seen nothing."""
        self.folder = Path(self.mktemp())
        self.sent: list[tuple[str, str, bytes]] = []
        self.outside = Outside(
            self.folder, lambda *message: self.sent.append(message), "example.test"
        )

    def give(self, local_part: str) -> list[RecipientOutcome]:
        """Send a message to it."""
        address = Address(local_part, DOMAIN)
        route = finish(self.outside.route(address))
        envelope = Envelope(
            "aaaa", ALICE, [Recipient(address)], Peer("::1"), "h", "ESMTP", 0.0
        )
        body = self.outside.begin(envelope, [route])
        finish(body.write(CONTENT[:5]))
        finish(body.write(CONTENT[5:]))
        return list(finish(body.commit()))

    @rows(
        bounce=("bounce-1", PermanentFailure),
        defer=("defer.me", TemporaryFailure),
        elsewhere=("x", PermanentFailure),
    )
    def test_refused(self, local_part: str, failure: type[DeliveryFailure]) -> None:
        """Some are refused at RCPT."""
        domain = "example.net" if local_part == "x" else DOMAIN
        address = Address(local_part, domain)
        self.assertRaises(failure, finish, self.outside.route(address))

    def test_taken(self) -> None:
        """Anybody else has it, as a file."""
        self.assertEqual(self.give("carol"), [Delivered()])
        (path,) = self.folder.iterdir()
        content = path.read_bytes()
        self.assertTrue(content.startswith(b"Return-Path: <alice@example.test>\r\n"))
        self.assertTrue(content.endswith(CONTENT))
        self.assertEqual(self.sent, [])

    def test_rejected(self) -> None:
        """One reads before it rejects."""
        (outcome,) = self.give("reject")
        self.assertTrue(isinstance(outcome, Failed) and outcome.permanent)
        self.assertFalse(self.folder.exists())

    def test_greylisted(self) -> None:
        """One takes it at the second attempt."""
        (outcome,) = self.give("greylist")
        self.assertTrue(isinstance(outcome, Failed) and not outcome.permanent)
        self.assertEqual(self.give("greylist"), [Delivered()])

    def test_forward(self) -> None:
        """One sends it back to somebody at home, without what a mailbox adds."""
        self.assertEqual(self.give("forward+bob"), [Delivered()])
        ((sender, recipient, content),) = self.sent
        self.assertEqual(sender, f"forward@{DOMAIN}")
        self.assertEqual(recipient, "bob@example.test")
        self.assertTrue(content.startswith(b"Received: from h"))
        self.assertNotIn(b"Return-Path", content)
        self.assertTrue(content.endswith(CONTENT))
