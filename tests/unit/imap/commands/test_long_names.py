"""A message whose file can take no more letters, among others."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from tests.rows import rows, tabled
from tests.unit.imap.commands.talk import House, now

_WORDS = " ".join(f"k{number}" for number in range(20))


@tabled
class LongNameTests(SynchronousTestCase):
    """A name has 255 octets, and a letter for each flag."""

    def setUp(self) -> None:
        """Three messages; another program gave the second one a long name."""
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)

        def make(clock: Clock) -> MaildirStore:
            return MaildirStore(root, inline, clock=clock)

        self.house = House(make_store=make)
        self.addCleanup(lambda: now(self.house.store.close()))
        [inbox] = root.glob("*/*/cur")
        for number in range(3):
            Path(inbox, f"{number}.test:2,S").write_bytes(b"a: b\r\n\r\nc\r\n")
        self.client = self.house.client("SELECT INBOX")
        [path] = inbox.glob("*,U=2,*")
        path.rename(inbox / ("x" * (250 - len(path.name)) + path.name))
        self.client.give("SELECT INBOX")

    @rows(
        told=(f"STORE 1:3 +FLAGS ({_WORDS})", "1 2 3", "[LIMIT]"),
        silent=(f"STORE 1:3 +FLAGS.SILENT ({_WORDS})", "2", "[LIMIT]"),
        replaced=(f"UID STORE 1:3 FLAGS ({_WORDS})", "1 2 3", "[LIMIT]"),
        modified=(
            f"STORE 1:3 (UNCHANGEDSINCE 1) +FLAGS ({_WORDS})",
            "1 2 3",
            "[MODIFIED 1:3]",
        ),
        fits=(r"STORE 1:3 +FLAGS.SILENT (\Flagged)", "", ""),
    )
    def test_store(self, command: str, told: str, code: str) -> None:
        """It stays as it was and the client hears so; the others are changed."""
        *lines, last = self.client.give(command)
        found = [line for line in lines if " FETCH " in line]
        self.assertEqual(" ".join(line.split()[1] for line in found), told)
        self.assertIn(code, last)
        self.assertEqual(last.startswith("NO "), code == "[LIMIT]", last)
        flags = [
            (re.search(r"FLAGS \((.*?)\)", line) or [""])[1].split()
            for line in self.client.give("FETCH 1:3 FLAGS")[:3]
        ]
        if code == "[LIMIT]":
            self.assertEqual([len(some) > 19 for some in flags], [True, False, True])
            self.assertEqual(flags[1], ["\\Seen"])
        self.assertEqual(self.client.last("NOOP"), "OK nothing else to do")
