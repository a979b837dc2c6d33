"""Tests of mailapp.sasl.cram_md5."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.sasl.cram_md5 import CramMd5
from mailapp.sasl.mechanism import SYNTAX, Challenge, Channel, Digest, Done
from tests.rows import rows, tabled
from tests.unit.sasl.vectors import vectors

CHANNEL = Channel(
    {}, plus_offered=False, client_name=None, nonce=lambda: "nonce", host_name="mx.test"
)
DIGEST = b"b913a602c7eda7a495b4e6e7334d3890"


@tabled
class CramMd5Tests(SynchronousTestCase):
    """RFC 2195."""

    def test_challenge(self) -> None:
        """A msg-id with the server's name; then the client's words end it."""
        machine = CramMd5(CHANNEL)
        self.assertEqual(machine.step(None), Challenge(b"<nonce@mx.test>"))
        step = machine.step(b"tim " + DIGEST)
        self.assertEqual(step, Done(Digest("tim", "", b"<nonce@mx.test>", DIGEST)))
        self.assertEqual(machine.step(b"tim " + DIGEST), SYNTAX)

    def test_vector(self) -> None:
        """The example of section 2: name and digest are told apart."""
        (vector,) = vectors("CRAM-MD5")
        machine = CramMd5(evolve(CHANNEL, nonce=lambda: "1896.697170952"))
        machine.step(None)
        step = machine.step(vector.expected.encode())
        assert isinstance(step, Done)
        assert isinstance(step.claim, Digest)
        self.assertEqual(step.claim.name, vector.values["user"])
        self.assertEqual(step.claim.digest, DIGEST)

    def test_too_early(self) -> None:
        """No response comes before the challenge (RFC 4954, section 4)."""
        machine = CramMd5(CHANNEL)
        self.assertEqual(machine.step(b"tim " + DIGEST), SYNTAX)
        self.assertEqual(machine.step(None), SYNTAX)

    @rows(
        empty=b"",
        no_name=b" " + DIGEST,
        no_digest=b"tim",
        short=b"tim " + DIGEST[:-1],
        long=b"tim " + DIGEST + b"0",
        capitals=b"tim " + DIGEST.upper(),
        not_utf8=b"\xff " + DIGEST,
    )
    def test_malformed(self, response: bytes) -> None:
        """What breaks the form ends the exchange."""
        machine = CramMd5(CHANNEL)
        machine.step(None)
        self.assertEqual(machine.step(response), SYNTAX)
