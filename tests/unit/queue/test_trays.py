"""Trays: where small entries lie that have just come."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import TemporaryFailure
from mailapp.net.steps import finish
from mailapp.queue.administration import Administration
from mailapp.queue.custody import TRAY_AGE
from mailapp.queue.dispatch import LOOK_EVERY
from mailapp.queue.places import Places
from mailapp.queue.tray import (
    BLOCK,
    ENDED,
    MOST,
    STATE_AT,
    Place,
    arrival_text,
    encode_section,
    read_arrival,
    sections,
)
from mailapp.queue.types import Outcome
from mailapp.storage.files import Files
from tests.open_files import open_files
from tests.threats import threat
from tests.unit.queue.postman import Post, PostCase, envelope, in_trays
from tests.unit.storage.maildir_case import Faulty

NAME = "0123456789abcdef"


def tray_of(*entries: bytes) -> bytes:
    """A tray in which each entry is a batch of its own."""
    octets = b""
    for entry in entries:
        place = Place(NAME, len(octets), len(entry))
        octets += encode_section(place, len(octets), entry)
    return octets


class FormTests(SynchronousTestCase):
    """Octets and places."""

    @given(st.lists(st.binary(max_size=3 * BLOCK), max_size=4))
    def test_round_trip(self, entries: list[bytes]) -> None:
        """What is put in is found again, each at the beginning of a block."""
        octets = tray_of(*entries)
        found = list(sections(NAME, octets))
        self.assertEqual(
            entries,
            [octets[(p := s.place).entry_start :][: p.octets] for s in found],
        )
        self.assertTrue(all(s.waits and not s.place.start % BLOCK for s in found))
        self.assertEqual(found[-1].place.end if found else 0, len(octets))

    def test_no_false_section(self) -> None:
        """A content can't look like a section: it does not know the tray's name."""
        lure = tray_of(b"x").replace(NAME.encode(), b"0" * 16)
        octets = tray_of(b"y" * (BLOCK - 58) + lure)
        self.assertEqual(len(list(sections(NAME, octets))), 1)

    def test_ended(self) -> None:
        """One word in its place, and the section waits no more."""
        octets = bytearray(tray_of(b"x", b"y"))
        octets[BLOCK + STATE_AT : BLOCK + STATE_AT + len(ENDED)] = ENDED
        found = list(sections(NAME, bytes(octets)))
        self.assertEqual([s.waits for s in found], [True, False])

    @given(st.none() | st.builds(Place, st.just(NAME), st.integers(0), st.integers(0)))
    def test_texts(self, place: Place | None) -> None:
        """What another process is told is what it reads."""
        self.assertEqual(read_arrival(arrival_text("m1", place)), ("m1", place))

    def test_bad_texts(self) -> None:
        """A text that would lead out of the folder, or that is none, is refused."""
        for text in "m1 ../../lock 0 9", f"m1 {NAME} 0", f"m1 {NAME} x 9", "m1 ":
            with self.assertRaises(ValueError):
                read_arrival(text)


class PlacesTests(SynchronousTestCase):
    """What is known of trays."""

    def test_life(self) -> None:
        """A tray may go when all that was told of has left; told twice counts once."""
        places = Places()
        first, second = Place(NAME, 0, 10), Place(NAME, BLOCK, 10)
        for _ in range(2):
            places.learn("m1", first, 5.0)
            places.learn("m2", second, 6.0)
        self.assertEqual(places.get("m2"), second)
        self.assertTrue(places.is_fresh(NAME, 4.0))
        self.assertFalse(places.is_fresh(NAME, 5.0))
        places.leave("m1")
        self.assertEqual(places.touched(), {NAME: None})
        places.leave("m2")
        touched = places.touched()
        self.assertEqual(touched, {NAME: 2 * BLOCK})
        places.ended(touched, [])
        self.assertEqual(places.touched(), touched)
        places.ended(touched, [NAME])
        self.assertEqual((places.touched(), places.names()), ({}, []))


class TrayTests(PostCase):
    """Entries of a worker, and the postman that is told of them, or is not."""

    def setUp(self) -> None:
        """A worker beside the postman."""
        super().setUp()
        self.texts: list[str] = []
        self.worker = self.new_worker()

    def new_worker(self, files: Files | None = None) -> Post:
        """A process that only puts into the queue."""
        worker = Post(self.folder / "queue", files or Files(), self.clock)
        worker.spool.arrived = lambda entry, _octets, place: self.texts.append(
            arrival_text(entry.id, place)
        )
        self.addCleanup(worker.spool.close)
        return worker

    def trays(self) -> list[Path]:
        """The files."""
        return list((self.folder / "queue" / "trays").iterdir())

    def tell(self) -> None:
        """The postman hears what the worker tells."""
        texts, self.texts = self.texts, []
        self.post.dispatcher.arrived(texts)

    def test_together(self) -> None:
        """Many share a tray; it goes when nobody fills it and all are done."""
        for number in range(5):
            self.worker.put(envelope(f"m{number}"))
        self.assertEqual(
            (len(self.trays()), self.left()), (1, [f"m{n}" for n in range(5)])
        )
        self.tell()
        self.assertEqual(len(self.post.carrier.taken), 5)
        self.assertEqual((len(self.trays()), self.left()), (1, []))
        self.worker.spool.close()
        self.worker.put(envelope("last"))
        self.tell()
        self.left()
        self.assertEqual(len(self.trays()), 1)

    @threat(113)
    def test_no_room(self) -> None:
        """What finds no room leaves nothing in its tray, which goes with the others."""
        files = Faulty()
        worker = self.new_worker(files)
        worker.put(envelope("m1"))
        for call in "write", "fsync":
            files.failing = call
            self.assertRaises(TemporaryFailure, worker.put, envelope("m2"))
            files.failing = ""
            worker.put(envelope(f"after-{call}"))
        worker.spool.close()
        self.assertEqual(len(self.trays()), 3)
        self.tell()
        self.assertEqual((self.left(), self.trays()), ([], []))

    @threat(113)
    def test_room_again(self) -> None:
        """A tray that is gone is not held open either: its room is free."""
        self.worker.put(envelope("m1"))
        self.tell()
        self.worker.spool.close()
        self.assertEqual((self.left(), self.trays()), ([], []))
        self.assertEqual(open_files(f"{self.folder}/queue/trays/"), [])

    def test_at_once(self) -> None:
        """Once a tray is known, what is told of it needs no thread."""
        trips: list[object] = []

        async def in_thread(work: Any, *words: Any) -> Any:
            trips.append(work)
            return work(*words)

        self.post.end()
        self.post = Post(
            self.folder / "queue", Files(), self.clock, in_thread=in_thread
        )
        self.addCleanup(self.post.end)
        self.post.start()
        loads = []
        for name in "m1", "m2", "m3":
            self.worker.put(envelope(name))
            trips.clear()
            self.tell()
            loads.append(len(trips))
        self.assertEqual(loads, [1, 0, 0])
        self.assertEqual((len(self.post.carrier.taken), self.left()), (3, []))

    def test_large(self) -> None:
        """What is large has a file of its own."""
        self.worker.put(envelope(), b"x\r\n" * MOST)
        self.assertEqual((self.trays(), self.texts), ([], ["m1"]))

    def test_deferred(self) -> None:
        """What has to wait gets its own file, and its tray goes."""
        self.always(Outcome.DEFERRED)
        for name in "m1", "m2":
            self.worker.put(envelope(name))
        self.worker.spool.close()
        self.tell()
        self.assertEqual(self.left(), ["m1", "m1.log", "m2", "m2.log"])
        self.assertEqual(self.trays(), [])
        self.always(Outcome.RELAYED)
        self.wait(600)
        self.assertEqual((len(self.post.carrier.taken), self.left()), (2, []))

    def test_untold(self) -> None:
        """What a worker died with is found; a tray is not removed before."""
        for name in "m1", "m2":
            self.worker.put(envelope(name))
        self.worker.spool.close()
        self.texts.pop()
        self.tell()
        self.assertEqual(self.left(), ["m2"])
        self.wait(LOOK_EVERY)
        self.assertEqual(len(self.post.carrier.taken), 2)
        self.assertEqual((self.trays(), self.left()), ([], []))

    def test_long(self) -> None:
        """What waits for long for its turn leaves its tray, and goes all the same."""
        self.post.carrier.held = True
        for number in range(6):
            self.worker.put(envelope(f"m{number}"))
        self.worker.spool.close()
        self.tell()
        self.wait(LOOK_EVERY + TRAY_AGE)
        self.assertEqual((self.trays(), len(self.left())), ([], 6))
        while self.post.carrier.waiting:
            self.post.carrier.release()
        self.assertEqual((len(self.post.carrier.taken), self.left()), (6, []))

    def test_restart(self) -> None:
        """A new postman finds what the old one knew, also in a tray that is filled."""
        self.post.carrier.held = True
        self.worker.put(envelope("m1"))
        self.tell()
        self.restart()
        self.worker.put(envelope("m2"))
        self.tell()
        taken = [("m1", "bob@far.test"), ("m2", "bob@far.test")]
        self.assertEqual(self.post.carrier.taken, taken)
        self.assertEqual(self.left(), [])

    def test_told_too_early(self) -> None:
        """What was told of before the postman listened goes when it does."""
        self.post.end()
        self.post = self.new_post()
        finish(self.post.custody.take())
        for name in "m1", "m2":
            self.worker.put(envelope(name))
        self.post.dispatcher.arrived(self.texts[:1])
        self.post.custody.learn(*read_arrival(self.texts[1]))
        self.post.dispatcher.start()
        self.assertEqual((len(self.post.carrier.taken), self.left()), (2, []))

    def test_told_while_looking(self) -> None:
        """Of one tray something was told too early, and something during the look."""
        self.post.end()
        self.post = self.new_post()
        custody = self.post.custody
        finish(custody.take())
        for name in "m1", "m2":
            self.worker.put(envelope(name))
        in_thread = custody.spool.in_thread

        def late(work: Any, *arguments: Any) -> Any:
            """The first thing that is asked for takes a while."""
            custody.spool.in_thread = in_thread  # type: ignore[misc]
            self.wait(1)
            self.post.dispatcher.arrived(self.texts[1:])
            return in_thread(work, *arguments)

        custody.spool.in_thread = late  # type: ignore[misc]
        self.post.dispatcher.start()
        self.wait(1)
        self.assertEqual((len(self.post.carrier.taken), self.left()), (2, []))

    def test_listed_and_dropped(self) -> None:
        """An administrator sees what lies in a tray, and may hold or drop it."""
        self.post.carrier.held = True
        for name in "m1", "m2", "m3", "m4":
            self.worker.put(envelope(name))
        self.tell()
        self.assertEqual([e.id for e in self.post.entries()], ["m1", "m2", "m3", "m4"])
        post = self.post
        administration = Administration(post.custody, post.events, post.dispatcher)
        finish(administration.drop("m4"))
        self.assertEqual(self.left(), ["m1", "m2", "m3"])
        while self.post.carrier.waiting:
            self.post.carrier.release()
        self.assertEqual((len(self.post.carrier.taken), self.left()), (3, []))

    @threat(118)
    def test_damaged(self) -> None:
        """FI-16: what is damaged is put aside with its tray, the rest goes."""
        for name in "m1", "m2", "m3":
            self.worker.put(envelope(name))
        self.worker.spool.close()
        [tray] = self.trays()
        octets = tray.read_bytes()
        wrong = octets.index(b"Hello", BLOCK)
        tray.write_bytes(octets[:wrong] + b"Hallo" + octets[wrong + 5 :])
        self.texts = [text for text in self.texts if "m2" not in text]
        self.restart()
        self.assertEqual(
            sorted(name for name, _ in self.post.carrier.taken), ["m1", "m3"]
        )
        self.assertEqual((self.trays(), self.left()), ([], []))
        self.assertTrue((self.folder / "queue" / "corrupt" / tray.name).exists())

    def test_torn(self) -> None:
        """What a power cut left of the last batch was never acknowledged."""
        for name in "m1", "m2":
            self.worker.put(envelope(name))
        self.worker.spool.close()
        [tray] = self.trays()
        tray.write_bytes(tray.read_bytes()[: BLOCK + 100])
        self.restart()
        self.assertEqual(self.post.carrier.taken, [("m1", "bob@far.test")])
        self.assertEqual((self.trays(), self.left()), ([], []))
        self.assertEqual(list((self.folder / "queue" / "corrupt").iterdir()), [])

    def test_foreign(self) -> None:
        """A file that is no tray of ours has nothing, and goes."""
        path = self.folder / "queue" / "trays" / NAME
        path.write_bytes(b"x" * 10_000)
        self.restart()
        self.assertEqual(self.trays(), [])

    def test_checksum(self) -> None:
        """An entry in a tray is octet for octet what its own file would be."""
        self.always(Outcome.DEFERRED)
        self.worker.put(envelope())
        [tray] = self.trays()
        [section] = sections(tray.name, tray.read_bytes())
        place = section.place
        before = tray.read_bytes()[place.entry_start :][: place.octets]
        self.tell()
        after = (self.folder / "queue" / "entries" / "m1").read_bytes()
        self.assertEqual(crc32(before), crc32(after))
        self.assertEqual(in_trays(self.folder / "queue"), [])
