"""The book and its records: nothing is lost by writing it down, nor by a torn end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.fetch.book import (
    ABSENT_SECONDS,
    Book,
    Intent,
    content_key,
    join,
    read_book,
    unique_key,
)

KEYS = st.sampled_from([unique_key(b"a"), unique_key(b"b!"), content_key(b"0f", 0)])
DIGESTS = st.sampled_from([b"0f", b"aa"])
STEPS = st.lists(
    st.tuples(st.just("intend"), KEYS, DIGESTS)
    | st.tuples(st.just("deliver"), KEYS, DIGESTS)
    | st.tuples(st.sampled_from(["leave", "doubt", "forget"]), KEYS, DIGESTS)
)


def step(book: Book, verb: str, key: bytes, digest: bytes) -> bytes:
    """Make a change; its record."""
    match verb:
        case "intend":
            return book.intend(Intent(key, digest, 7, "id1", 5))
        case "deliver":
            return book.deliver(key, digest, 5)
        case "leave":
            return book.leave(key, 99)
        case "doubt":
            return book.doubt(key)
        case _:
            return book.forget(key)


class BookTests(SynchronousTestCase):
    """What was written is what is read."""

    @given(STEPS)
    def test_round_trip(self, steps: list[tuple[str, bytes, bytes]]) -> None:
        """The history and its summary both give the book back."""
        book = Book()
        history = join(Book().records())
        for one in steps:
            history += step(book, *one)
        self.assertEqual((book, True), read_book(history))
        self.assertEqual((book, True), read_book(join(book.records())))

    @given(STEPS, st.integers(0, 400))
    def test_torn(self, steps: list[tuple[str, bytes, bytes]], end: int) -> None:
        """A torn end takes away what was written last, and nothing before it."""
        books = [Book()]
        records = [join(Book().records())]
        for one in steps:
            book = read_book(join(records))[0]
            records.append(step(book, *one))
            books.append(book)
        end = min(len(records[0]) + end, len(join(records)))
        whole = [n for n in range(len(records)) if len(join(records[: n + 1])) <= end]
        found, sound = read_book(join(records)[:end])
        self.assertEqual(books[whole[-1]], found)
        self.assertEqual(len(join(records[: whole[-1] + 1])) == end, sound)

    @given(st.binary(max_size=300))
    def test_any_octets(self, octets: bytes) -> None:
        """What is no ledger is refused, not guessed at."""
        if octets:
            with self.assertRaises(ValueError):
                read_book(octets)
        self.assertEqual((Book(), True), read_book(b""))

    def test_forgets_in_time(self) -> None:
        """What the server does not offer is forgotten after a month, not before."""
        book, key = Book(), unique_key(b"a")
        book.deliver(key, b"0f", 5)
        self.assertTrue(book.note_offered(frozenset(), 10, whole=True))
        self.assertFalse(
            book.note_offered(frozenset(), 10 + ABSENT_SECONDS, whole=True)
        )
        self.assertIn(key, book.done)
        self.assertTrue(book.note_offered(frozenset({key}), 20, whole=True))
        self.assertEqual(0, book.done[key].absent)
        book.note_offered(frozenset(), 30, whole=True)
        book.note_offered(frozenset(), 31 + ABSENT_SECONDS, whole=True)
        self.assertEqual(Book(), book)
