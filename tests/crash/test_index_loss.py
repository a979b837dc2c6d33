"""The index is deleted, damaged and made anew while a server works with it.

That changes no UID, flag, keyword or message; only time. The usual run takes a second;
``MAILAPP_INDEX_SECONDS`` has it take longer.
"""

from __future__ import annotations

import contextlib
import os
import re
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar, Final

from tests.interop.case import TRUSTING, ServedCase
from tests.interop.idler import ImapWire
from tests.interop.served import ROOT, Setup
from tests.interop.wire import ALICE

SECONDS: Final = float(os.environ.get("MAILAPP_INDEX_SECONDS", "1"))
BEFORE: Final = 30
FLAGS: Final = (r"\Seen", r"\Flagged", r"\Answered", "$work", "holiday")
MESSAGE: Final = "From: bob@example.test\r\nSubject: number {0}\r\n\r\nberries {0}\r\n"
_ROW: Final = re.compile(
    rb'UID (\d+) MODSEQ \((\d+)\) FLAGS \(([^)]*)\) ENVELOPE \(\S+ "number (\d+)"'
)
_MAILAPP: Final = (sys.executable, "-m", "mailapp.cli.main")
_PARTS: Final = ("", "-wal", "-shm")


class Seen:
    """All that clients saw together; whatever contradicts it is a failure."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}  # UID to number
        self.modseqs: dict[int, int] = {}
        self.validity: set[bytes] = set()
        self.highest = 0
        self._lock = threading.Lock()

    def rows(self, lines: list[bytes]) -> dict[int, frozenset[str]]:
        """Flags by UID of the messages in a response."""
        flags = {}
        with self._lock:
            for line in lines[:-1]:
                row = _ROW.search(line)
                if row is None:
                    continue
                uid, number = int(row[1]), int(row[4])
                if self.numbers.setdefault(uid, number) != number:
                    raise AssertionError(line)
                self.modseqs[uid] = max(int(row[2]), self.modseqs.get(uid, 0))
                words = row[3].decode().split()
                flags[uid] = frozenset(words) - {r"\Recent"}
        return flags

    def selected(self, lines: list[bytes]) -> int:
        """HIGHESTMODSEQ of a mailbox whose UIDVALIDITY never changes."""
        text = b"".join(lines)
        for found in re.findall(rb"UIDVALIDITY (\d+)", text):
            self.validity.add(found)
        highest = int(re.findall(rb"HIGHESTMODSEQ (\d+)", text)[0])
        with self._lock:
            self.highest = max(self.highest, highest)
        return highest


class IndexLossTests(ServedCase):
    """Two workers, six clients, and somebody who is after the index."""

    setup: ClassVar = Setup(workers=2, tables=TRUSTING)

    def setUp(self) -> None:
        """What clients do is known."""
        super().setUp()
        self.seen = Seen()
        self.given: dict[int, frozenset[str]] = {}
        self.sent = 0
        self.problems: list[str] = []
        self.until = 0.0
        self.losses = 0
        self.chance = Random(1)  # noqa: S311 - no secret
        self.index = self.server.maildir("alice") / "index.sqlite"

    def test_lost_under_load(self) -> None:
        """Deleted, cut, overwritten, rebuilt: clients see nothing of it."""
        with smtplib.SMTP("127.0.0.1", self.server.port("smtp")) as smtp:
            for _ in range(BEFORE):
                self.send(smtp)
        self.until = time.monotonic() + SECONDS
        works = [self.read, self.read, self.search, self.store, self.deliver]
        threads = [
            threading.Thread(target=self.play, args=(work,))
            for work in [*works, self.lose]
        ]
        for thread in threads:
            thread.start()
        self.command("rebuild")
        for thread in threads:
            thread.join(60)
        self.assertEqual(self.problems, [])
        wire = self.client()
        highest = self.seen.selected(wire.command("SELECT INBOX (CONDSTORE)"))
        self.assertGreaterEqual(highest, max(self.seen.modseqs.values()))
        self.assertEqual(len(self.seen.validity), 1)
        flags = self.seen.rows(wire.command("UID FETCH 1:* (MODSEQ FLAGS ENVELOPE)"))
        numbers = sorted(self.seen.numbers[uid] for uid in flags)
        self.assertEqual(numbers, list(range(self.sent)))
        for uid, words in self.given.items():
            self.assertEqual(flags[uid], words, uid)
        self.command("check")
        self.report(f"index lost {self.losses} times, {self.sent} messages")

    # ---- who works

    def play(self, work: Callable[[], None]) -> None:
        """Do it in a thread; note what goes wrong."""
        try:
            work()
        except BaseException as problem:
            self.problems.append(f"{work.__name__}: {problem!r}"[:2000])

    def client(self) -> ImapWire:
        """One that is logged in."""
        wire = ImapWire(self.server)
        self.addCleanup(wire.socket.close)
        return wire

    def send(self, smtp: smtplib.SMTP) -> None:
        """One more message to alice."""
        smtp.sendmail("bob@example.test", [ALICE], MESSAGE.format(self.sent))
        self.sent += 1

    def deliver(self) -> None:
        """Send."""
        with smtplib.SMTP("127.0.0.1", self.server.port("smtp")) as smtp:
            while time.monotonic() < self.until:
                self.send(smtp)
                time.sleep(0.005)

    def read(self) -> None:
        """List, and select again: MODSEQs grow only."""
        wire, before = self.client(), 0
        while time.monotonic() < self.until:
            highest = self.seen.selected(wire.command("SELECT INBOX (CONDSTORE)"))
            if highest < before:
                raise AssertionError(highest, before)
            before = highest
            for _ in range(4):
                fetch = "UID FETCH 1:* (MODSEQ FLAGS ENVELOPE)"
                if len(self.seen.rows(wire.command(fetch))) < BEFORE:
                    raise AssertionError(fetch)

    def search(self) -> None:
        """What was there before is always found, with index or without."""
        wire = self.client()
        wire.command("SELECT INBOX")
        while time.monotonic() < self.until:
            found = b"".join(wire.command('UID SEARCH TEXT "berries 7"'))
            if not re.search(rb"SEARCH .*\d", found):
                raise AssertionError(found)

    def store(self) -> None:
        """Give flags and keywords; nobody else does."""
        wire, chance = self.client(), Random(2)  # noqa: S311 - no secret
        wire.command("SELECT INBOX")
        self.seen.rows(wire.command("UID FETCH 1:* (MODSEQ FLAGS ENVELOPE)"))
        while time.monotonic() < self.until:
            uid = chance.choice(sorted(self.seen.numbers))
            words = frozenset(chance.sample(FLAGS, chance.randrange(4)))
            wire.command(f"UID STORE {uid} FLAGS ({' '.join(words)})")
            self.given[uid] = words

    def lose(self) -> None:
        """Delete, cut or overwrite the file."""
        chance = self.chance
        while time.monotonic() < self.until:
            time.sleep(chance.uniform(0.01, 0.06))
            with contextlib.suppress(FileNotFoundError):
                chance.choice([self.delete, self.cut, self.overwrite])()
                self.losses += 1

    def delete(self) -> None:
        """All of it, in an order that is nobody's."""
        for part in self.chance.sample(_PARTS, 3):
            Path(f"{self.index}{part}").unlink(missing_ok=True)

    def cut(self) -> None:
        """Leave the beginning."""
        os.truncate(self.index, 5000)

    def overwrite(self) -> None:
        """Write something else into it."""
        with self.index.open("r+b") as file:
            file.seek(self.chance.choice([0, 4096, 8192]))
            file.write(self.chance.randbytes(6000))

    def command(self, name: str) -> None:
        """``mailapp index``."""
        config = self.server.data / "mailapp.toml"
        done = subprocess.run(  # noqa: S603 - our own command
            [*_MAILAPP, "index", name, "--config", str(config), "alice"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
