"""Tests of :mod:`mailapp.events.journal` and :mod:`mailapp.events.story`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.events.journal import WRITE_EVERY, Journal, journals, tend
from mailapp.events.record import Event, Kind
from mailapp.events.story import find
from tests.rows import rows, tabled

DAY = 86_400.0
NOON = 20_000.5 * DAY
TOLD = Event(
    Kind.ACCEPTED,
    "aaaa",
    NOON,
    "bob@example.test, Müller@example.test",
    facts={"sender": "alice@example.test", "message_id": "<One@host>"},
)


class JournalCase(SynchronousTestCase):
    """Has a journal."""

    def setUp(self) -> None:
        """Make one."""
        self.folder = Path(self.mktemp()) / "journal"
        self.clock = Clock()
        self.clock.advance(NOON)
        self.journal = self.make()

    def make(self, process: str = "w0") -> Journal:
        """A journal of one process."""
        journal = Journal(self.folder, process, self.clock, self.clock.seconds)
        self.addCleanup(journal.stop)
        return journal


class JournalTests(JournalCase):
    """Events become lines of files."""

    def test_gathered(self) -> None:
        """Nothing is written at once, all of it soon."""
        self.journal.tell(TOLD)
        self.journal.tell(TOLD)
        self.assertEqual(list(journals(self.folder)), [])
        self.clock.advance(WRITE_EVERY)
        (path,) = journals(self.folder)
        self.assertEqual(path.name, "2024-10-04.w0.log")
        self.assertEqual(len(path.read_bytes().splitlines()), 2)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o137, 0)

    def test_stop(self) -> None:
        """Nothing is lost at an ordered end."""
        self.journal.tell(TOLD)
        self.journal.stop()
        self.assertEqual(len(find(self.folder, "aaaa")), 1)

    def test_new_day(self) -> None:
        """Each day has its file."""
        for _ in range(3):
            self.journal.tell(TOLD)
            self.journal.flush()
            self.clock.advance(DAY)
        names = [path.name for path in journals(self.folder)]
        days = ["2024-10-06.w0.log", "2024-10-05.w0.log", "2024-10-04.w0.log"]
        self.assertEqual(names, days)

    def test_trouble(self) -> None:
        """A journal that can't be written is told once, and mail goes on."""
        self.folder.parent.mkdir()
        self.folder.write_bytes(b"in the way")
        for _ in range(3):
            self.journal.tell(TOLD)
            self.journal.flush()
        self.assertEqual(self.flushLoggedErrors(), [])  # no traceback
        self.folder.unlink()
        self.journal.tell(TOLD)
        self.journal.flush()
        self.assertEqual(len(find(self.folder, "aaaa")), 1)

    def test_no_link(self) -> None:
        """What lies in the place of a file is not followed elsewhere."""
        self.folder.mkdir(parents=True)
        victim = self.folder.parent / "victim"
        os.symlink(victim, self.folder / "2024-10-04.w0.log")
        self.journal.tell(TOLD)
        self.journal.flush()
        self.assertFalse(victim.exists())

    def test_tend(self) -> None:
        """Finished days are compressed, old ones deleted, both are still found."""
        for _ in range(4):
            self.journal.tell(TOLD)
            self.journal.flush()
            self.clock.advance(DAY)
        tend(self.folder, NOON + 3 * DAY, 2 * DAY)
        names = [path.name for path in journals(self.folder)]
        self.assertEqual(
            names,
            ["2024-10-07.w0.log", "2024-10-06.w0.log", "2024-10-05.w0.log.gz"],
        )
        (story,) = find(self.folder, "aaaa")
        self.assertEqual(len(story.events), 3)

    def test_tend_for_ever(self) -> None:
        """With 0 nothing is deleted; what is not ours is left alone."""
        self.journal.tell(TOLD)
        self.journal.flush()
        other = self.folder / "notes.txt"
        other.write_bytes(b"mine")
        tend(self.folder, NOON + 5000 * DAY, 0.0)
        (path,) = journals(self.folder)
        self.assertEqual(path.suffix, ".gz")
        self.assertTrue(other.exists())


