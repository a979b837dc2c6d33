"""The file of an entry, and its journal, as octets."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Body,
    DeliverBy,
    Envelope,
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.core.peer import TLS, Peer
from mailapp.queue.changes import (
    Change,
    Tried,
    apply,
    encode_change,
    encode_state,
    replay,
)
from mailapp.queue.forms import entry_form, read_entry
from mailapp.queue.record import (
    FOOTER,
    Corrupt,
    TooNew,
    decode_footer,
    decode_trailer,
    encode_trailer,
    is_entry_id,
)
from mailapp.queue.types import Attempt, Entry, Outcome
from tests.rows import rows, tabled
from tests.unit.queue.postman import BEGIN, TEXT, attempt, envelope

words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), max_size=8)
local_parts = words.filter(lambda w: w.isprintable())
domains = st.sampled_from(["far.test", "[192.0.2.1]", "xn--bcher-kva.example"])
addresses = st.builds(Address, local_parts, domains)
times = st.floats(0, 4e9)
flags = st.sampled_from([Notify.NEVER, Notify.SUCCESS, Notify.DELAY | Notify.FAILURE])
recipients = st.builds(
    Recipient,
    addresses,
    st.none() | flags,
    st.none() | st.builds(OriginalRecipient, words, words),
)
peers = st.builds(
    Peer,
    st.just("192.0.2.1"),
    st.integers(0, 65535),
    tls=st.none() | st.builds(TLS, words, words, words, st.just({}), st.none() | words),
    trusted=st.booleans(),
)
envelopes = st.builds(
    Envelope,
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True),
    st.none() | addresses,
    st.lists(recipients, min_size=1, max_size=4).map(tuple),
    peers,
    words,
    words,
    times,
    st.sampled_from(Body),
    st.booleans(),
    st.none() | st.integers(0, 1 << 40),
    st.none() | words,
    st.none() | words,
    st.none() | st.sampled_from(Return),
    st.none() | st.builds(DeliverBy, times, st.booleans(), st.booleans()),
    st.none() | times,
    st.integers(-9, 9),
    st.booleans(),
    st.none() | words,
)
attempts = st.builds(
    Attempt,
    st.sampled_from(Outcome),
    times,
    words,
    words,
    words,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def file_of(of: Envelope, content: bytes = TEXT) -> bytes:
    """An entry's file."""
    trailer = encode_trailer(
        of,
        queued_at=BEGIN,
        eight_bit=False,
        content_octets=len(content),
        content_crc=crc32(content),
    )
    return content + trailer


def read(octets: bytes) -> tuple[bytes, Entry]:
    """Content and entry, as they are read and checked from a file."""
    footer = decode_footer(octets)
    if footer.file_octets != len(octets):
        raise Corrupt
    content = octets[: footer.content_octets]
    if crc32(content) != footer.content_crc:
        raise Corrupt
    return content, decode_trailer(footer, octets[len(content) : -FOOTER])


