"""mailapp.delivery.stamp."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.delivery.stamp import stamp
from mailapp.message.trace import received
from tests.threats import threat
from tests.unit.delivery.doubles import ALICE, BOB, envelope

HOST = "mx.example.test"


class StampTests(SynchronousTestCase):
    """What stands above the content."""

    def test_one(self) -> None:
        """Return-Path, Delivered-To and Received, in this order and form."""
        self.assertEqual(
            b"Return-Path: <carol@example.net>\r\n"
            b"Delivered-To: alice@example.test\r\n" + received(envelope(ALICE), HOST),
            stamp(envelope(ALICE), HOST),
        )

    def test_bounce(self) -> None:
        """The null reverse-path is an empty Return-Path."""
        self.assertTrue(
            stamp(envelope(ALICE, reverse_path=None), HOST).startswith(
                b"Return-Path: <>\r\n"
            )
        )

    def test_two(self) -> None:
        """With two recipients neither is named."""
        self.assertNotIn(b"alice", stamp(envelope(ALICE, BOB), HOST))
        self.assertNotIn(b"Delivered-To", stamp(envelope(ALICE, BOB), HOST))

    @threat(4)
    def test_fields(self) -> None:
        """Fields of policy stand below ours; one that would break out is refused."""
        top = stamp(envelope(ALICE), HOST, [("X-Spam", "no"), ("X-Other", "ä")])
        self.assertTrue(top.startswith(stamp(envelope(ALICE), HOST)))
        self.assertIn(b"\r\nX-Spam: no\r\nX-Other: =?", top)
        for name, value in [("X", "a\r\nTo: b"), ("X\r\nTo", "b"), ("X Y", "b")]:
            self.assertRaises(
                SyntaxProblem, stamp, envelope(ALICE), HOST, [(name, value)]
            )
