"""Tests of APOP through the authenticator and twisted.cred."""

from __future__ import annotations

from typing import Any

from mailapp.auth.interfaces import (
    Refusal,
    Refused,
)
from mailapp.core.peer import Peer
from mailapp.core.secret import Secret
from mailapp.sasl import base64
from tests.threats import threat
from tests.unit.auth.support import (
    ALICE,
    BAD,
    BOB,
    CLEAR,
    SAFE,
    AuthCase,
)


class ApopOffTests(AuthCase):
    """APOP where nobody asked for it."""

    @threat(49)
    def test_off(self) -> None:
        """It is off by default, also for those who opted in."""
        self.accounts.set_sealed(ALICE, self.key.seal(Secret(b"tanstaaf"), ALICE))
        self.assertFalse(self.authenticator.apop_allowed(SAFE))
        result = self.now(self.authenticator.apop(b"alice", b"", b"<x>", SAFE))
        self.assertEqual(result, Refused(Refusal.MECHANISM))


class ApopTests(AuthCase):
    """APOP where the admin turned it on."""

    apop = True
    TIMESTAMP = b"<1896.697170952@dbc.mtview.ca.us>"
    DIGEST = b"c4c9334bac560ecc979e58001b3e22fb"

    def setUp(self) -> None:
        """Alice opted in."""
        super().setUp()
        self.accounts.set_sealed(ALICE, self.key.seal(Secret(b"tanstaaf"), ALICE))

    def apop_as(self, name: bytes, digest: bytes, peer: Peer = SAFE) -> Any:
        """One APOP."""
        return self.now(self.authenticator.apop(name, digest, self.TIMESTAMP, peer))

    def test_example(self) -> None:
        """RFC 1939, section 7: the example there."""
        self.assertTrue(self.authenticator.apop_allowed(SAFE))
        self.assertEqual(self.account_of(self.apop_as(b"alice", self.DIGEST)), ALICE)

    def test_bad(self) -> None:
        """Another digest, or another account, or one that did not opt in."""
        for name, digest in (
            (b"alice", self.DIGEST.upper()),
            (b"alice", b""),
            (b"alice", b"0" * 32),
            (b"bob", self.DIGEST),
            (b"carol", self.DIGEST),
            (b"\xff", self.DIGEST),
        ):
            self.assertEqual(self.apop_as(name, digest), BAD)

    @threat(29)
    def test_in_the_clear(self) -> None:
        """Not even APOP in the clear, where cleartext is not allowed."""
        self.assertFalse(self.authenticator.apop_allowed(CLEAR))
        result = self.apop_as(b"alice", self.DIGEST, CLEAR)
        self.assertEqual(result, Refused(Refusal.CLEARTEXT))

    @threat(50)
    def test_sealed(self) -> None:
        """The accounts file shows no secret, and sealed for alice is not for bob."""
        found = self.accounts.verifiers(ALICE)
        assert found is not None
        assert found.sealed is not None
        self.accounts.set_sealed(BOB, found.sealed)
        self.assertEqual(self.apop_as(b"bob", self.DIGEST), BAD)
        self.accounts.close()
        for form in (b"tanstaaf", base64.encode(b"tanstaaf")):
            self.assertNotIn(form, self.path.read_bytes())
