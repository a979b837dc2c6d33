"""All facts of a message in one pass."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.bodystructure import structures
from mailapp.message.envelope import envelope
from mailapp.message.fields import parse_header
from mailapp.message.imap_facts import (
    HeaderFields,
    Item,
    Kind,
    facts,
    facts_of,
    read_header,
    read_structure,
)
from mailapp.message.ranges import CHUNK_OCTETS
from mailapp.message.section import Section, SectionText, locate
from mailapp.message.sorting import SortKeys, sort_keys
from mailapp.message.structure import scan
from tests.threats import threat
from tests.unit.message import syntax, trees
from tests.unit.message.fixtures import message, names

NAMES = HeaderFields((b"to", b"Subject", b"TO"))
ALL: tuple[Kind, ...] = (*Item, NAMES)


class Reader:
    """Octets that are read in ranges; counts what was read."""

    def __init__(self, octets: bytes, most: int = 1 << 30) -> None:
        self.octets = octets
        self.most = most
        self.count = 0

    def __call__(self, start: int, end: int) -> bytes:
        """Give no more than ``most``, as a file may."""
        found = self.octets[start : min(end, start + self.most)]
        self.count += len(found)
        return found

    def facts(self, kinds: Collection[Kind]) -> dict[Kind, bytes]:
        """The facts of these octets."""
        return facts(self, len(self.octets), kinds)


class FactTests(SynchronousTestCase):
    """What is computed, and how much is read for it."""

    def test_each(self) -> None:
        """Each fact is what its own module makes of the whole message."""
        for name in names():
            octets = message(name)
            with self.subTest(name=name):
                root = scan(octets)
                found = facts_of(octets, ALL)
                self.assertEqual(envelope(root.header), found[Item.ENVELOPE])
                both = structures(root)
                self.assertEqual(both.body, found[Item.BODY])
                self.assertEqual(both.bodystructure, found[Item.BODYSTRUCTURE])
                keys = SortKeys.decode(found[Item.SORT_KEYS])
                self.assertEqual(sort_keys(root.header), keys)
                self.assertIsInstance(syntax.read(found[Item.PREVIEW])[0], bytes)
                wanted = Section((), SectionText.HEADER_FIELDS, NAMES.names)
                piece = locate(wanted, root)
                assert piece is not None
                self.assertEqual(piece.of(octets), found[NAMES])

    @settings(max_examples=150)
    @given(st.one_of(trees.messages, st.binary(max_size=400)), st.integers(1, 50))
    def test_ranges(self, octets: bytes, most: int) -> None:
        """A reader that gives little changes nothing, nor does asking for less."""
        found = facts_of(octets, ALL)
        self.assertEqual(set(ALL), set(found))
        self.assertEqual(found, Reader(octets, most).facts(ALL))
        for kind in ALL:
            self.assertEqual(found[kind], facts_of(octets, [kind])[kind])

    def test_names(self) -> None:
        """Equal questions are equal, whatever their order and case."""
        self.assertEqual(HeaderFields((b"SUBJECT", b"To")), NAMES)
        self.assertRaises(ValueError, HeaderFields, ())

    @threat(61)
    def test_reads_header_only(self) -> None:
        """Of a large message only the header is read if that is enough."""
        octets = message("rfc9051-8") + b"x" * 10_000_000
        reader = Reader(octets)
        found = reader.facts([Item.ENVELOPE, Item.SORT_KEYS, NAMES])
        self.assertLess(reader.count, CHUNK_OCTETS)
        self.assertEqual(facts_of(octets, ALL) | found, facts_of(octets, ALL))

    @threat(14)
    def test_long_header(self) -> None:
        """A header without an end is read as far as it is listed, either way."""
        for octets in (b"A: b\r\n" * 300_000, b"A: " + b"b" * 2_000_000):
            for tail in (b"", b"\r\nbody"):
                whole = octets + tail
                reader = Reader(whole)
                root = read_structure(reader, len(whole))
                short = read_header(reader, len(whole))
                self.assertEqual(root.header.fields, short.header.fields)
                for text in (SectionText.HEADER, SectionText.TEXT):
                    wanted = Section((), text)
                    self.assertEqual(locate(wanted, root), locate(wanted, short))

    def test_shrunk(self) -> None:
        """A file that is shorter than its name says gives facts all the same."""
        reader = Reader(message("rfc9051-8"))
        found = facts(reader, len(reader.octets) + 1000, ALL)
        header = parse_header(reader.octets)
        self.assertEqual(envelope(header), found[Item.ENVELOPE])