@tabled
class RecordTests(SynchronousTestCase):
    """What is written is read; what is damaged is refused."""

    @given(envelopes, st.binary(max_size=100))
    def test_round_trip(self, of: Envelope, content: bytes) -> None:
        """Every envelope is read as it was written."""
        found, entry = read(file_of(of, content))
        self.assertEqual(found, content)
        self.assertEqual(
            entry, Entry(of, len(content), eight_bit=False, queued_at=BEGIN)
        )

    def test_truncated(self) -> None:
        """No beginning of a file is a file."""
        octets = file_of(envelope())
        for end in range(len(octets)):
            with self.assertRaises(Corrupt):
                read(octets[:end])

    def test_flipped(self) -> None:
        """A file with any one bit changed is refused."""
        octets = file_of(envelope())
        for place in range(len(octets)):
            for bit in range(8):
                wrong = bytearray(octets)
                wrong[place] ^= 1 << bit
                with self.assertRaises((Corrupt, TooNew)):
                    read(bytes(wrong))

    def test_newer(self) -> None:
        """A whole file of another version is told apart from a damaged one."""
        octets = file_of(envelope())
        footer = decode_footer(octets)
        head = footer.checked.replace(b"queue 1", b"queue 2")
        text = octets[footer.content_octets : -FOOTER]
        crc = crc32(head, crc32(text))
        with self.assertRaises(TooNew):
            read(octets[: -len(footer.checked) - 13] + b"%b%08x END\n" % (head, crc))

    @rows(
        plain=("m1", True),
        dashes=("0123456789abcdef-abc_DEF", True),
        empty=("", False),
        dot=("m1.log", False),
        parent=("..", False),
        slash=("a/b", False),
        dash_first=("-rf", False),
        long=("x" * 65, False),
        newline=("m1\n", False),
        foreign=("mä", False),
    )
    def test_ids(self, name: str, good: bool) -> None:  # noqa: FBT001
        """An id that could be another file's name, or a path, names no entry."""
        self.assertEqual(is_entry_id(name), good)

    def test_unknown_keys(self) -> None:
        """What a newer program adds is passed over."""
        form = entry_form(Entry(envelope(), 3, eight_bit=False, queued_at=BEGIN))
        form["new"] = form["envelope"]["new"] = [1]
        self.assertEqual(read_entry(form).envelope, envelope())


tried = st.builds(Tried, st.integers(0, 2), attempts, times)
changes = st.builds(
    Change,
    st.lists(tried, max_size=3),
    st.none() | st.booleans(),
    st.none() | st.booleans(),
    st.lists(st.integers(0, 2), max_size=2, unique=True),
    st.none() | times,
)


class JournalTests(SynchronousTestCase):
    """What a journal says, also when its end is torn."""

    def setUp(self) -> None:
        """An entry with three recipients."""
        of = envelope("m1", "a@a.test", "b@b.test", "c@c.test")
        self.entry = Entry(of, 1, eight_bit=False, queued_at=BEGIN)

    @given(st.lists(changes, max_size=4), st.data())
    def test_replay(self, made: list[Change], cuts: Any) -> None:
        """Whole lines count, the torn last one does not, and the next is not spoilt."""
        entries = [self.entry]
        lines = []
        for change in made:
            entries.append(apply(entries[-1], change))
            lines.append(encode_change(change))
        journal = b"".join(lines)
        self.assertEqual(replay(self.entry, journal), entries[-1])
        if lines:
            cut = cuts.draw(st.integers(1, len(lines[-1]) - 1))
            torn = journal[:-cut]
            self.assertEqual(replay(self.entry, torn), entries[-2])
            again = torn + lines[-1]
            self.assertEqual(replay(self.entry, again), entries[-1])

    @given(st.lists(changes, max_size=3))
    def test_state(self, made: list[Change]) -> None:
        """A line of the whole state stands for all that were before."""
        entry = self.entry
        for change in made:
            entry = apply(entry, change)
        self.assertEqual(replay(self.entry, encode_state(entry)), entry)
        self.assertEqual(read_entry(entry_form(entry)), entry)

    @given(st.binary(max_size=60))
    def test_noise(self, noise: bytes) -> None:
        """What is no line of ours says nothing."""
        line = encode_change(Change(held=True))
        self.assertTrue(replay(self.entry, noise + line).held)
        self.assertEqual(replay(self.entry, noise), self.entry)

    def test_impossible(self) -> None:
        """A line that can't be meant is passed over."""
        one = Tried(7, attempt(Outcome.RELAYED, BEGIN))
        self.assertEqual(replay(self.entry, encode_change(Change([one]))), self.entry)

    def test_next_attempt(self) -> None:
        """It is the earliest of those that wait."""
        late = attempt(Outcome.DEFERRED, BEGIN)
        done = attempt(Outcome.RELAYED, BEGIN)
        made = [Tried(0, late, 30.0), Tried(1, done, 10.0), Tried(2, late, 20.0)]
        entry = apply(self.entry, Change(made))
        self.assertEqual((entry.next_attempt, entry.waiting), (20.0, [0, 2]))
        self.assertEqual(evolve(entry, due=()).next_attempt, 0.0)
