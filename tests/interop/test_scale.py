"""Large mailboxes and clients that do not read, beside one that wants an answer now.

The server watches itself (:mod:`mailapp.app.turns`): no turn of its reactor may take
longer than 20 ms of processor time, whatever is asked. The usual run has 2,000
messages; ``MAILAPP_MANY=100000`` has so many.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import ClassVar, Final

from tests.interop.case import TRUSTING, ServedCase
from tests.interop.idler import ImapWire
from tests.interop.served import Setup
from tests.threats import threat

MANY: Final = int(os.environ.get("MAILAPP_MANY", "2000"))
MIB: Final = 2**20
_BIG: Final = 4 * MIB
_ROUNDS: Final = 6
_COMMANDS: Final = r"""
FETCH 1:* (UID FLAGS)
FETCH 1:* (ENVELOPE BODYSTRUCTURE)
FETCH 1:* (RFC822.SIZE INTERNALDATE)
FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]
SEARCH ALL
SEARCH SUBJECT "number 77"
SEARCH TEXT elderberries
SEARCH SENTSINCE 1-Jan-2020 NOT FROM user7@
SEARCH RETURN (SAVE) UNSEEN
FETCH $ FLAGS
SORT (REVERSE DATE SUBJECT) UTF-8 ALL
SORT (ARRIVAL) UTF-8 ALL
THREAD REFERENCES UTF-8 ALL
THREAD ORDEREDSUBJECT UTF-8 ALL
STORE 1:* +FLAGS (\Flagged word)
STORE 1:* -FLAGS.SILENT (\Flagged)
CREATE Copies
COPY 1:* Copies
SELECT Copies
STATUS Copies (MESSAGES UNSEEN SIZE)
STORE 1:{half} +FLAGS.SILENT (\Deleted)
EXPUNGE
CREATE Moved
MOVE 1:* Moved
DELETE Moved
DELETE Copies
"""


class ScaleTests(ServedCase):
    """One worker, so that all clients meet in it; bob has a large mailbox."""

    setup: ClassVar = Setup(workers=1, tables=TRUSTING)

    @classmethod
    def setUpClass(cls) -> None:
        """Fill the mailbox as another program would."""
        super().setUpClass()
        box = cls.server.maildir("bob")
        for number in range(MANY):
            write(box, number)

    def worker_mib(self) -> float:
        """Memory of the process that serves."""
        [worker] = self.server.workers
        status = Path(f"/proc/{worker}/status").read_text("ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def test_commands(self) -> None:
        """Every kind of command, while another session is told of what happens."""
        beside = ImapWire(self.server, "bob")
        wire = ImapWire(self.server, "bob")
        for one in (beside, wire):
            self.addCleanup(one.socket.close)
            one.socket.settimeout(900)
            one.command("ENABLE QRESYNC" if one is beside else "NOOP")
            one.command("SELECT INBOX")
        for line in _COMMANDS.strip().format(half=MANY // 2).split("\n"):
            began = time.monotonic()
            wire.command(line)
            self.report(f"{line}: {time.monotonic() - began:.2f} s")
            beside.command("NOOP")

    @threat(61, 62)
    def test_fetch(self) -> None:
        """What was asked for many times is neither read nor formatted ahead."""
        write(self.server.maildir("alice"), 1, _BIG)
        warm = ImapWire(self.server)
        warm.command("SELECT INBOX")
        warm.command("FETCH * (ENVELOPE BODYSTRUCTURE)")
        warm.command("LOGOUT")
        before = self.worker_mib()
        for user, item in (("alice", "BODY.PEEK[]"), ("bob", "(FLAGS ENVELOPE)")):
            for _ in range(5):
                wire = ImapWire(self.server, user, receive_octets=4096)
                self.addCleanup(wire.socket.close)
                wire.command("SELECT INBOX")
                wire.send(
                    b"".join(b"x FETCH 1:* %s\r\n" % item.encode() for _ in range(50))
                )
        for _ in range(5):
            time.sleep(0.1)
            other = ImapWire(self.server, "bob")
            other.command("SELECT INBOX")
            other.command("LOGOUT")
        grown = self.worker_mib() - before
        self.report(f"ten clients that do not read: {grown:.1f} MiB")
        self.assertLess(grown, 24)

    def test_idle(self) -> None:
        """A flood of news is kept as what there is to tell, not as lines."""
        idler = ImapWire(self.server, "bob", receive_octets=4096)
        self.addCleanup(idler.socket.close)
        idler.command("SELECT INBOX")
        idler.command("IDLE")
        other = ImapWire(self.server, "bob")
        self.addCleanup(other.socket.close)
        other.socket.settimeout(900)
        other.command("SELECT INBOX")
        # the kernel holds up to 4 MiB for a client; this makes more
        words = " ".join(f"{letter * 50}" for letter in "abcdefghijklmnopqrst")
        other.command(f"STORE 1:* +FLAGS.SILENT ({words})")
        for turn in range(_ROUNDS):
            sign = "-" if turn % 2 else "+"
            other.command(rf"STORE 1:* {sign}FLAGS.SILENT (\Answered)")
        other.command("STORE 1 +FLAGS.SILENT (last)")
        told = 0
        while b"last" not in (line := idler.line()):
            self.assertNotEqual(line, b"")
            told += b" FETCH " in line
        self.report(f"{told} lines of {_ROUNDS * MANY}")
        self.assertLess(told, _ROUNDS * MANY // 2)


def write(box: Path, number: int, size: int = 0) -> None:
    """A message in ``cur``, one of a thread of ten."""
    first = number - number % 10
    references = " ".join(f"<{n}@example.org>" for n in range(first, number))
    octets = (
        f"From: User {number % 97} <user{number % 97}@example.org>\r\n"
        f"Subject: {'Re: ' if references else ''}number {first}\r\n"
        f"Date: {number % 27 + 1} Nov 2024 12:00:00 +0000\r\n"
        f"Message-ID: <{number}@example.org>\r\nReferences: {references}\r\n\r\n"
        "elderberries\r\n"
    ).encode()
    octets += b"x" * 70 * (size > 0) + b"\r\n"
    octets += (b"x" * 70 + b"\r\n") * (size // 72)
    name = f"{1700000000 + number}.M{number:06}P1.test,S={len(octets)}:2,"
    (box / "cur" / name).write_bytes(octets)
