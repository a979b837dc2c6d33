"""A directory that is held open: its sync may fail once, many files are read below."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.files import Directory, Files
from tests.threats import threat


class HeldDirectoryTests(SynchronousTestCase):
    """What the kernel tells once is told to all who hold the directory."""

    @threat(115)
    def test_sync_fails_for_ever(self) -> None:
        """After a failed sync every other fails, and the kernel is not asked again."""
        path = tempfile.mkdtemp(dir=".").encode()
        asked: list[int] = []

        def fsync(fd: int) -> None:
            asked.append(fd)
            raise OSError(errno.EIO, "lost")

        files = Files()
        held = files.directory(path)
        files.sync(held)
        self.patch(os, "fsync", fsync)
        for _ in range(3):
            with self.assertRaises(OSError) as caught:
                files.sync(held)
            self.assertEqual(caught.exception.errno, errno.EIO)
        self.assertEqual(asked, [held.fd])

    @threat(115)
    def test_sync_failed_meanwhile(self) -> None:
        """Who asked the kernel at the same time, and was told nothing, fails too."""
        files = Files()
        held: Directory = files.directory(b".")

        def fsync(_fd: int) -> None:
            held.failed = True  # by another thread, which the kernel told

        self.patch(os, "fsync", fsync)
        with self.assertRaises(OSError):
            files.sync(held)


class BeginningsTests(SynchronousTestCase):
    """Many small files at once."""

    def test_beginnings(self) -> None:
        """As far as wanted, in the order wanted; what can't be read holds up none."""
        base = Path(self.mktemp())
        base.mkdir()
        names = [b"%03d" % number for number in range(100)]
        for name in names[::2]:
            (base / name.decode()).write_bytes(name * 4)
        (base / "link").symlink_to("000")
        (base / "directory").mkdir()
        os.mkfifo(base / "fifo")
        held = len(os.listdir("/proc/self/fd"))
        files = Files()
        directory = files.directory(bytes(base))
        wanted = [(name, 5) for name in (*names, b"link", b"directory", b"fifo")]
        found = list(files.beginnings(directory, wanted))
        expected = [name + name[:2] for name in names[::2]]
        self.assertEqual(found[:100:2], expected)
        self.assertEqual(set(found[1:100:2]), {None})
        self.assertEqual(found[100:], [None, None, b""])
        del directory
        self.assertEqual(len(os.listdir("/proc/self/fd")), held)
