"""SEARCH, SORT and THREAD: keys as trees."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.grammar.command import parse_command
from mailapp.imap.grammar.search import BadCharset
from mailapp.imap.grammar.values.commands import Search, Sort, Thread
from mailapp.imap.grammar.values.search import (
    All,
    And,
    Dated,
    DateField,
    HasFlag,
    HasObjectId,
    Header,
    ModSeqFrom,
    Not,
    Numbered,
    ObjectKind,
    Or,
    Relation,
    Scope,
    SearchKey,
    SearchReturn,
    Size,
    SortCriterion,
    SortField,
    Text,
    ThreadAlgorithm,
)
from mailapp.imap.grammar.values.sets import SAVED, SequenceSet
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.grammar.test_command import ONE, parsed, refused

SEEN = HasFlag("\\Seen", present=True)
UNSEEN = HasFlag("\\Seen", present=False)


@tabled
class SearchTests(SynchronousTestCase):
    """RFC 9051, section 6.4.4."""

    @rows(
        all=(b"ALL", All.ALL),
        two=(b"seen all", And((SEEN, All.ALL))),
        one_in_list=(b"(SEEN)", SEEN),
        list=(b"(SEEN (UNSEEN ALL))", And((SEEN, And((UNSEEN, All.ALL))))),
        negated=(b"NOT SEEN", Not(SEEN)),
        either=(b"OR SEEN NOT UNSEEN", Or(SEEN, Not(UNSEEN))),
        nested=(
            b"OR (SEEN ALL) OR NOT NOT ALL UNSEEN SEEN",
            And((Or(And((SEEN, All.ALL)), Or(Not(Not(All.ALL)), UNSEEN)), SEEN)),
        ),
        numbers=(b"2:4,9", Numbered(SequenceSet(((2, 4), (9, 9))), by_uid=False)),
        saved=(b"NOT $", Not(Numbered(SAVED, by_uid=False))),
        uids=(b"UID 1", Numbered(ONE, by_uid=True)),
        text=(b'TEXT "a b"', Text(Scope.TEXT, "a b")),
        subject=(b"SUBJECT {2+}\r\n\xc3\xbc", Header(b"subject", "ü")),
        header=(b'HEADER X-Foo ""', Header(b"x-foo", "")),
        keyword=(b"UNKEYWORD $Junk", HasFlag("$Junk", present=False)),
        larger=(b"LARGER 4294967296", Size(2**32, larger=True)),
        since=(
            b"SINCE 1-Feb-1994",
            Dated(DateField.INTERNAL, Relation.SINCE, 8797),
        ),
        sent=(b'SENTON "01-feb-1994"', Dated(DateField.SENT, Relation.ON, 8797)),
        saved_on=(
            b"SAVEDBEFORE 1-Jan-1970",
            Dated(DateField.SAVED, Relation.BEFORE, 0),
        ),
        modseq=(b"MODSEQ 7", ModSeqFrom(7)),
        modseq_entry=(rb'MODSEQ "/flags/\\draft" all 7', ModSeqFrom(7)),
        email_id=(b"EMAILID M6d99", HasObjectId(ObjectKind.EMAILID, b"M6d99")),
        new=(b"NEW", And((HasFlag("\\Recent", present=True), UNSEEN))),
    )
    def test_keys(self, octets: bytes, key: SearchKey) -> None:
        """Each key is a value; all of them must hold."""
        self.assertEqual(Search(key), parsed(b"SEARCH " + octets))

    def test_options(self) -> None:
        """RETURN and CHARSET come first; ``RETURN ()`` is ALL."""
        self.assertEqual(
            Search(SEEN, frozenset({SearchReturn.MIN, SearchReturn.SAVE}), by_uid=True),
            parsed(b"UID SEARCH RETURN (MIN SAVE) SEEN"),
        )
        self.assertEqual(
            Search(SEEN, frozenset({SearchReturn.ALL}), charset="UTF-8"),
            parsed(b"SEARCH RETURN () CHARSET utf-8 SEEN"),
        )

    def test_sort_and_thread(self) -> None:
        """RFC 5256, section 5."""
        self.assertEqual(
            Sort(
                (
                    SortCriterion(SortField.DATE, reverse=True),
                    SortCriterion(SortField.DISPLAYFROM, reverse=False),
                ),
                SEEN,
                charset="UTF-8",
            ),
            parsed(b"SORT (REVERSE DATE DISPLAYFROM) UTF-8 SEEN"),
        )
        self.assertEqual(
            Thread(ThreadAlgorithm.REFERENCES, SEEN, by_uid=True, charset="US-ASCII"),
            parsed(b"UID THREAD references us-ascii SEEN"),
        )

    @rows(
        nothing=b"",
        empty_list=b"()",
        unclosed=b"(SEEN",
        unopened=b"SEEN)",
        unknown=b"FOO",
        half_or=b"OR SEEN",
        bare_not=b"NOT",
        february=b"ON 30-Feb-2020",
        month=b"ON 1-Foo-2020",
        year=b"ON 1-Feb-20",
        quote=b'ON "1-Feb-2020',
        two_spaces=b"SEEN  SEEN",
    )
    def test_refused(self, octets: bytes) -> None:
        """What breaks the grammar is no SEARCH."""
        self.assertTrue(refused(b"SEARCH " + octets))

    def test_charset(self) -> None:
        """What can't be decoded is NO [BADCHARSET], and no mistake."""
        for octets in (b"CHARSET KOI8-RUMBA ALL", b"CHARSET US-ASCII TEXT {1}\r\n\xff"):
            with self.assertRaises(BadCharset):
                parse_command(b"t SEARCH " + octets)
        # RFC 9755, section 3: after ENABLE another charset is a mistake
        self.assertTrue(refused(b"SEARCH CHARSET US-ASCII ALL", utf8=True))
        self.assertFalse(refused(b"SEARCH CHARSET UTF-8 ALL", utf8=True))

    @threat(60)
    def test_bombs(self) -> None:
        """Depth and number are capped, and the cap is found at once."""
        self.assertFalse(refused(b"SEARCH " + b"NOT " * 62 + b"ALL"))
        self.assertTrue(refused(b"SEARCH " + b"NOT " * 64 + b"ALL"))
        self.assertTrue(refused(b"SEARCH " + b"ALL " * 1000 + b"ALL"))
        began = time.process_time()
        for octets in (
            b"NOT " * 50000 + b"ALL",
            b"(" * 200000,
            b"OR ALL " * 10000 + b"ALL",
            b"ALL " * 50000 + b"ALL",
        ):
            self.assertTrue(refused(b"SEARCH " + octets))
        self.assertLess(time.process_time() - began, 0.5)

    @threat(60)
    def test_huge_sets(self) -> None:
        """A set is its ranges, however many numbers they have."""
        search = parsed(b"SEARCH 1:4294967295," + b",".join([b"*:4294967295"] * 5000))
        self.assertIsInstance(search, Search)
        found = search.key.messages  # type: ignore[union-attr]
        assert isinstance(found, SequenceSet)
        self.assertEqual(((1, 4294967295),), found.resolve(7))

    @given(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8),
        st.integers(0, 40),
    )
    @settings(max_examples=200, deadline=None)
    def test_resolve(self, pairs: list[tuple[int, int]], largest: int) -> None:
        """Ranges hold the numbers that the pairs name, in order and once."""
        expected = set()
        for first, last in pairs:
            low, high = sorted((first or largest, last or largest))
            expected |= set(range(low, high + 1)) if low else set()
        ranges = SequenceSet(tuple(pairs)).resolve(largest)
        numbers = [n for low, high in ranges for n in range(low, high + 1)]
        self.assertEqual(sorted(expected), numbers)
        for (_, high), (low, _) in pairwise(ranges):
            self.assertGreater(low, high + 1)
