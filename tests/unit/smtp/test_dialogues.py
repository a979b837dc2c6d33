"""The transcripts of LMTP (RFC 2033), BDAT (RFC 3030) and DSN (RFC 3461)."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import Connection, Session
from mailapp.core.envelope import Body, Notify, OriginalRecipient, Return
from mailapp.core.peer import Peer
from mailapp.core.status import MAILBOX_FULL
from mailapp.delivery.types import Failed
from mailapp.smtp.lmtp import LMTP
from mailapp.smtp.protocol import compose_smtp
from tests.play import CUTS, Cut, play
from tests.rows import rows, tabled
from tests.svt import load
from tests.threats import threat
from tests.unit.smtp.ledger import PROFILE, Ledger, Rules

VECTORS = {
    vector.id: vector
    for name in ("lmtp_rfc2033.svt", "smtp_rfc3030.svt", "smtp_rfc3461.svt")
    for vector in load(name)
}
_CUTS = {name.replace(" ", "_"): cut for name, cut in CUTS.items()}


@tabled
class DialogueTests(SynchronousTestCase):
    """The dialogues of the RFCs, whole, octet by octet and at random cuts."""

    def _play(self, name: str, cut: Cut) -> Ledger:
        vector = VECTORS[name]
        ledger = Ledger(
            domain=vector.fixture("domain"), users=vector.fixture("users").split(",")
        )
        full = vector.fixture("over-quota")
        if full:
            ledger.outcomes[full] = Failed(MAILBOX_FULL, permanent=False)
        profile = evolve(PROFILE, queue=True)
        if vector.fixture("lmtp") == "yes":
            profile = evolve(profile, dialect=LMTP)

        def compose(peer: Peer) -> tuple[Connection, Session]:
            return compose_smtp(
                profile, ledger, Rules(), now=lambda: 0.0, token=lambda: "t"
            )(peer)

        wire = play(vector, compose, cut)
        self.assertTrue(wire.closed)
        self.assertEqual(ledger.open_bodies, [])
        expected = vector.fixture("expect-octets")
        if expected:
            (stored,) = ledger.stored
            self.assertEqual(len(stored.content), int(expected))
        return ledger

    @rows(
        **{
            f"{vector.replace('.', '_')}_{cut_name}": (vector, cut)
            for vector in VECTORS
            for cut_name, cut in _CUTS.items()
        }
    )
    @threat(5, 10, 24)
    def test_dialogue(self, name: str, cut: Cut) -> None:
        """Every reply is as the RFC wants it, and nothing is left over."""
        self._play(name, cut)

    @rows(**{name: (cut,) for name, cut in _CUTS.items()})
    def test_each_once(self, cut: Cut) -> None:
        """Named twice, answered twice, and the message is stored once."""
        (stored,) = self._play("lmtp.rfc2033.s4.2.twice", cut).stored
        self.assertEqual(stored.recipients, ["pat@foo.edu", "green@foo.edu"])
        self.assertEqual(stored.envelope.protocol, "LMTP")

    @rows(**{name: (cut,) for name, cut in _CUTS.items()})
    def test_binary(self, cut: Cut) -> None:
        """A NUL and a bare LF are kept, and a chunk is no command."""
        (stored,) = self._play("smtp.rfc3030.s4.2", cut).stored
        self.assertEqual(stored.content, b"Subject: x\r\n\r\n\0\nQUIT\r\n")
        self.assertIs(stored.envelope.body, Body.BINARY)

    @rows(**{name: (cut,) for name, cut in _CUTS.items()})
    def test_reports(self, cut: Cut) -> None:
        """What was said of reports reaches the envelope."""
        (stored,) = self._play("smtp.rfc3461.s5.1", cut).stored
        envelope = stored.envelope
        self.assertIs(envelope.returned, Return.HEADERS)
        self.assertEqual(envelope.envelope_id, "QQ314159")
        jones, brown = envelope.recipients
        self.assertEqual(jones.notify, Notify.SUCCESS | Notify.FAILURE)
        self.assertEqual(jones.original, OriginalRecipient("rfc822", "Jones+x@bar.com"))
        self.assertIsNone(brown.notify)
        self.assertIsNone(brown.original)
