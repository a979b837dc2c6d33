"""Messages for machines that know no MIME."""

from __future__ import annotations

from base64 import encodebytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.plain import SMALLEST_LIMIT, vintage
from mailapp.message.sevenbit import is_seven_bit
from tests.rows import rows, tabled
from tests.unit.message import fixtures, trees

MIME = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
UTF8 = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n"
CALENDAR = "Content-Type: text/calendar\r\n\r\n"
RFC822 = "Content-Type: message/rfc822\r\n\r\n"
LARGE = encodebytes(b"x" * 5000).decode()
PNG = (
    'Content-Type: image/png; name="x.png"\r\nContent-Transfer-Encoding: base64\r\n'
    "Content-Disposition: attachment; filename*=utf-8''%C3%A9t%C3%A9.png\r\n\r\n"
)


def multipart(kind: str, *parts: str) -> str:
    """A multipart with these parts."""
    body = "".join([f"--{kind}\r\n{part}\r\n" for part in parts])
    head = f'Content-Type: multipart/{kind}; boundary="{kind}"\r\n\r\n'
    return f"{head}{body}--{kind}--\r\n"


def shown(message: str, *, size_limit: int = 100_000) -> str:
    """The text of the outcome, without its MIME fields."""
    octets = vintage(message.encode(), size_limit=size_limit)
    head, found, text = octets.partition(MIME)
    assert found, octets
    return (head + text).decode()


@tabled
class VintageTests(SynchronousTestCase):
    """What a person sees."""

    @rows(
        plain=(UTF8 + "Café “x”\r\n", 'Cafe "x"\r\n'),
        empty=("", ""),
        latin1=(
            "Content-Type: text/plain; charset=iso-8859-1\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n",
            "cafe\r\n",
        ),
        no_type=("\r\nCafé\r\n", "Cafe\r\n"),
        html=(HTML + "<p>Caf&eacute;<p><b>x</b>", "Cafe\r\n\r\nx\r\n"),
        alternative=(multipart("alternative", UTF8 + "a", HTML + "b"), "a\r\n"),
        alternative_html=(
            multipart("alternative", CALENDAR + "a", HTML + "b"),
            "b\r\n",
        ),
        alternative_deep=(
            multipart("alternative", PNG, multipart("related", HTML + "b", PNG)),
            "b\r\n\r\n[Attachment: ete.png, image/png, 0 octets]\r\n",
        ),
        mixed=(
            multipart("mixed", UTF8 + "a", PNG + LARGE, UTF8 + "b"),
            "a\r\n\r\nb\r\n\r\n[Attachment: ete.png, image/png, 4 KB]\r\n",
        ),
        attached_text=(
            "Content-Type: text/plain; name=a\r\n"
            "Content-Disposition: attachment\r\n\r\nx",
            "[Attachment: a, text/plain, 1 octets]\r\n",
        ),
        attached_message=(
            multipart("mixed", RFC822 + "Subject: =?utf-8?q?=C3=A9?=\r\n\r\nx"),
            "[Attached message: e]\r\n",
        ),
        controls=("\r\na\x1b[2Jb\x07\tc\0\r\n", "a[2Jb\tc\r\n"),
        long_line=(
            "\r\n" + "word " * 20 + "\r\n",
            ("word " * 15).strip() + "\r\n" + ("word " * 5).strip() + "\r\n",
        ),
        long_word=("\r\n" + "x" * 901 + "\r\n", "x" * 900 + "\r\nx\r\n"),
    )  # fmt: skip
    def test_body(self, message: str, text: str) -> None:
        """The text of the best part, then what can't be shown."""
        self.assertEqual(shown(message), text)

    @rows(
        subject=("Subject: =?utf-8?q?Caf=C3=A9?= “x”", 'Subject: Cafe "x"'),
        name=("From: =?utf-8?q?Caf=C3=A9=2C_x?= <a@b>", 'From: "Cafe, x" <a@b>'),
        raw_name=("To: Łódź <a@b>, c@d", "To: Lodz <a@b>, c@d"),
        domain=("Cc: a@bücher.example", "Cc: a@xn--bcher-kva.example"),
        # RFC 6858, section 2.1: nobody's address
        local=("From: Ü <ü@b>", "From: U <invalid@internationalized-address.invalid>"),
        group=("To: x: a@b, c@d;", "To: a@b, c@d"),
        empty_group=("To: undisclosed-recipients:;", "To: undisclosed-recipients:;"),
        message_id=("Message-ID: <a@b>", "Message-ID: <a@b>"),
        date=("Date: Mon, 1 Jan 2024 1:2:3 +0000", "Date: Mon, 1 Jan 2024 1:2:3 +0000"),
        forged=("Subject: =?utf-8?q?a=0D=0AX:_b?=", "Subject: a X: b"),
        eight_bit_id=("Message-ID: <é@b>", ""),
        others=("Received: x\r\nX-Spam: y", ""),
    )
    def test_field(self, field: str, expected: str) -> None:
        """In ASCII, in the oldest syntax."""
        head = shown(f"{field}\r\n\r\n")
        self.assertEqual(head, expected + "\r\n" * bool(expected))

    def test_cut(self) -> None:
        """What is over the limit is cut at a line end, with a note, to the limit."""
        text = "0123456789\r\n" * 1000
        for size_limit in (0, 1024, 2000, 10_000):
            message = f"Subject: {'x ' * 3000}\r\n\r\n{text}".encode()
            octets = vintage(message, size_limit=size_limit)
            self.assertLessEqual(len(octets), max(size_limit, SMALLEST_LIMIT))
            note = b"whole message has %d octets]\r\n" % len(message)
            self.assertTrue(octets.endswith(note), octets[-200:])
            self.assertIn(b"\r\n[The rest", octets)

    def test_many(self) -> None:
        """Things that can't be shown are listed up to a number."""
        text = shown(multipart("mixed", *[PNG] * 50))
        self.assertEqual(text.count("[Attachment"), 20)
        self.assertIn("[And 30 more attachments]\r\n", text)

    def test_fixtures(self) -> None:
        """The messages that RFCs print can be read."""
        text = vintage(fixtures.message("rfc5322-a.1.1-1"), size_limit=5000)
        self.assertIn(b"From: John Doe <jdoe@machine.example>\r\n", text)
        self.assertIn(b"\r\n\r\nThis is a message just to say hello.\r\n", text)

    @given(trees.messages, st.integers(0, 5000))
    @settings(deadline=None, max_examples=100)
    def test_any(self, octets: bytes, size_limit: int) -> None:
        """Any message: 7 bits, within the limit, the same each time."""
        new = vintage(octets, size_limit=size_limit)
        self.assertTrue(is_seven_bit(new))
        self.assertLessEqual(len(new), max(size_limit, SMALLEST_LIMIT))
        self.assertEqual(vintage(octets, size_limit=size_limit), new)
        self.assertFalse(set(new) & (set(range(32)) - set(b"\t\r\n")))
