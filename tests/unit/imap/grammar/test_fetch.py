"""FETCH: its items, and what the response will call them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.grammar.values.commands import Fetch
from mailapp.imap.grammar.values.fetch import (
    Attribute,
    Binary,
    BinarySize,
    BodySection,
    FetchItem,
    Partial,
    Preview,
)
from mailapp.message.section import Section, SectionText
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.grammar.test_command import ONE, parsed, refused

A = Attribute


def body(
    label: bytes,
    *part: int,
    text: SectionText | None = None,
    names: tuple[bytes, ...] = (),
    peek: bool = False,
    partial: Partial | None = None,
) -> BodySection:
    """A section."""
    return BodySection(Section(part, text, names), peek, partial, label)


@tabled
class FetchTests(SynchronousTestCase):
    """RFC 9051, sections 6.4.5 and 9."""

    @rows(
        flags=(b"FLAGS", A.FLAGS),
        list=(b"(uid RFC822.SIZE uid)", A.UID, A.RFC822_SIZE),
        fast=(b"FAST", A.FLAGS, A.INTERNALDATE, A.RFC822_SIZE),
        full=(b"full", A.FLAGS, A.INTERNALDATE, A.RFC822_SIZE, A.ENVELOPE, A.BODY),
        whole=(b"BODY[]", body(b"BODY[]")),
        peek=(b"body.peek[]", body(b"BODY[]", peek=True)),
        structure=(b"(BODY BODYSTRUCTURE)", A.BODY, A.BODYSTRUCTURE),
        part=(b"BODY[1.2]", body(b"BODY[1.2]", 1, 2)),
        mime=(b"BODY[3.mime]", body(b"BODY[3.MIME]", 3, text=SectionText.MIME)),
        fields=(
            b"BODY.PEEK[header.fields (From {2}\r\nTo)]<5.10>",
            body(
                b"BODY[HEADER.FIELDS (From To)]<5>",
                text=SectionText.HEADER_FIELDS,
                names=(b"From", b"To"),
                peek=True,
                partial=Partial(5, 10),
            ),
        ),
        fields_not=(
            b'BODY[2.HEADER.FIELDS.NOT ("a b")]',
            body(
                b'BODY[2.HEADER.FIELDS.NOT ("a b")]',
                2,
                text=SectionText.HEADER_FIELDS_NOT,
                names=(b"a b",),
            ),
        ),
        rfc822=(b"RFC822", body(b"RFC822")),
        rfc822_header=(
            b"RFC822.HEADER",
            body(b"RFC822.HEADER", text=SectionText.HEADER, peek=True),
        ),
        binary=(
            b"BINARY[1]<0.3>",
            Binary((1,), peek=False, partial=Partial(0, 3), label=b"BINARY[1]<0>"),
        ),
        binary_peek=(
            b"BINARY.PEEK[]",
            Binary((), peek=True, partial=None, label=b"BINARY[]"),
        ),
        binary_size=(b"BINARY.SIZE[2.1]", BinarySize((2, 1), b"BINARY.SIZE[2.1]")),
        preview=(b"(PREVIEW (LAZY) PREVIEW)", Preview(lazy=True), Preview(lazy=False)),
        ids=(b"(EMAILID THREADID SAVEDATE)", A.EMAILID, A.THREADID, A.SAVEDATE),
    )
    def test_items(self, octets: bytes, *items: FetchItem) -> None:
        """Each item is a value with its label; none stands twice."""
        self.assertEqual(Fetch(ONE, items), parsed(b"FETCH 1 " + octets))

    def test_modifiers(self) -> None:
        """RFC 7162, sections 3.1.4.1 and 3.2.6."""
        fetch = parsed(b"UID FETCH 1 FLAGS (CHANGEDSINCE 12345 VANISHED)")
        self.assertEqual(
            Fetch(ONE, (A.FLAGS,), by_uid=True, changed_since=12345, vanished=True),
            fetch,
        )
        self.assertTrue(refused(b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)"))
        self.assertTrue(refused(b"UID FETCH 1 FLAGS (VANISHED)"))

    @rows(
        nothing=b"()",
        macro_in_list=b"(FAST)",
        unknown=b"FLAG",
        unclosed=b"BODY[",
        dot=b"BODY[1.]",
        no_dot=b"BODY[1HEADER]",
        zero=b"BODY[0]",
        mime=b"BODY[MIME]",
        no_fields=b"BODY[HEADER.FIELDS ()]",
        empty_partial=b"BODY[]<0.0>",
        open_partial=b"BODY[]<0>",
        huge_partial=b"BODY[]<9223372036854775808.1>",
        binary_text=b"BINARY[1.TEXT]",
        peek_without=b"BODY.PEEK",
        modifier=b"FLAGS (FOO)",
    )
    def test_refused(self, octets: bytes) -> None:
        """What breaks the grammar is no FETCH."""
        self.assertTrue(refused(b"FETCH 1 " + octets))

    @threat(61)
    def test_amplification(self) -> None:
        """The same section 1,000 times is refused; a hundred times it is one."""
        for count, accepted in ((100, True), (101, False), (1000, False)):
            octets = b"FETCH 1:* (" + b" ".join([b"BODY[]"] * count) + b")"
            self.assertEqual(accepted, not refused(octets))
        fetch = parsed(b"FETCH 1:* (" + b" ".join([b"BODY[]"] * 100) + b")")
        self.assertEqual((body(b"BODY[]"),), fetch.items)  # type: ignore[union-attr]
        self.assertTrue(refused(b"FETCH 1 BODY[" + b"1." * 64 + b"1]"))