@tabled
class StoryTests(JournalCase):
    """A message is found by what people know of it."""

    @rows(
        by_id=("aaaa",),
        by_sender=("ALICE@example.test",),
        by_recipient=("bob@example.test",),
        by_utf8=("müller@example.test",),
        by_message_id=("<One@host>",),
        bare_message_id=("One@host",),
    )
    def test_found(self, word: str) -> None:
        """Each word finds the whole story, over processes and in order."""
        other = self.make("postman")
        later = Event(Kind.RELAYED, "aaaa", NOON + 9, "bob@example.test")
        other.tell(later)
        other.tell(Event(Kind.RELAYED, "bbbb", NOON, "carol@example.test"))
        other.flush()
        self.journal.tell(TOLD)
        self.journal.flush()
        (story,) = find(self.folder, word)
        self.assertEqual(story.events, (TOLD, later))

    @rows(
        part=("example.test",),
        kind=("accepted",),
        nothing=("nobody@example.test",),
        empty=("",),
    )
    def test_not_found(self, word: str) -> None:
        """A word that names nothing finds nothing."""
        self.journal.tell(TOLD)
        self.journal.flush()
        self.assertEqual(find(self.folder, word), [])

    def test_our_message_id(self) -> None:
        """One that we gave to a message that had none is made of its id."""
        told = evolve(TOLD, message="231364bf6478ac86")
        self.journal.tell(told)
        self.journal.flush()
        (story,) = find(self.folder, "<231364bf6478ac86@mx.example.test>")
        self.assertEqual(story.events, (told,))
        self.assertEqual(find(self.folder, "<bob@mx.example.test>"), [])

    def test_report(self) -> None:
        """The story of a message comes with that of the report about it."""
        self.journal.tell(TOLD)
        self.journal.tell(
            Event(Kind.REPORTED, "aaaa", NOON + 2, facts={"report": "cccc"})
        )
        self.journal.tell(Event(Kind.DELIVERED, "cccc", NOON + 3, "alice@example.test"))
        self.journal.flush()
        found = [story.message for story in find(self.folder, "<one@HOST>")]
        self.assertEqual(found, ["aaaa", "cccc"])

    @rows(
        message=("aaaa",),
        copy=("aaaa-1",),
        report=("rrrr",),
        message_id=("one@host",),
        report_message_id=("<rrrr@mx.test>",),
        member=("dave@far.test",),
    )
    def test_related(self, word: str) -> None:
        """A message, what it became, and the reports about that are one story."""
        queued: dict[str, str | int | float] = {"entry": "aaaa-1", "recipients": 1}
        report: dict[str, str | int | float] = {
            "parent": "aaaa-1",
            "message_id": "<rrrr@mx.test>",
        }
        for event in (
            TOLD,
            Event(Kind.QUEUED, "aaaa", NOON, "bob@example.test", facts=queued),
            Event(Kind.BOUNCED, "aaaa-1", NOON + 1, "dave@far.test"),
            Event(Kind.REPORTED, "aaaa-1", NOON + 2, facts={"report": "rrrr"}),
            Event(Kind.WRITTEN, "rrrr", NOON + 2, "alice@example.test", facts=report),
            Event(Kind.ACCEPTED, "zzzz", NOON + 3, "erin@example.test"),
        ):
            self.journal.tell(event)
        self.journal.flush()
        found = [story.message for story in find(self.folder, word)]
        self.assertEqual(found, ["aaaa", "aaaa-1", "rrrr"])

    def test_torn(self) -> None:
        """A line that a crash tore hides no other."""
        self.journal.tell(TOLD)
        self.journal.flush()
        (path,) = journals(self.folder)
        line = path.read_bytes()
        path.write_bytes(line[:-9] + b"\n" + line)
        (story,) = find(self.folder, "aaaa")
        self.assertEqual(story.events, (TOLD,))

    def test_progress(self) -> None:
        """A long search tells how far it is."""
        for moment in range(3):
            self.journal.tell(evolve(TOLD, at=NOON + moment))
            self.journal.flush()
            self.clock.advance(DAY)
        told: list[tuple[int, int]] = []
        find(
            self.folder, "aaaa", lambda _path, place, total: told.append((place, total))
        )
        self.assertEqual(told, [(n, 3) for n in (0, 1, 2)] * 2)
