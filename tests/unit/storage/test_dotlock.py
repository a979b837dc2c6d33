"""Tests of mailapp.storage.maildir.dotlock and of who has to hold it."""

from __future__ import annotations

import os
import time

from mailapp.storage.files import Files
from mailapp.storage.maildir.dotlock import dotlock
from mailapp.storage.maildir.keywords import read, with_letters
from mailapp.storage.types import Unavailable
from tests.unit.storage.maildir_case import MaildirCase


class Impatient(Files):
    """A second passes in each pause; whoever holds a lock may give it up meanwhile."""

    def __init__(self) -> None:
        self.passed = 0
        self.gives_up = b""

    def now(self) -> int:
        """See :class:`Files`."""
        return super().now() + self.passed

    def pause(self, seconds: float) -> None:
        """See :class:`Files`."""
        self.passed += 1_000_000_000
        if self.gives_up:
            os.unlink(self.gives_up)


class DotlockTests(MaildirCase):
    """Beside Dovecot, which says that it is there by its list of UIDs."""

    def setUp(self) -> None:
        """Dovecot has been here."""
        super().setUp()
        self.disk = Impatient()
        self.where = os.fsencode(self.path)
        self.lock = self.path / "dovecot-uidlist.lock"
        (self.path / "dovecot-uidlist").touch()

    def test_held(self) -> None:
        """It tells whose it is, and is gone afterwards."""
        with dotlock(self.disk, self.where):
            self.assertTrue(self.lock.read_text().startswith(f"{os.getpid()}:"))
        self.assertFalse(self.lock.exists())

    def test_no_dovecot(self) -> None:
        """Where it never was nothing is left for it."""
        (self.path / "dovecot-uidlist").unlink()
        with dotlock(self.disk, self.where):
            self.assertFalse(self.lock.exists())

    def test_busy(self) -> None:
        """Whoever waits in vain says so, and keeps off."""
        self.lock.write_text("1:elsewhere")
        with self.assertRaises(Unavailable):
            with_letters(self.disk, self.where, frozenset({"one"}))
        self.assertEqual(self.lock.read_text(), "1:elsewhere")
        self.assertEqual(read(self.disk, self.where).by_letter, {})

    def test_waits(self) -> None:
        """It goes on when Dovecot does."""
        self.lock.touch()
        self.disk.gives_up = os.fsencode(self.lock)
        known = with_letters(self.disk, self.where, frozenset({"one"}))
        self.assertEqual(known.by_letter, {"a": "one"})

    def test_left_behind(self) -> None:
        """One that nobody has touched for minutes is nobody's."""
        self.lock.touch()
        os.utime(self.lock, (0, time.time() - 121))
        with dotlock(self.disk, self.where):
            pass
        self.assertEqual(self.disk.passed, 0)

    def test_mtime(self) -> None:
        """Dovecot compares seconds of the mtime, so each change has a later one."""
        path = self.path / "dovecot-keywords"
        last = 0
        for count, keyword in enumerate(("one", "two", "three")):
            with_letters(self.disk, self.where, frozenset({keyword}))
            self.assertGreater(int(path.stat().st_mtime), last)
            last = int(path.stat().st_mtime)
            with_letters(self.disk, self.where, frozenset({keyword}))
            self.assertEqual(int(path.stat().st_mtime), last)
            self.assertEqual(len(path.read_text().split("\n")), count + 2)
