"""The dialogues of RFC 937, whole, octet by octet and at random cuts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.pop2.protocol import compose_pop2
from mailapp.storage.types import INBOX
from tests import svt
from tests.play import CUTS, Mismatch, play
from tests.threats import threat
from tests.unit.pop2.support import Server

VECTORS = svt.load("pop2_rfc937.svt")


def server_for(vector: svt.Vector) -> Server:
    """A server with the mailboxes of the vector."""
    server = Server()
    server.user.name = vector.fixture("user").encode()
    server.user.secret = svt.unescape(vector.fixture("pass")).encode()
    for fixture in vector.fixtures:
        name = fixture.get("box", "default")
        folder = INBOX if name == "default" else (name,)
        for message in svt.messages(fixture.get("msg", "")):
            server.deliver(message, folder)
    return server


class TranscriptTests(SynchronousTestCase):
    """All of tests/transcripts/pop2_*.svt."""

    @threat(77)
    def test_rfc_937(self) -> None:
        """The dialogues of RFC 937 go as printed, and as its tables say."""
        played = [vector for vector in VECTORS if not vector.expected_to_fail]
        self.assertEqual(18, len(played))
        for vector in played:
            for cut in CUTS.values():
                play(vector, compose_pop2(server_for(vector).service()), cut)

    def test_example_1(self) -> None:
        """After example 1 the mailbox is empty."""
        (vector,) = (v for v in VECTORS if v.id == "pop2.rfc937.example1")
        server = server_for(vector)
        play(vector, compose_pop2(server.service()))
        self.assertEqual([], server.bodies())

    def test_example_3(self) -> None:
        """Example 3 closes where page 7 and the table answer =0; we do as they say."""
        (vector,) = (v for v in VECTORS if v.expected_to_fail)
        with self.assertRaises(Mismatch):
            play(vector, compose_pop2(server_for(vector).service()))
