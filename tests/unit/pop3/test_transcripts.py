"""The dialogues of the RFCs, whole, octet by octet and at random cuts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.pop.locking import Terms
from mailapp.pop3.protocol import compose_pop3
from mailapp.pop3.service import Service
from mailapp.storage.maildrop import PURPOSE
from tests import svt
from tests.play import CUTS, play
from tests.threats import threat
from tests.unit.pop.support import now
from tests.unit.pop3.support import Server


class TranscriptTests(SynchronousTestCase):
    """All of tests/transcripts/pop3_*.svt."""

    def play(self, name: str) -> None:
        """Play one file at every cut."""
        vectors = svt.load(name)
        self.assertTrue(vectors)
        for vector in vectors:
            for cut in CUTS.values():
                server = Server(*svt.messages(vector.fixture("msg")))
                secret = vector.fixture("pass") or vector.fixture("secret")
                server.user.name = vector.fixture("user").encode()
                server.user.secret = secret.encode()
                server.authenticator.apop_on = vector.fixture("apop") == "yes"
                server.authenticator.in_clear = vector.fixture("clear") != "no"
                server.tls_available = vector.fixture("tls") != "no"
                if vector.fixture("locked-by-other-session") == "yes":
                    now(server.account.lease(PURPOSE, "another", 60))
                service = Service(
                    server.authenticator,
                    Terms(server.clock),
                    server.tokens.__next__,
                    "mail.example.test",
                    tls_available=server.tls_available,
                )
                play(vector, compose_pop3(service), cut)

    def test_rfc_1939(self) -> None:
        """The dialogues of RFC 1939 go as printed."""
        self.play("pop3_rfc1939.svt")

    @threat(7, 29)
    def test_extensions(self) -> None:
        """So do those of RFC 2449, RFC 2595, RFC 3206 and RFC 5034."""
        self.play("pop3_extensions.svt")

    def test_rfc_6856(self) -> None:
        """LANG and UTF8 (RFC 6856, sections 2 and 3)."""
        self.play("pop3_rfc6856.svt")
