"""Tests of CRAM-MD5 through the authenticator and twisted.cred."""

from __future__ import annotations

import hmac
from typing import Any

from attrs import evolve

from mailapp.auth.checkers import cram_matches
from mailapp.auth.interfaces import Challenge, IMaildropAvatar, Refusal, Refused
from mailapp.core.secret import Secret
from tests.threats import threat
from tests.unit.auth.support import ALICE, BAD, BOB, CLEAR, SAFE, AuthCase
from tests.unit.sasl.vectors import vectors


class CramMd5Tests(AuthCase):
    """Alice opted in."""

    def setUp(self) -> None:
        """And the administrator too."""
        super().setUp()
        self.accounts.set_sealed(ALICE, self.key.seal(Secret(b"tanstaaf"), ALICE))
        legacy = evolve(self.authentication, cram_md5=True, hostname="mx.test")
        self.legacy = legacy.authenticator(IMaildropAvatar)

    def log_in(self, name: bytes, secret: bytes) -> Any:
        """One exchange."""
        exchange: Any = self.legacy.exchange("cram-md5", SAFE)
        challenge = self.now(exchange.respond(None))
        assert isinstance(challenge, Challenge)
        self.assertRegex(challenge.octets, rb"\A<[A-Za-z0-9+/]{24}@mx\.test>\Z")
        digest = hmac.new(secret, challenge.octets, "md5").hexdigest()
        return self.now(exchange.respond(name + b" " + digest.encode()))

    def test_vector(self) -> None:
        """The example of RFC 2195, section 2."""
        (vector,) = vectors("CRAM-MD5")
        values = vector.values
        good = cram_matches(
            Secret(values["secret"].encode()),
            values["challenge"].encode(),
            vector.expected.split(" ")[1].encode(),
        )
        self.assertTrue(good)

    def test_login(self) -> None:
        """Who knows the password gets in."""
        self.assertEqual(self.account_of(self.log_in(b"Alice", b"tanstaaf")), ALICE)

    @threat(40, 50)
    def test_refused(self) -> None:
        """A wrong password, an account without opt-in and nobody: all the same."""
        for name, secret in (
            (b"alice", b"wrong"),
            (BOB.encode(), b"pencil bob@example.test"),
            (b"nobody", b"x"),
        ):
            self.assertEqual(self.log_in(name, secret), BAD)

    @threat(50)
    def test_off(self) -> None:
        """It is off by default, also for those who opted in, and never in clear."""
        self.assertEqual(
            self.authenticator.exchange("CRAM-MD5", SAFE), Refused(Refusal.MECHANISM)
        )
        self.assertNotIn("CRAM-MD5", self.authenticator.mechanisms(SAFE))
        self.assertIn("CRAM-MD5", self.legacy.mechanisms(SAFE))
        self.assertEqual(self.legacy.mechanisms(CLEAR), ())
