"""IDLE hears of what anybody does to a mailbox (RFC 9051, section 6.3.13).

The time from the end of an act to the line that tells of it is printed. It has to be
under 50 ms at the same worker and under 100 ms at another where MAILAPP_STRICT_TIMES is
set; otherwise a busy machine has some seconds.
"""

from __future__ import annotations

import os
import poplib
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from typing import ClassVar, Final, Protocol, TypeVar
from unittest import SkipTest

from mailapp.storage.maildir.lookout import LOOK_EVERY
from tests.interop.case import TRUSTING, ServedCase
from tests.interop.demo import PASSWORD
from tests.interop.idler import Idler, ImapWire, worker_of
from tests.interop.served import Setup, wait_for
from tests.interop.wire import ALICE

_STRICT: Final = bool(os.environ.get("MAILAPP_STRICT_TIMES"))
_BUSY: Final = 4.0
_LIMITS: Final = {True: 0.05 if _STRICT else _BUSY, False: 0.1 if _STRICT else _BUSY}
_DIALS: Final = 100  # the kernel spreads connections over two workers
_MESSAGE: Final = "From: bob@example.test\r\nSubject: {}\r\n\r\nelderberries\r\n"
_WITHOUT_INOTIFY: Final = (
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"',
    "sh",
)


class _Connected(Protocol):
    """A client."""

    @property
    def sock(self) -> socket.socket | None:
        """Its connection."""


_T = TypeVar("_T", bound=_Connected)


class PushCase(ServedCase):
    """Clients in IDLE, one at each of two workers."""

    setup: ClassVar = Setup(workers=2, tables=TRUSTING)

    def idlers(self) -> list[Idler]:
        """They wait already."""
        found: dict[int, Idler] = {}
        for _ in range(_DIALS):
            idler = Idler(self.server)
            self.addCleanup(idler.wire.socket.close)
            if found.setdefault(idler.worker, idler) is not idler:
                idler.wire.socket.shutdown(socket.SHUT_RDWR)
            if len(found) == len(self.server.workers):
                return list(found.values())
        raise LookupError

    def at(self, worker: int, dial: Callable[[], _T]) -> _T:
        """A client that is served by this worker."""
        for _ in range(_DIALS):
            client = dial()
            assert client.sock is not None
            self.addCleanup(client.sock.close)
            if worker_of(self.server, client.sock) == worker:
                return client
        raise LookupError

    def smtp(self, worker: int) -> smtplib.SMTP:
        """A client of SMTP."""
        port = self.server.port("smtp")
        return self.at(worker, lambda: smtplib.SMTP("127.0.0.1", port))

    def send(self, smtp: smtplib.SMTP) -> None:
        """A message to alice."""
        smtp.sendmail("bob@example.test", [ALICE], _MESSAGE.format(self.id()))

    def assert_told(
        self, what: str, line: bytes, idlers: list[Idler], worker: int = 0
    ) -> None:
        """All hear soon of what was done just now, at a worker or by a program."""
        done = time.monotonic()
        for idler in idlers:
            same = idler.worker == worker
            took = idler.hears(line, _BUSY + 1) - done
            where = "same worker" if same else "another one"
            sys.stderr.write(f"\n  {what}, {where}: {took * 1000:.1f} ms")
            self.assertLess(took, _LIMITS[same], what)
            idler.heard.clear()
        sys.stderr.write("\n")


class PushTests(PushCase):
    """Whoever does it, wherever."""

    def test_all(self) -> None:
        """A delivery, flags, and what POP3 deletes, by either worker."""
        idlers = self.idlers()
        for worker in [idler.worker for idler in idlers]:
            self.send(self.smtp(worker))
            self.assert_told("delivery", b"EXISTS", idlers, worker)
            other = self.at(worker, lambda: ImapWire(self.server))
            other.command("SELECT INBOX")
            other.command(r"STORE 1 +FLAGS (\Flagged word)")
            self.assert_told("flags", b"FETCH", idlers, worker)
            other.command(r"STORE 1 -FLAGS (\Flagged word)")
            self.assert_told("flags", b"FETCH", idlers, worker)
            other.command("LOGOUT")
            port = self.server.port("pop3")
            pop = self.at(worker, lambda: poplib.POP3("127.0.0.1", port))  # noqa: B023
            pop.user("alice")
            pop.pass_(PASSWORD)
            pop.dele(1)
            pop.quit()
            self.assert_told("POP3 deletes", b"EXPUNGE", idlers, worker)

    def test_foreign(self) -> None:
        """Another program puts a file into new/, renames it in cur/, removes it."""
        idlers, box = self.idlers(), self.server.maildir("alice")
        name = "1.foreign.example"
        (box / "tmp" / name).write_text("Subject: by hand\n\nx\n")
        (box / "tmp" / name).rename(box / "new" / name)
        self.assert_told("new file", b"EXISTS", idlers)
        (ours,) = (path for path in (box / "cur").iterdir() if name in path.name)
        ours = ours.rename(box / "cur" / f"{ours.name}S")
        self.assert_told("renamed file", rb"(\Seen)", idlers)
        ours.unlink()
        self.assert_told("removed file", b"EXPUNGE", idlers)

    def test_indexed(self) -> None:
        """What clients ask for is kept in the index, and text is found by it."""
        wire = ImapWire(self.server)
        self.addCleanup(wire.socket.close)
        self.send(self.smtp(self.server.workers[0]))
        wire.command("SELECT INBOX")
        wire.command("FETCH 1:* (ENVELOPE BODYSTRUCTURE)")
        index = self.server.maildir("alice") / "index.sqlite"

        def count(table: str) -> int:  # perhaps only rows of it
            with sqlite3.connect(index) as connection:
                rows = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
                return int(rows.fetchone()[0])

        self.assertGreaterEqual(count("fact"), 2)
        for _ in range(2):
            self.assertRegex(wire.command("SEARCH TEXT derber")[0], rb"SEARCH .*[0-9]")
            wait_for(lambda: count("box WHERE texts_to > 0") > 0)


class WithoutInotifyTests(PushCase):
    """A system that watches no directories for us."""

    setup: ClassVar = Setup(workers=2, tables=TRUSTING, wrapper=_WITHOUT_INOTIFY)

    @classmethod
    def setUpClass(cls) -> None:
        """Unless limits can't be set here."""
        if subprocess.run([*_WITHOUT_INOTIFY, "true"], check=False).returncode:  # noqa: S603
            raise SkipTest("no user namespaces here")
        super().setUpClass()

    def test_told_by_others(self) -> None:
        """Workers tell each other; what other programs do is seen by looking.

        For the latter the long form waits, with MAILAPP_STRICT_TIMES.
        """
        idlers = self.idlers()
        for worker in [idler.worker for idler in idlers]:
            self.send(self.smtp(worker))
            self.assert_told("delivery", b"EXISTS", idlers, worker)
        if _STRICT:
            new = self.server.maildir("alice") / "new"
            (new / "2.foreign.example").write_text("Subject: by hand\n\nx\n")
            for idler in idlers:
                idler.hears(b"EXISTS", LOOK_EVERY + _BUSY)
        said = self.server.log.count("maildir.watch.refused")
        self.assertEqual(said, len(self.server.workers))
