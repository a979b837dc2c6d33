"""FETCH tells what is asked, of the messages meant (RFC 9051, section 6.4.5)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.responses.fetch import email_id, guid_of
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Expunge,
)
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.letters import DAY, full, letter, receive
from tests.unit.imap.commands.talk import House, now


@tabled
class FetchTests(SynchronousTestCase):
    """Rows of messages."""

    @rows(
        flags=("FLAGS", "FLAGS ()"),
        uid=("UID", "UID 2"),
        size=("RFC822.SIZE", "RFC822.SIZE 145"),
        date=("INTERNALDATE", 'INTERNALDATE " 3-Jan-1970 00:00:00 +0000"'),
        saved=("SAVEDATE", 'SAVEDATE "14-Nov-2023 22:13:20 +0000"'),
        preview=("PREVIEW", 'PREVIEW "Text 2"'),
        lazy=("PREVIEW (LAZY)", 'PREVIEW "Text 2"'),
        fast=(
            "FAST",
            'FLAGS () INTERNALDATE " 3-Jan-1970 00:00:00 +0000" RFC822.SIZE 145',
        ),
        body=(
            "BODY",
            'BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 8 1)',
        ),
        bodystructure=(
            "BODYSTRUCTURE",
            'BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 8 1 '
            "NIL NIL NIL NIL)",
        ),
        envelope=(
            "ENVELOPE",
            'ENVELOPE ("3 Nov 2026 05:00:00 +0000" "Number 2" '
            '(("Sender 2" NIL "s2" "example.org")) '
            '(("Sender 2" NIL "s2" "example.org")) '
            '(("Sender 2" NIL "s2" "example.org")) ((NIL NIL "r2" "example.com")) '
            'NIL NIL NIL "<m2@example.org>")',
        ),
        nothing=("BODY.PEEK[2]", "BODY[2] NIL"),
        twice=("(UID UID)", "UID 2"),
        order=("(UID FLAGS)", "UID 2 FLAGS ()"),
        other_order=("(FLAGS UID)", "FLAGS () UID 2"),
        no_binary=("BINARY.PEEK[9]", "BINARY[9] NIL"),
        binary_size=("BINARY.SIZE[1]", "BINARY.SIZE[1] 8"),
    )
    def test_item(self, item: str, expected: str) -> None:
        """Each item is told as the RFC writes it."""
        client = full(3).client("SELECT INBOX")
        self.assertEqual(
            client.give(f"FETCH 2 {item}"), [f"* 2 FETCH ({expected})", "OK fetched"]
        )

    @rows(
        whole=("BODY.PEEK[]", "BODY[]", letter(2)),
        header=("BODY.PEEK[HEADER]", "BODY[HEADER]", letter(2)[:-8]),
        text=("BODY.PEEK[TEXT]", "BODY[TEXT]", b"Text 2\r\n"),
        first=("BODY.PEEK[1]", "BODY[1]", b"Text 2\r\n"),
        partial=("BODY.PEEK[]<0.4>", "BODY[]<0>", b"From"),
        beyond=("BODY.PEEK[]<9999.4>", "BODY[]<9999>", b""),
        to_the_end=("BODY.PEEK[TEXT]<5.9999>", "BODY[TEXT]<5>", b"2\r\n"),
        binary=("BINARY.PEEK[1]", "BINARY[1]", b"Text 2\r\n"),
        binary_partial=("BINARY.PEEK[1]<5.1>", "BINARY[1]<5>", b"2"),
        legacy=("RFC822.HEADER", "RFC822.HEADER", letter(2)[:-8]),
        fields=(
            "BODY.PEEK[HEADER.FIELDS (to SUBJECT)]",
            "BODY[HEADER.FIELDS (to SUBJECT)]",
            b"To: r2@example.com\r\nSubject: Number 2\r\n\r\n",
        ),
        fields_partial=(
            "BODY.PEEK[HEADER.FIELDS (TO)]<4.2>",
            "BODY[HEADER.FIELDS (TO)]<4>",
            b"r2",
        ),
        percent=(
            "BODY.PEEK[HEADER.FIELDS (a%b)]",
            "BODY[HEADER.FIELDS (a%b)]",
            b"\r\n",
        ),
    )
    def test_section(self, item: str, label: str, expected: bytes) -> None:
        """Octets come as a literal, under the name that was asked for."""
        client = full(3).client("SELECT INBOX")
        if "%" in item:
            item = item.replace("a%b", '"a%b"')
            label = label.replace("a%b", '"a%b"')
        client.send(b"x FETCH 2 " + item.encode() + b"\r\n")
        self.assertEqual(
            client.taken().encode(),
            b"* 2 FETCH (%b {%d}\r\n%b)\r\nx OK fetched\r\n"
            % (label.encode(), len(expected), expected),
        )

    @rows(
        every=("1:*", [1, 2, 3, 4, 5]),
        star=("*", [5]),
        backwards=("4:2", [2, 3, 4]),
        twice=("2,2,2:3", [2, 3]),
        scattered=("5,1,3", [1, 3, 5]),
    )
    def test_set(self, messages: str, expected: list[int]) -> None:
        """Each message that is meant has one row, in order."""
        client = full(5).client("SELECT INBOX")
        lines = client.give(f"FETCH {messages} UID")
        self.assertEqual(
            lines, [f"* {n} FETCH (UID {n})" for n in expected] + ["OK fetched"]
        )

    @threat(60)
    @rows(
        beyond=("6", "BAD no message has this number"),
        huge=("*:4294967295", "BAD no message has this number"),
        too_huge=("1:4294967296", "BAD a message number is too large"),
    )
    def test_wrong_number(self, messages: str, expected: str) -> None:
        """A number that no message has is BAD; nothing else is said."""
        client = full(5).client("SELECT INBOX")
        self.assertEqual(client.give(f"FETCH {messages} UID"), [expected])

    def test_uids(self) -> None:
        """UIDs that no message has are passed over; UID is told unasked."""
        house = full(5)
        now(house.commit(Expunge(INBOX_ID, [UID(2)])))
        client = house.client("SELECT INBOX")
        self.assertEqual(
            client.give("UID FETCH 2:3,77,4:4294967295 FLAGS"),
            [
                "* 2 FETCH (UID 3 FLAGS ())",
                "* 3 FETCH (UID 4 FLAGS ())",
                "* 4 FETCH (UID 5 FLAGS ())",
                "OK fetched",
            ],
        )

    def test_empty(self) -> None:
        """All of nothing is nothing."""
        client = House().client("SELECT INBOX")
        self.assertEqual(client.give("FETCH 1:* FLAGS"), ["OK fetched"])
        self.assertEqual(client.give("UID FETCH 1:* FLAGS"), ["OK fetched"])

    def test_email_id(self) -> None:
        """RFC 8474, section 5.1: it stays, no other has it, and it can be searched."""
        client = full(3).client("SELECT INBOX")
        lines = client.give("FETCH 1:* EMAILID")[:-1]
        ids = [line.split("(")[2].rstrip(")") for line in lines]
        self.assertEqual(len(set(ids)), 3)
        self.assertEqual(client.give("FETCH 1:* EMAILID")[:-1], lines)
        for number, each in enumerate(ids, 1):
            self.assertRegex(each, "^[A-Za-z0-9_-]{1,255}$")
            self.assertEqual(
                client.give(f"SEARCH EMAILID {each}")[0], f"* SEARCH {number}"
            )
        for unknown in ("Mnonsense", "M", "x", "M____", ids[0] + "A"):
            self.assertEqual(
                client.give(f"SEARCH EMAILID {unknown}")[0], "* SEARCH", unknown
            )

    @settings(deadline=None)
    @given(st.binary(min_size=1, max_size=70))
    def test_object_id(self, guid: bytes) -> None:
        """An id tells the GUID, and nothing else does."""
        object_id = email_id(guid)
        self.assertLessEqual(len(object_id), 255)
        self.assertEqual(guid_of(object_id), guid)

    def test_nul(self) -> None:
        """A literal has no NUL, and as many octets as it says; literal8 may have it."""
        house = House()
        receive(house, b"a: b\r\nContent-Type: x/y\r\n\r\nc\0d\r\n")
        client = house.client("SELECT INBOX")
        client.send(b"x FETCH 1 (BODY.PEEK[TEXT] BINARY.PEEK[1])\r\n")
        self.assertEqual(
            client.taken(),
            "* 1 FETCH (BODY[TEXT] {5}\r\nc\x80d\r\n BINARY[1] ~{5}\r\nc\0d\r\n)\r\n"
            "x OK fetched\r\n",
        )

    def test_unknown_encoding(self) -> None:
        """RFC 3516, section 4.3: what can't be decoded is NO [UNKNOWN-CTE]."""
        house = House()
        receive(house, b"Content-Transfer-Encoding: x-rot13\r\n\r\nuryyb\r\n")
        client = house.client("SELECT INBOX")
        for item in ("BINARY.PEEK[1]", "BINARY.SIZE[1]"):
            [line] = client.give(f"FETCH 1 {item}")
            self.assertTrue(line.startswith("NO [UNKNOWN-CTE]"), line)


class DateTests(SynchronousTestCase):
    """INTERNALDATE."""

    def test_any_day(self) -> None:
        """The day, hour and second are those of the message, in UTC."""
        house = House()
        receive(house, letter(1), received=1_700_000_000)
        receive(house, letter(2), received=20_000 * DAY - 1)
        client = house.client("SELECT INBOX")
        self.assertEqual(
            client.give("FETCH 1:* INTERNALDATE")[:2],
            [
                '* 1 FETCH (INTERNALDATE "14-Nov-2023 22:13:20 +0000")',
                '* 2 FETCH (INTERNALDATE "03-Oct-2024 23:59:59 +0000")'.replace(
                    '"0', '" '
                ),
            ],
        )
