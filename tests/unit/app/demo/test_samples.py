"""The sample messages of a demo."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.samples import sample_messages
from mailapp.message.content import ContentDefect
from mailapp.message.dates import parse_date
from mailapp.message.fields import HeaderDefect
from mailapp.message.part import Part, PartDefect
from mailapp.message.structure import scan

NOW = 1_700_000_000.0
MESSAGES = list(sample_messages("example.test", "alice", NOW))


def every(part: Part) -> list[Part]:
    """A part and all below it."""
    return [part, *(deep for child in part.parts for deep in every(child))]


class SampleTests(SynchronousTestCase):
    """They are what they claim to be."""

    def test_kinds(self) -> None:
        """One of each kind: plain, HTML, attachment, 8-bit, a bounce."""
        kinds = [str(scan(octets).header.value(b"content-type")) for octets in MESSAGES]
        for kind, found in zip(
            (
                "text/plain; charset=us-ascii",
                "multipart/alternative",
                "multipart/mixed",
                "text/plain; charset=utf-8",
                "multipart/report",
            ),
            kinds,
            strict=True,
        ):
            self.assertIn(kind, found)

    def test_valid(self) -> None:
        """No parser finds a defect in header, content or structure."""
        for octets in MESSAGES:
            for part in every(scan(octets)):
                self.assertEqual(part.defects, PartDefect.NONE)
                self.assertEqual(part.content_defects, ContentDefect.NONE)
                self.assertEqual(part.header.defects, HeaderDefect.NONE)

    def test_parts(self) -> None:
        """The multiparts have the parts they should have."""
        counts = [len(scan(octets).parts) for octets in MESSAGES]
        self.assertEqual(counts, [0, 2, 2, 0, 3])

    def test_lines(self) -> None:
        """Lines end in CRLF, are not long, and only one message is 8-bit."""
        for octets in MESSAGES:
            self.assertTrue(octets.endswith(b"\r\n"))
            self.assertEqual(octets.count(b"\n"), octets.count(b"\r\n"))
            self.assertEqual(octets.count(b"\r"), octets.count(b"\r\n"))
            self.assertLess(max(map(len, octets.split(b"\r\n"))), 79)
        self.assertEqual([octets.isascii() for octets in MESSAGES].count(False), 1)

    def test_fields(self) -> None:
        """Each has the fields that must be there, once (RFC 5322, section 3.6)."""
        ids = set()
        for octets in MESSAGES:
            header = scan(octets).header
            for name in (b"date", b"from", b"to", b"subject", b"message-id"):
                self.assertEqual(len(header.all(name)), 1, name)
            date = parse_date(header.value(b"date") or b"")
            self.assertIsNotNone(date)
            ids.add(header.value(b"message-id"))
        self.assertEqual(len(ids), len(MESSAGES))

    def test_bounce(self) -> None:
        """The bounce has the null return path (RFC 5321, section 4.5.5)."""
        paths = [scan(octets).header.value(b"return-path") for octets in MESSAGES]
        self.assertEqual([(p or b"").strip() for p in paths].count(b"<>"), 1)
        self.assertEqual((paths[-1] or b"").strip(), b"<>")
