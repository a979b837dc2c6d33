"""Names, subscriptions and special uses, of both stores."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from mailapp.net.threads import inline
from mailapp.storage import marks
from mailapp.storage.interfaces import IMarks
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.memory import MemoryStore
from mailapp.storage.types import INBOX, INBOX_ID, BadName, FolderId, TooMany
from tests.contract.store_case import StoreCase, now

SENT = frozenset({"\\Sent"})


class MarksContract:
    """What every store promises; mixed into a StoreCase."""

    alice: Any
    bob: Any
    make: Any
    assertEqual: Any  # noqa: N815
    assertIsNone: Any  # noqa: N815
    assertNotIn: Any  # noqa: N815
    assertRaises: Any  # noqa: N815
    patch: Any

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IMarks, self.alice.marks)

    def test_names(self) -> None:
        """Every mailbox, INBOX first; each is found by its name, and only by it."""
        made = {name: self.make(*name) for name in (("b",), ("a",), ("a", "ä.&/x"))}
        found = [tuple(named) for named in now(self.alice.names())]
        others = sorted((name, folder) for name, folder in made.items())
        expected = [(INBOX_ID, INBOX), *((folder, name) for name, folder in others)]
        self.assertEqual(found, expected)
        for name, folder in [(INBOX, INBOX_ID), *made.items()]:
            self.assertEqual(now(self.alice.find(name)), folder)
        for missing in (("A",), ("a", "b"), ("",), (), ("..",), ("x" * 999,)):
            self.assertIsNone(now(self.alice.find(missing)))

    def test_subscriptions(self) -> None:
        """Names stay until they are taken back, each account's for itself."""
        names = [("a",), ("a", "b.c"), ("ä", "&"), INBOX]
        for name in [*names, *names]:
            now(self.alice.marks.subscribe(name, on=True))
        self.assertEqual(now(self.alice.marks.read()).subscribed, frozenset(names))
        self.assertEqual(now(self.bob.marks.read()).subscribed, frozenset())
        for _ in range(2):
            now(self.alice.marks.subscribe(("a",), on=False))
        left = frozenset(names) - {("a",)}
        self.assertEqual(now(self.alice.marks.read()).subscribed, left)

    def test_inbox_in_any_case(self) -> None:
        """RFC 9051, section 5.1."""
        now(self.alice.marks.subscribe(("inBox",), on=True))
        self.assertEqual(now(self.alice.marks.read()).subscribed, {INBOX})

    def test_refused(self) -> None:
        """What can't be a name, and more than there may be."""
        with self.assertRaises(BadName):
            now(self.alice.marks.subscribe(("a", ""), on=True))
        self.patch(marks, "SUBSCRIPTIONS_MOST", 1)
        now(self.alice.marks.subscribe(("a",), on=True))
        with self.assertRaises(TooMany):
            now(self.alice.marks.subscribe(("b",), on=True))
        self.assertEqual(now(self.alice.marks.read()).subscribed, {("a",)})

    def test_uses(self) -> None:
        """A mailbox has those it was given last."""
        folder = self.make("Gesendet")
        now(self.alice.marks.assign(folder, SENT | {"\\Archive"}))
        now(self.alice.marks.assign(FolderId(99), SENT))
        now(self.alice.marks.assign(folder, SENT))
        now(self.alice.marks.assign(FolderId(99), frozenset()))
        self.assertEqual(dict(now(self.alice.marks.read()).uses), {folder: SENT})


class MemoryMarksTests(MarksContract, StoreCase):
    """The store in memory."""

    def make_store(self, clock: Clock) -> Any:
        """In memory."""
        return MemoryStore(clock=clock)


class MaildirMarksTests(MarksContract, StoreCase):
    """The store of files, on a real disk."""

    def make_store(self, clock: Clock) -> Any:
        """In a directory of its own."""
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        return MaildirStore(self.root, inline, clock=clock)

    @property
    def _file(self) -> Path:
        return self.root / "example.test" / "alice" / "subscriptions"

    def test_file(self) -> None:
        """Names as the directories are called, one a line: what Dovecot reads."""
        for name in (("b",), ("a", "c.d"), ("a",)):
            now(self.alice.marks.subscribe(name, on=True))
        self.assertEqual(self._file.read_bytes(), b"a\na.c&AC4-d\nb\n")

    def test_newer_file(self) -> None:
        """Dovecot 2.3 has a header and tabs; that stays so. Rubbish is left out."""
        self._file.write_bytes(b"V\t2\n\na\tb\nc&AOQ-\n&&&\n\n")
        names = now(self.alice.marks.read()).subscribed
        self.assertEqual(names, {("a", "b"), ("cä",)})
        now(self.alice.marks.subscribe(("z",), on=True))
        self.assertEqual(self._file.read_bytes(), b"V\t2\n\na\tb\nc&AOQ-\nz\n")

    def test_damaged_uses(self) -> None:
        """Lines that make no sense cost nothing but what they said."""
        path = self._file.with_name("mailapp-uses")
        path.write_bytes(b"2 \\Sent\nx \\Junk\n3\n4 Sent\n\xff\n5 \\Junk \\Trash")
        self.assertEqual(
            dict(now(self.alice.marks.read()).uses),
            {2: SENT, 5: frozenset({"\\Junk", "\\Trash"})},
        )

    def test_not_mailboxes(self) -> None:
        """The files are no mailboxes, and no message is among them."""
        now(self.alice.marks.subscribe(("a",), on=True))
        now(self.alice.marks.assign(INBOX_ID, SENT))
        self.assertEqual(len(now(self.alice.names())), 1)
