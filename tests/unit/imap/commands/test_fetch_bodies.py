"""FETCH of octets: sections are slices, and no more than a chunk is held."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.grammar.values.fetch import BodySection
from mailapp.imap.responses.fetch_sections import AtHand
from mailapp.message.quoting import literal
from mailapp.message.section import Section, SectionText, locate
from mailapp.message.structure import scan
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Expunge,
)
from tests.threats import threat
from tests.unit.imap.commands.letters import full, letter, parted, receive
from tests.unit.imap.commands.talk import Client, House, now

LARGE = parted(
    b"Content-Type: text/plain\r\n\r\nhello",
    b"Content-Type: application/x-abc\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + (b"QUJD" * 18 + b"\r\n") * 3000,
    b"Content-Type: message/rfc822\r\n\r\n" + letter(1),
)


def fetched(client: Client, command: str) -> dict[bytes, bytes]:
    """The literals of one row, by what they are called."""
    client.send(b"x " + command.encode() + b"\r\n")
    octets = client.taken().encode("latin-1")
    found, at = {}, 0
    while match := re.search(
        rb"[ (]([A-Z]\S*?(?:\(.*?\)\])?\S*) ~?\{(\d+)\}\r\n", octets[at:]
    ):
        start = at + match.end()
        at = start + int(match[2])
        found[match[1]] = octets[start:at]
    return found


class LargeTests(SynchronousTestCase):
    """Large messages are sent in chunks, and are the same octets."""

    ITEMS = (
        "BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT]<10.70000> BODY.PEEK[1] "
        "BODY.PEEK[2]<60000.100000> BODY.PEEK[3.HEADER] BODY.PEEK[3.1] "
        "BODY.PEEK[2.MIME] BINARY.PEEK[2] BINARY.PEEK[2]<9.70000>"
    )

    def test_octets(self) -> None:
        """Every section of a large message is the stretch that it names."""
        house = House()
        receive(house, LARGE)
        client = house.client("SELECT INBOX")
        found = fetched(client, f"FETCH 1 ({self.ITEMS})")
        root = scan(LARGE)
        second, third = root.parts[1], root.parts[2].parts[0]
        abc = b"ABC" * 18 * 3000
        encoded = LARGE[second.body_start : second.end]
        self.assertEqual(
            found,
            {
                b"BODY[]": LARGE,
                b"BODY[HEADER]": LARGE[: root.body_start],
                b"BODY[TEXT]<10>": LARGE[root.body_start :][10:70010],
                b"BODY[1]": b"hello",
                b"BODY[2]<60000>": encoded[60000:160000],
                b"BODY[3.HEADER]": LARGE[third.header_start : third.body_start],
                b"BODY[3.1]": b"Text 1\r\n",
                b"BODY[2.MIME]": LARGE[second.header_start : second.body_start],
                b"BINARY[2]": abc,
                b"BINARY[2]<9>": abc[9:70009],
            },
        )

    @threat(61, 62)
    def test_pauses(self) -> None:
        """Between two pauses no more is kept than a chunk, however much is asked."""
        house = House()
        for _ in range(3):
            receive(house, LARGE)
        client = house.client("SELECT INBOX")
        client.exit.most = 0
        client.send(b"x FETCH 1:* (BODY.PEEK[] BODY.PEEK[2] BINARY.PEEK[2])\r\n")
        self.assertGreater(len(client.taken()), 9 * 150_000)
        self.assertLess(client.exit.most, 70_000)

    @threat(61, 62)
    def test_many_small(self) -> None:
        """Many messages are no more at once than one, whatever is asked of them."""
        house = full(1200)
        client = house.client("SELECT INBOX")
        for item in ("(UID FLAGS)", "BODY.PEEK[]", "ENVELOPE", "BODY.PEEK[HEADER]"):
            client.exit.most = 0
            client.send(b"x FETCH 1:* " + item.encode() + b"\r\n")
            answer = client.taken()
            self.assertEqual(answer.count(" FETCH ("), 1200)
            self.assertLess(client.exit.most, 350_000, item)

    def test_sizes(self) -> None:
        """BINARY.SIZE of a large part is what decoding it gives."""
        house = House()
        receive(house, LARGE)
        client = house.client("SELECT INBOX")
        self.assertEqual(
            client.give("FETCH 1 (BINARY.SIZE[2] BINARY.SIZE[9])")[0],
            "* 1 FETCH (BINARY.SIZE[2] 162000 BINARY.SIZE[9] 0)",
        )

    def test_broken_off(self) -> None:
        """Octets that were announced and are missing end the connection."""
        house = House()
        receive(house, LARGE)
        client = house.client("SELECT INBOX")
        bodies = house.account.state.bodies
        for blob in bodies:
            bodies[blob] = LARGE[:100_000]
        client.send(b"x FETCH 1 BODY.PEEK[]\r\n")
        answer = client.taken()
        self.assertTrue(answer.endswith("closing connection\r\n"), answer[-80:])
        self.assertNotIn("x OK", answer)

    @threat(61)
    def test_many_sections(self) -> None:
        """A list of more items than anybody needs is refused."""
        client = full(1).client("SELECT INBOX")
        items = " ".join(f"BODY.PEEK[]<{n}.9>" for n in range(101))
        self.assertTrue(client.last(f"FETCH 1 ({items})").startswith("BAD"))

    @threat(57, 61)
    def test_deep_part(self) -> None:
        """A part number that no message has is NIL, one without end is BAD."""
        client = full(1).client("SELECT INBOX")
        deep = ".".join(["1"] * 60)
        self.assertEqual(
            client.give(f"FETCH 1 BODY.PEEK[{deep}]")[0],
            f"* 1 FETCH (BODY[{deep}] NIL)",
        )
        endless = ".".join(["1"] * 5000)
        self.assertTrue(client.last(f"FETCH 1 BODY.PEEK[{endless}]").startswith("BAD"))


class ModelTests(SynchronousTestCase):
    """Against the plainest way to say the same."""

    @settings(deadline=None, max_examples=60)
    @given(
        st.lists(st.binary(max_size=300), min_size=1, max_size=4),
        st.integers(0, 400),
        st.integers(1, 400),
    )
    def test_partial(self, bodies: list[bytes], start: int, length: int) -> None:
        """A partial is a slice, of any message."""
        house = House()
        for body in bodies:
            receive(house, body)
        client = house.client("SELECT INBOX")
        for number, body in enumerate(bodies, 1):
            expected = body.replace(b"\0", b"\x80")
            found = fetched(
                client, f"FETCH {number} (BODY.PEEK[] BODY.PEEK[]<{start}.{length}>)"
            )
            self.assertEqual(found[b"BODY[]"], expected)
            self.assertEqual(
                found[b"BODY[]<%d>" % start], expected[start : start + length]
            )

    @settings(deadline=None, max_examples=60)
    @given(
        st.sets(st.integers(1, 30), max_size=12),
        st.lists(
            st.tuples(st.integers(1, 18), st.integers(1, 18)), min_size=1, max_size=6
        ),
    )
    def test_sets(self, gone: set[int], ranges: list[tuple[int, int]]) -> None:
        """Rows are those of the messages meant, by number and by UID."""
        house = full(30)
        now(house.commit(Expunge(INBOX_ID, [UID(uid) for uid in sorted(gone)])))
        client = house.client("SELECT INBOX")
        uids = [uid for uid in range(1, 31) if uid not in gone]
        text = ",".join(f"{low}:{high}" for low, high in ranges)
        meant = {n for pair in ranges for n in range(min(pair), max(pair) + 1)}
        self.assertEqual(
            client.give(f"FETCH {text} UID")[:-1],
            [f"* {n} FETCH (UID {uids[n - 1]})" for n in sorted(meant)],
        )
        self.assertEqual(
            client.give(f"UID FETCH {text} UID")[:-1],
            [
                f"* {number} FETCH (UID {uid})"
                for number, uid in enumerate(uids, 1)
                if uid in meant
            ],
        )

    @settings(deadline=None)
    @given(
        st.lists(
            st.sampled_from([b"a: b", b"c", b"\r\n", b"\n", b"\r", b" ", b":", b"\0"]),
            max_size=20,
        ).map(b"".join)
    )
    def test_halves(self, octets: bytes) -> None:
        """HEADER and TEXT are cut where the structure of the message is."""
        root = scan(octets)
        message = AtHand(octets)
        for text in (SectionText.HEADER, SectionText.TEXT):
            section = Section(text=text)
            piece = locate(section, root)
            assert piece is not None
            item = BodySection(section, peek=True, partial=None, label=b"")
            self.assertEqual(message.value(item), literal(piece.of(octets)))
