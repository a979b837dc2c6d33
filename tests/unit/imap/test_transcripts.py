"""The dialogues of the RFCs, whole, octet by octet and at random cuts."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Sequence

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.credentials import Credentials
from mailapp.auth.exchange import Exchange
from mailapp.auth.interfaces import IExchange, LoggedIn, Refusal, Refused
from mailapp.auth.throttle import Attempt, Throttle
from mailapp.core.peer import Peer
from mailapp.imap.protocol import compose_imap
from mailapp.net.steps import finish
from mailapp.sasl.mechanism import Channel, Verifier
from mailapp.sasl.scram import ScramServer
from mailapp.storage.types import INBOX_ID, Append
from tests import svt
from tests.doubles import FakeAuthenticator, FakeAvatar, User
from tests.play import CUTS, play
from tests.rows import rows, tabled
from tests.svt import Vector
from tests.unit.imap.stage import Stage, prelude
from tests.unit.imap.support import Server

HEADER = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
)
BODY = b"x" * (3028 - 92 * 2) + b"\r\n" * 92
RECEIVED = 837596665  # 17-Jul-1996 02:44:25 -0700


class _Scram(FakeAuthenticator):
    """Knows one user and SCRAM-SHA-256, with the nonce and salt of the vector."""

    def __init__(self, user: User, vector: Vector) -> None:
        super().__init__([user], in_clear=False)
        self._clock = Clock()
        self._throttle = Throttle(self._clock)
        self._nonce = vector.fixture("server-nonce")
        salt = b64decode(vector.fixture("scram-salt"))
        rounds = int(vector.fixture("scram-iter"))
        salted = hashlib.pbkdf2_hmac("sha256", user.secret, salt, rounds)
        client = hmac.digest(salted, b"Client Key", "sha256")
        self._verifier = Verifier(
            salt,
            rounds,
            hashlib.sha256(client).digest(),
            hmac.digest(salted, b"Server Key", "sha256"),
        )

    def mechanisms(self, peer: Peer) -> Sequence[str]:
        """Also in the clear, as the RFC prints it."""
        del peer
        return ["SCRAM-SHA-256"]

    def exchange(self, mechanism: str, peer: Peer) -> IExchange | Refused:
        """See :class:`IAuthenticator`."""
        channel = Channel(
            {}, plus_offered=False, client_name=None, nonce=lambda: self._nonce
        )
        return Exchange(mechanism, ScramServer(channel), peer, self)

    async def verifier(self, name: str, mechanism: str) -> Verifier:
        """See :class:`mailapp.auth.exchange.Admission`."""
        del name, mechanism
        return self._verifier

    async def attempt(self, name: str, peer: Peer) -> Attempt | None:
        """See :class:`mailapp.auth.exchange.Admission`."""
        return await self._throttle.admit(name, peer)

    async def admit(
        self, credentials: Credentials, peer: Peer, mechanism: str
    ) -> LoggedIn | Refused:
        """See :class:`mailapp.auth.exchange.Admission`."""
        del credentials, peer, mechanism
        return LoggedIn(FakeAvatar(self.users[0]), lambda: None)

    def refused(
        self, name: str, peer: Peer, mechanism: str, reason: Refusal
    ) -> Refused:
        """See :class:`mailapp.auth.exchange.Admission`."""
        del name, peer, mechanism
        return Refused(reason)


def serve(vector: Vector) -> Server:
    """A server with the mailbox of the vector."""
    server = Server()
    inbox = server.account.state.boxes[INBOX_ID]
    inbox.uid_validity = int(vector.fixture("uidvalidity"))
    for number in range(1, int(vector.fixture("inbox-messages")) + 1):
        sink = server.account.stage()
        finish(sink.write(HEADER + BODY if number == 12 else b"\r\n"))
        append = Append(
            INBOX_ID, finish(sink.done()), frozenset({"\\Seen"}), received=RECEIVED
        )
        finish(server.account.commit([append], request_id=b"%d" % number))
    server.user.secret = vector.fixture("pass").encode()
    return server


_EXTENSIONS = sorted(
    path.name
    for path in svt.TRANSCRIPTS.glob("imap_rfc*.svt")
    if path.name != "imap_rfc9051_s8.svt"
)


@tabled
class TranscriptTests(SynchronousTestCase):
    """All of tests/transcripts/imap_*.svt."""

    @rows(**{name.removesuffix(".svt"): name for name in _EXTENSIONS})
    def test_extension(self, name: str) -> None:
        """What the RFC of an extension shows goes as printed, at every cut."""
        for vector in svt.load(name):
            begun = prelude(vector)
            vector.steps[:0] = begun
            for cut in CUTS.values():
                stage = Stage(vector)
                wire = play(vector, stage.compose(), cut, other=stage.other)
                self.assertEqual(bytes(wire.sent), b"", vector.id)

    def test_rfc_9051(self) -> None:
        """The dialogue of RFC 9051, section 8, goes as printed, at every cut."""
        self.assertEqual(342, len(HEADER))
        for vector in svt.load("imap_rfc9051_s8.svt"):
            for cut in CUTS.values():
                server = serve(vector)
                service = evolve(
                    server.service, authenticator=_Scram(server.user, vector)
                )
                wire = play(vector, compose_imap(service), cut)
                self.assertTrue(wire.closed)
