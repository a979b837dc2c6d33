"""Tests of mailapp.smtp.submission: mending while the message streams by."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import PermanentFailure
from mailapp.message.fields import parse_header
from mailapp.smtp.submission import SubmissionDelivery, SubmittedBody
from tests.play import Wire
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import ALICE
from tests.unit.smtp.ledger import CLIENT, Ledger, LedgerBody, codes, dial, say
from tests.unit.smtp.test_auth import MAIL, PLAIN, SubmissionCase

ENVELOPE = Envelope(
    id="t0",
    reverse_path=None,
    recipients=[Recipient(Address("Jones", "foo.com"))],
    peer=CLIENT,
    helo="a",
    protocol="ESMTPSA",
    received_at=0.0,
    account=ALICE,
)
FROM = b"From: alice@example.test\r\n"
OWN = b"From: <alice@example.test>\r\n"
ADDED = b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <t0@mx.foo.com>\r\n"


@tabled
class BodyTests(SynchronousTestCase):
    """One message in pieces."""

    def setUp(self) -> None:
        """A server that keeps books."""
        self.ledger = Ledger()

    async def work(self, pieces: list[bytes]) -> None:
        """Write and commit these pieces."""
        delivery = SubmissionDelivery(self.ledger, "mx.foo.com")
        route = await delivery.route(ENVELOPE.recipients[0].address)
        body = delivery.begin(ENVELOPE, [route])
        for piece in pieces:
            await body.write(piece)
        await body.commit()

    def send(self, pieces: list[bytes]) -> bytes:
        """What is stored of these pieces."""
        self.successResultOf(Deferred.fromCoroutine(self.work(pieces)))
        return self.ledger.stored[-1].content

    @rows(
        usual=(FROM + b"\r\nhello\r\n", ADDED + FROM + b"\r\nhello\r\n"),
        no_body=(FROM + b"\r\n", ADDED + FROM + b"\r\n"),
        no_empty_line=(FROM, ADDED + FROM),
        no_line_end=(FROM[:-2], ADDED + FROM),
        no_from=(b"A: b\r\n\r\n", ADDED + OWN + b"A: b\r\n\r\n"),
        no_header=(b"\r\nhello\r\n", ADDED + OWN + b"\r\nhello\r\n"),
        bcc_in_body=(
            FROM + b"\r\nBcc: x\r\n\r\nFrom: y\r\n",
            ADDED + FROM + b"\r\nBcc: x\r\n\r\nFrom: y\r\n",
        ),
    )
    def test_cuts(self, content: bytes, expected: bytes) -> None:
        """Whole, octet by octet, and cut in two at each place: the same comes out."""
        self.assertEqual(self.send([content]), expected)
        octets = [content[i : i + 1] for i in range(len(content))]
        self.assertEqual(self.send(octets), expected)
        for cut in range(len(content)):
            self.assertEqual(self.send([content[:cut], content[cut:]]), expected)

    def test_streams(self) -> None:
        """The header goes out with the piece that ends it; the body is never held."""
        body = LedgerBody(self.ledger, ENVELOPE, ())
        submitted = SubmittedBody(body, lambda header: b"X: y\r\n" + header)

        async def work() -> None:
            for piece in (b"A: b\r\n", b"C: d\r\n\r\nfirst", b"second", b"third"):
                await submitted.write(piece)

        self.successResultOf(Deferred.fromCoroutine(work()))
        self.assertEqual(
            body.chunks,
            [b"X: y\r\nA: b\r\nC: d\r\n\r\nfirst", b"second", b"third"],
        )
        submitted.abort()
        self.assertTrue(body.aborted)

    @rows(
        no_field=([b"hello\r\n"], (6, 0)),
        nobody=([b"From: \r\n\r\n"], (6, 0)),
        huge=([b"A: " + b"x" * 2**20, b"x" * 9], (3, 4)),
    )
    @threat(4, 14)
    def test_refused(self, pieces: list[bytes], status: tuple[int, int]) -> None:
        """What can't be mended fails for good."""
        working = Deferred.fromCoroutine(self.work(pieces))
        problem = self.failureResultOf(working, PermanentFailure).value
        assert isinstance(problem, PermanentFailure)
        found = problem.status
        self.assertEqual((found.subject, found.detail), status)
        self.assertEqual(self.ledger.stored, [])

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=60), st.lists(st.integers(0, 120), max_size=5))
    def test_body_stays(self, body: bytes, places: list[int]) -> None:
        """The octets of a body come out as they went in, wherever they are cut."""
        content = FROM + b"\r\n" + body
        ends = sorted({min(place, len(content)) for place in places} | {len(content)})
        pieces = [content[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        self.assertEqual(self.send(pieces), ADDED + FROM + b"\r\n" + body)


class ListenerTests(SubmissionCase):
    """The same message handed in to both kinds of listener."""

    MESSAGE = (
        b"fROM:  Alice\r\n\t<alice@example.test>\r\nX-Odd:a\r\nBcc: secret@x.yz\r\n"
        b"To: Jones@foo.com\r\n\r\nBcc: text\r\n..\r\n\xe4\r\n"
    )

    def submit(self, message: bytes) -> tuple[int, Wire]:
        """Hand in; the code of the last reply."""
        delivery = SubmissionDelivery(self.ledger, "mx.foo.com")
        plain, self.ledger = self.ledger, delivery  # type: ignore[assignment]
        wire = self.connect()
        self.ledger = plain
        say(wire, b"AUTH PLAIN " + PLAIN)
        return self.transfer(wire, message), wire

    def transfer(self, wire: Wire, message: bytes) -> int:
        """MAIL to the end of data."""
        say(wire, MAIL, b"RCPT TO:<Jones@foo.com>", b"DATA")
        wire.feed(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        (code,) = codes(wire.take())
        return code

    def test_same_message(self) -> None:
        """On 25 nothing changes; on 587 Date and Message-ID are added, Bcc is gone."""
        mta = dial(self.ledger)
        say(mta, b"EHLO bar.com")
        self.assertEqual(self.transfer(mta, self.MESSAGE), 250)
        code, _ = self.submit(self.MESSAGE)
        self.assertEqual(code, 250)
        received, submitted = (stored.content for stored in self.ledger.stored)
        self.assertEqual(received, self.MESSAGE)
        expected = self.MESSAGE.replace(b"Bcc: secret@x.yz\r\n", b"")
        self.assertTrue(submitted.endswith(expected))
        added = parse_header(submitted[: -len(expected)])
        self.assertEqual([f.name for f in added.fields], [b"Date", b"Message-ID"])

    def test_refused(self) -> None:
        """554 5.6.0 at the end of data; the session goes on, and nothing is stored."""
        code, wire = self.submit(b"From: nobody\r\n\r\nhello\r\n")
        self.assertEqual(code, 554)
        self.assertEqual(self.ledger.stored, [])
        self.assertEqual(self.ledger.open_bodies, [])
        self.assertEqual(self.transfer(wire, FROM + b"\r\n"), 250)

    def test_author(self) -> None:
        """A message without From is from its reverse-path, which is the login's."""
        code, _ = self.submit(b"Subject: mine\r\n\r\nhello\r\n")
        self.assertEqual(code, 250)
        (stored,) = self.ledger.stored
        self.assertEqual(
            stored.content.partition(b"Message-ID")[2].partition(b"\r\n")[2],
            b"From: <alice@example.test>\r\nSubject: mine\r\n\r\nhello\r\n",
        )

    def test_envelope_unchanged(self) -> None:
        """What delivery is told is what it would be told by any listener."""
        self.submit(FROM + b"\r\n")
        (stored,) = self.ledger.stored
        self.assertEqual(stored.envelope.account, ALICE)
        plain = evolve(stored.envelope, account=None)
        self.assertEqual(str(plain.reverse_path), "alice@example.test")
