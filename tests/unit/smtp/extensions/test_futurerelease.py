"""FUTURERELEASE: what a report says of the wish (RFC 4865, section 5.1.2)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.smtp.profile import Login
from tests.rows import rows, tabled
from tests.unit.smtp.ledger import PROFILE, Ledger, dial, say


@tabled
class HoldRequestTests(SynchronousTestCase):
    """The value of the parameter goes with the envelope."""

    @rows(
        interval=(b" HOLDFOR=60", "for;60"),
        date=(b" HOLDUNTIL=2001-09-09T01:46:41Z", "until;2001-09-09T01:46:41Z"),
        small=(b" HOLDUNTIL=2001-09-09t01:46:41.5z", "until;2001-09-09T01:46:41Z"),
        none=(b"", None),
    )
    def test_kept(self, parameter: bytes, expected: str | None) -> None:
        """As the field of a report has it."""
        ledger = Ledger()
        profile = evolve(PROFILE, queue=True, login=Login.REQUIRED)
        wire = dial(ledger, profile=profile)
        say(wire, b"EHLO a", b"MAIL FROM:<a@b.c>" + parameter)
        say(wire, b"RCPT TO:<Jones@foo.com>", b"BDAT 0 LAST")
        self.assertEqual(ledger.stored[0].envelope.hold_request, expected)
