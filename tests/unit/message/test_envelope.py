"""ENVELOPE."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.envelope import EMPTY, addresses, envelope
from mailapp.message.fields import parse_header
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import syntax
from tests.unit.message.fixtures import message, names
from tests.unit.message.test_plain_addresses import lists

A = b'(NIL NIL "a" "b.c")'
SAMPLE = (
    b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"'
    b' "IMAP4rev2 WG mtg summary and minutes"'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' ((NIL NIL "imap" "cac.washington.edu"))'
    b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")'
    b'("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL'
    b' "<B27397-0100000@cac.washington.edu>")'
)


def fields(*lines: bytes) -> bytes:
    """The envelope of a header with these lines."""
    return envelope(parse_header(b"\r\n".join([*lines, b"", b""])))


@tabled
class EnvelopeTests(SynchronousTestCase):
    """RFC 9051, section 7.5.2."""

    def test_sample(self) -> None:
        """RFC 9051, section 8, octet for octet."""
        self.assertEqual(SAMPLE, envelope(parse_header(message("rfc9051-8"))))

    def test_no_header(self) -> None:
        """All members are NIL."""
        self.assertEqual(EMPTY, fields())

    @rows(
        absent=((), b"NIL", b"NIL"),
        empty=((b"Subject:", b"Date: "), b'""', b'""'),
        folded=((b"Subject: a\r\n b", b"Date:\tx"), b'"a b"', b'"x"'),
        twice=((b"Subject: a", b"subject: b"), b'"a"', b"NIL"),
        encoded=((b"SUBJECT: =?utf-8?q?=C3=A9?=",), b'"=?utf-8?q?=C3=A9?="', b"NIL"),
        eight_bit=((b"Subject: \xc3\xa9",), b"{2}\r\n\xc3\xa9", b"NIL"),
        nul=((b"Subject: a\0b",), b'"a b"', b"NIL"),
        quote=((b'Subject: "a\\b"',), b'"\\"a\\\\b\\""', b"NIL"),
        spaced=((b"Subject : a",), b'"a"', b"NIL"),
    )
    def test_texts(self, lines: tuple[bytes, ...], subject: bytes, date: bytes) -> None:
        """Unfolded, encoded-words as they are; the first field counts."""
        expected = b"(%b %b NIL NIL NIL NIL NIL NIL NIL NIL)" % (date, subject)
        self.assertEqual(expected, fields(*lines))

    @rows(
        author=((b"From: a@b.c",), (A, A, A)),
        empty=((b"From: a@b.c", b"Sender:", b"Reply-To: "), (A, A, A)),
        unreadable=((b"From: a@b.c", b"Sender: ,,"), (A, A, A)),
        sender=((b"From: a@b.c", b"Sender: s@b"), (A, b'(NIL NIL "s" "b")', A)),
        reply_to=((b"From: a@b.c", b"Reply-To: r@b"), (A, A, b'(NIL NIL "r" "b")')),
        none=((b"Sender: a@b.c",), (b"", A, b"")),
    )
    def test_defaults(
        self, lines: tuple[bytes, ...], authors: tuple[bytes, bytes, bytes]
    ) -> None:
        """Sender and Reply-To are From unless they say something."""
        shown = [b"(%b)" % author if author else b"NIL" for author in authors]
        expected = b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % tuple(shown)
        self.assertEqual(expected, fields(*lines))

    def test_lists(self) -> None:
        """RFC 5322, section 4.5.3: several To fields are one list."""
        expected = b"(NIL NIL NIL NIL NIL (%b%b) (%b) NIL NIL NIL)"
        found = fields(b"To: a@b.c", b"Cc: a@b.c", b"to: a@b.c")
        self.assertEqual(expected % (A, A, A), found)

    @rows(
        name=(b"Terry Gray <a@b.c>", b'(("Terry Gray" NIL "a" "b.c"))'),
        quoted=(b'"Gray, \\"T\\"" <a@b.c>', b'(("Gray, \\"T\\"" NIL "a" "b.c"))'),
        comment=(b"a@b.c (Terry)", b'(("Terry" NIL "a" "b.c"))'),
        route=(b"<@x,@y:a@b.c>", b'((NIL "@x,@y" "a" "b.c"))'),
        local=(b'"a b"@b.c', b'((NIL NIL "a b" "b.c"))'),
        literal=(b"a@[1.2.3.4]", b'((NIL NIL "a" "[1.2.3.4]"))'),
        no_domain=(b"root", b'((NIL NIL "root" ""))'),
        nothing=(b"<>", b'((NIL NIL "" ""))'),
        group=(
            b"A Group: a@b.c, X <a@b.c>;",
            b'((NIL NIL "A Group" NIL)' + A + b'("X" NIL "a" "b.c")(NIL NIL NIL NIL))',
        ),
        empty_group=(
            b"undisclosed-recipients:;",
            b'((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))',
        ),
        nameless_group=(b":a@b.c;", b'((NIL NIL "" NIL)' + A + b"(NIL NIL NIL NIL))"),
        open_group=(b"g: a@b.c", b'((NIL NIL "g" NIL)' + A + b"(NIL NIL NIL NIL))"),
        utf8=("é <é@b>".encode(), b'(({2}\r\n\xc3\xa9 NIL {2}\r\n\xc3\xa9 "b"))'),
        commas=(b",,", b"NIL"),
        none=(b"", b"NIL"),
    )  # fmt: skip
    def test_addresses(self, value: bytes, expected: bytes) -> None:
        """Names without quotes, routes, groups between two marks."""
        self.assertEqual(expected, addresses(value))

    @threat(16, 58)
    @given(st.one_of(st.binary(max_size=200), lists.map(lambda value: b"To: " + value)))
    def test_total(self, octets: bytes) -> None:
        """Any header has an envelope that a client can read."""
        value, rest = syntax.read(envelope(parse_header(octets)))
        self.assertEqual(b"", rest)
        assert isinstance(value, list)
        self.assertEqual(10, len(value))
        for place in (0, 1, 8, 9):
            self.assertNotIsInstance(value[place], list)
        for entries in value[2:8]:
            for address in entries or []:
                self.assertEqual(4, len(address))

    def test_samples(self) -> None:
        """The messages that RFCs print have readable envelopes."""
        for name in names():
            with self.subTest(name=name):
                value, rest = syntax.read(envelope(parse_header(message(name))))
                self.assertEqual(b"", rest)
                assert isinstance(value, list)
                self.assertTrue(value[2])
