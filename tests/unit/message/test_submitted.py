"""Tests of mailapp.message.submitted: what is mended, and what is refused."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.failures import SyntaxProblem
from mailapp.message.fields import parse_header
from mailapp.message.submitted import Submission, identities, mend, read_submitted
from tests.rows import rows, tabled
from tests.threats import threat

ALICE = Address("alice", "example.test")
FACTS = Submission(now=0.0, message_id="t0@mx.test", sender=ALICE)
FROM = b"From: alice@example.test\r\n"
DATE = b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"
MESSAGE_ID = b"Message-ID: <t0@mx.test>\r\n"
WHOLE = b"Date: x\r\nMessage-ID: y\r\n"
TWO = b"From: a@example.test, b@example.test\r\n"


@tabled
class MendTests(SynchronousTestCase):
    """RFC 6409, section 8."""

    @rows(
        both=(FROM, DATE + MESSAGE_ID + FROM),
        date=(b"message-id: y\r\n" + FROM, DATE + b"message-id: y\r\n" + FROM),
        message_id=(b"DATE: x\r\n" + FROM, MESSAGE_ID + b"DATE: x\r\n" + FROM),
        neither=(WHOLE + FROM, WHOLE + FROM),
        bcc=(WHOLE + b"Bcc: x@y.z,\r\n\tb\r\n" + FROM, WHOLE + FROM),
        bccs=(b"bcc:\r\n" + WHOLE + FROM + b"BCC: a\r\nBCC: b\r\n", WHOLE + FROM),
        resent=(WHOLE + FROM + b"Resent-Bcc: a@b.c\r\n", WHOLE + FROM),
        sender=(WHOLE + TWO, b"Sender: <alice@example.test>\r\n" + WHOLE + TWO),
        sender_there=(
            WHOLE + TWO + b"Sender: a@example.test\r\n",
            WHOLE + TWO + b"Sender: a@example.test\r\n",
        ),
        odd_spelling=(
            WHOLE + b"fROM:\r\n =?utf-8?q?J=C3=BCrgen?= (x)\r\n\t<a@b.c>\r\n",
            WHOLE + b"fROM:\r\n =?utf-8?q?J=C3=BCrgen?= (x)\r\n\t<a@b.c>\r\n",
        ),
        no_recipients=(
            WHOLE + FROM + b"To: undisclosed-recipients:;\r\nCc:\r\n",
            WHOLE + FROM + b"To: undisclosed-recipients:;\r\nCc:\r\n",
        ),
        sloppy=(
            WHOLE + FROM + b"To: a@b.c,, d@e.f,\r\n",
            WHOLE + FROM + b"To: a@b.c,, d@e.f,\r\n",
        ),
        literal=(
            WHOLE + FROM + b"To: a@[192.0.2.1]\r\n",
            WHOLE + FROM + b"To: a@[192.0.2.1]\r\n",
        ),
    )
    def test_mended(self, given_: bytes, expected: bytes) -> None:
        """What is missing is added on top; what was there stays as it was."""
        self.assertEqual(mend(given_, FACTS), expected)
        self.assertEqual(mend(expected, FACTS), expected)

    @rows(
        two_froms=(FROM + FROM, "more than one From"),
        two_dates=(WHOLE + FROM + b"Date: z\r\n", "more than one Date"),
        two_subjects=(FROM + b"Subject: a\r\nsubject: b\r\n", "more than one subject"),
        no_field=(FROM + b"hello\r\n", "no field"),
        mbox=(b"From alice Mon Jan 1\r\n" + FROM, "no field"),
        folded_start=(b" x\r\n" + FROM, "no field"),
        space=(b"From : alice@example.test\r\n", "space before"),
        name_only=(b"From: alice\r\n", "From has no proper"),
        nobody=(b"From: \r\n", "From has no proper"),
        no_member=(b"From: nobody:;\r\n", "From has no proper"),
        short=(b"From: alice@example\r\n", "without a full domain"),
        short_to=(FROM + b"To: bob@office\r\n", "To has an address without"),
        no_domain=(FROM + b"Cc: bob\r\n", "Cc has no proper"),
        encoded=(b"From: =?utf-8?q?a?=@example.test\r\n", "From has no proper"),
        route=(b"From: <@a.b:c@d.e>\r\n", "From has no proper"),
        nested=(b"From: <<a@b.c>>\r\n", "From has no proper"),
        extra=(b"From: a@b.c d@e.f\r\n", "From has no proper"),
        quote=(b'From: "a@b.c" d@e.f\r\n', "From has no proper"),
        unclosed=(b'From: "a <b@c.d>\r\n', "From has no proper"),
        two_senders=(TWO + b"Sender: a@b.c, d@e.f\r\n", "Sender has no proper"),
        group_sender=(FROM + b"Sender: x: a@b.c;\r\n", "Sender has no proper"),
        nul=(b"From: a@b.c\r\nX: \0\r\n", "NUL"),
        bare_lf=(b"From: a@b.c\nX: y\r\n", "proper end"),
    )
    @threat(4, 28, 94)
    def test_refused(self, header: bytes, words: str) -> None:
        """What two programs could read in two ways comes back to its author."""
        with self.assertRaises(SyntaxProblem) as caught:
            mend(header, FACTS)
        self.assertIn(words, caught.exception.reason)

    def test_sender_unknown(self) -> None:
        """Several authors need a Sender, and nobody is invented."""
        unknown = evolve(FACTS, sender=None)
        self.assertRaises(SyntaxProblem, mend, TWO, unknown)
        greek = evolve(FACTS, sender=Address("άλφα", "example.test"))
        self.assertRaises(SyntaxProblem, mend, TWO, greek)
        mended = mend(TWO, evolve(greek, utf8=True))
        self.assertIn("Sender: <άλφα@example.test>\r\n".encode(), mended)

    @rows(
        empty=(b"", DATE + MESSAGE_ID + b"From: <alice@example.test>\r\n"),
        subject=(
            WHOLE + b"Subject: s\r\n",
            b"From: <alice@example.test>\r\n" + WHOLE + b"Subject: s\r\n",
        ),
        resent=(
            WHOLE + b"Resent-From: a@b.c\r\n",
            b"From: <alice@example.test>\r\n" + WHOLE + b"Resent-From: a@b.c\r\n",
        ),
    )
    def test_from_added(self, header: bytes, expected: bytes) -> None:
        """Who logged in is the author where the header names none."""
        facts = evolve(FACTS, author=ALICE)
        self.assertEqual(mend(header, facts), expected)
        self.assertEqual(mend(expected, facts), expected)

    @rows(empty=b"", dated=WHOLE)
    def test_author_unknown(self, header: bytes) -> None:
        """A From is not invented for who did not log in, nor one of UTF-8 in ASCII."""
        greek = evolve(FACTS, author=Address("άλφα", "example.test"))
        for facts in (FACTS, greek):
            with self.assertRaises(SyntaxProblem) as caught:
                mend(header, facts)
            self.assertIn("no From", caught.exception.reason)
        mended = mend(header, evolve(greek, utf8=True))
        self.assertIn("From: <άλφα@example.test>\r\n".encode(), mended)

    def test_own_short_domain(self) -> None:
        """A domain of ours that has no dot is as full as it can be."""
        header = WHOLE + b"From: a@office\r\n"
        facts = evolve(FACTS, short_domains=["office"])
        self.assertEqual(mend(header, facts), header)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    [
                        *(FROM, TWO, b"Bcc: a@b.c\r\n", b"Date: x\r\n"),
                        *(b"Sender: a@b.c\r\n", b"X: \xc3\xa4\r\n", b" fold\r\n"),
                        b"Message-ID: <a>\r\n",
                    ]
                ),
                st.binary(max_size=20),
            ),
            max_size=6,
        )
    )
    def test_any(self, lines: list[bytes]) -> None:
        """Refused, or exactly one From, a Date, a Message-ID, no Bcc, all else kept."""
        header = b"".join(lines)
        try:
            mended = mend(header, FACTS)
        except SyntaxProblem:
            return
        parsed = parse_header(mended)
        for name in (b"from", b"date", b"message-id"):
            self.assertEqual(len(parsed.all(name)), 1)
        self.assertEqual(parsed.all(b"bcc"), [])
        kept = [f for f in parse_header(header).fields if not f.is_named(b"bcc")]
        self.assertTrue(
            mended.endswith(b"".join(header[f.start : f.end] for f in kept))
        )


@tabled
class IdentityTests(SynchronousTestCase):
    """Everybody who is named as author or sender (threat 28)."""

    @rows(
        one=(FROM, ["alice@example.test"]),
        several=(TWO, ["a@example.test", "b@example.test"]),
        sender=(FROM + b"Sender: x@y.z\r\n", ["alice@example.test", "x@y.z"]),
        group=(b"From: us: a@b.c, d@e.f;\r\n", ["a@b.c", "d@e.f"]),
        resent=(
            FROM + b"Resent-From: r@s.t\r\nResent-Sender: u@v.w\r\n",
            ["alice@example.test", "r@s.t", "u@v.w"],
        ),
        comment=(b"From: a@b.c (x@y.z)\r\n", ["a@b.c"]),
        named=(b'From: "x@y.z" <a@b.c>\r\n', ["a@b.c"]),
        quoted=(b'From: "a b"@c.d\r\n', ['"a b"@c.d']),
    )
    @threat(28)
    def test_found(self, header: bytes, expected: list[str]) -> None:
        """All of them are found, and no one else."""
        found = identities(read_submitted(header))
        self.assertEqual([str(address) for address in found], expected)
