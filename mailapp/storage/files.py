"""Every file call of the store and the queue; the only module that touches the disk.

A test puts a model of a disk in its place that loses power between any two calls
(``tests/crash/powercut.py``). So each method is one step that either happened or did
not, and no rule about mail is in here. Paths and names are octets: what lies in a
Maildir was named by any program.

Symbolic links are not followed in the last part of a path, no descriptor is inherited,
nothing blocks on a FIFO, and what is made here is readable by its owner only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from attrs import frozen

_CREATE: Final = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_SCRATCH: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OVERWRITE: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_AT_ONCE: Final = 4096  # names
_READ_AHEAD: Final = 32  # files
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@frozen
class Facts:
    """What a look at a file tells, without following a link.

    Attributes:
        inode: device and number.
        mtime: of the content, in nanoseconds.
        ctime: of the last change of any kind, in nanoseconds.
    """

    inode: tuple[int, int]
    size: int
    mtime: int
    ctime: int
    regular: bool
    directory: bool


class Directory:
    """A directory held open; closed when the last who uses it lets go of it.

    Attributes:
        failed: a sync of it has failed, so none can be believed any more.
    """

    __slots__ = ("failed", "fd", "path")

    def __init__(self, path: bytes, fd: int) -> None:
        self.path: Final = path
        self.fd: Final = fd
        self.failed = False

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class Files:
    """The disk. All methods may block and raise OSError; all are thread-safe."""

    def create(self, path: bytes) -> int:
        """Make a file that was not there; a descriptor to write and read it."""
        return os.open(path, _CREATE, 0o600)

    def open_read(self, path: bytes) -> int:
        """A descriptor to read a file."""
        return os.open(path, _READ)

    def open_scratch(self, path: bytes) -> int:
        """A descriptor to lock, read and overwrite a file, made if it is not there."""
        return os.open(path, _SCRATCH, 0o600)

    def open_overwrite(self, path: bytes) -> int:
        """A descriptor to read, and to overwrite, a file that is there."""
        return os.open(path, _OVERWRITE)

    def open_append(self, path: bytes) -> int:
        """A descriptor to read, and to append to, a file that is there."""
        return os.open(path, _APPEND)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def write(self, fd: int, octets: bytes) -> None:
        """Write all of it after what was written; a short write is followed by another.

        Raises:
            OSError: some of it may have been written.
        """
        written = os.write(fd, octets)
        while written < len(octets):
            written += os.write(fd, memoryview(octets)[written:])

    def overwrite(self, fd: int, octets: bytes, start: int = 0) -> None:
        """Put octets over what is there; the file is at least so long."""
        os.pwrite(fd, octets, start)

    def truncate(self, fd: int, octets: int) -> None:
        """Leave only so many octets of a file."""
        os.ftruncate(fd, octets)

    def read(self, fd: int, start: int, length: int) -> bytes:
        """Up to ``length`` octets from ``start``; none at the end."""
        return os.pread(fd, length, start)

    def beginnings(
        self, directory: Directory, wanted: Sequence[tuple[bytes, int]]
    ) -> Iterator[bytes | None]:
        """Up to so many octets of each of some files below a directory. Hot.

        None: can't be read. The disk is asked for some before the first is waited for:
        10,000 small ones that are not in memory are there six times sooner.
        """
        for at in range(0, len(wanted), _READ_AHEAD):
            yield from _beginnings(directory.fd, wanted[at : at + _READ_AHEAD])

    def size(self, fd: int) -> int:
        """Octets in a file."""
        return os.fstat(fd).st_size

    def read_cached(self, fd: int, start: int, length: int) -> bytes | None:
        """As :meth:`read`, but None instead of waiting for the disk."""
        room = bytearray(length)
        try:
            got = os.preadv(fd, [room], start, os.RWF_NOWAIT)
        except OSError as failure:
            if failure.errno in {errno.EAGAIN, errno.EOPNOTSUPP}:
                return None
            raise
        return bytes(room) if got == length else bytes(memoryview(room)[:got])

    def start_writing(self, fd: int) -> None:
        """Let the disk begin with the content; promises nothing.

        Linux finds room for it and sends it off. So the first fsync of several files
        commits all of them to the journal, and the others find that done.
        """
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def fsync(self, fd: int) -> None:
        """Make the content of a file durable.

        After a failure the kernel may call lost pages clean: never try again with the
        same file, remove it (Rebello et al., USENIX ATC 2020).
        """
        os.fsync(fd)

    def set_mtime(self, fd: int, seconds: int) -> None:
        """Set when the file says it was written."""
        os.utime(fd, (seconds, seconds))

    def lock(self, fd: int, *, wait: bool, shared: bool = False) -> bool:
        """Lock a file against other descriptors, also of other processes.

        The kernel drops the lock when its descriptor is closed or its process dies.

        Returns:
            False: another holds it (only without ``wait``).
        """
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(fd, kind | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def rename(self, old: bytes, new: bytes) -> None:
        """Give a file another name, over what has it."""
        os.rename(old, new)

    def rename_within(self, directory: Directory, old: bytes, new: bytes) -> None:
        """As :meth:`rename`, in a directory that is held: its path is not looked up.

        Hot.
        """
        os.rename(old, new, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)

    def unlink(self, path: bytes) -> None:
        """Remove a name."""
        os.unlink(path)

    def mkdir(self, path: bytes) -> None:
        """Make a directory."""
        os.mkdir(path, 0o700)

    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        os.rmdir(path)

    def sync_directory(self, path: bytes) -> None:
        """Make the names in a directory durable."""
        fd = os.open(path, _DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def directory(self, path: bytes) -> Directory:
        """Hold a directory open, so that names put into it and their sync meet."""
        return Directory(path, os.open(path, _DIRECTORY))

    def rename_into(self, old: bytes, directory: Directory, name: bytes) -> None:
        """Move a file into a directory that is held.

        Raises:
            FileNotFoundError: also when the directory itself was removed.
        """
        os.rename(old, name, dst_dir_fd=directory.fd)

    def link_into(self, old: bytes, directory: Directory, name: bytes) -> None:
        """Give a file a second name, which nothing may have yet, in that directory."""
        os.link(old, name, dst_dir_fd=directory.fd, follow_symlinks=False)

    def sync(self, directory: Directory) -> None:
        """Make the names in a held directory durable.

        The kernel tells of lost pages once for each open file, whoever of its threads
        asks first. So when one fails, all who share the hold fail; none tries again.
        """
        if not directory.failed:
            try:
                os.fsync(directory.fd)
            except OSError:
                directory.failed = True
                raise
        if directory.failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def exists(self, path: bytes) -> bool:
        """Is there anything of that name? Cheap when there is not."""
        return os.access(path, os.F_OK)

    def names(self, path: bytes) -> list[bytes]:
        """Names of the regular files in a directory, but for those with a dot before.

        Links, FIFOs, sockets, devices and directories are left out. Nothing is opened,
        and on usual file systems nothing is looked at either: the type is in the entry.
        """
        with os.scandir(path) as entries:
            return [
                name
                for entry in entries
                if (name := entry.name)[0] != 46  # noqa: PLR2004  # "."
                if not entry.is_symlink() and entry.is_file()  # without arguments: fast
            ]

    def listing(self, path: bytes) -> Iterator[bytes]:
        """As :meth:`names`, sorted, some at a time with a slash behind each.

        For directories of any size: as text they are sorted a third faster. All of them
        are read before this returns.
        """
        with os.scandir(os.fsdecode(path)) as entries:
            names = [e.name for e in entries if not e.is_symlink() and e.is_file()]
        names.sort()
        del names[bisect_left(names, ".") : bisect_left(names, "/")]
        return (
            os.fsencode("/".join(names[at : at + _AT_ONCE]) + "/")
            for at in range(0, len(names), _AT_ONCE)
        )

    def walk(self, path: bytes) -> Iterator[bytes]:
        """As :meth:`names`, one at a time: for directories of any size."""
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name[0] != 46 and entry.is_file(follow_symlinks=False):  # noqa: PLR2004  # "."
                    yield entry.name

    def directories(self, path: bytes) -> list[bytes]:
        """Names of the directories in a directory; links are left out."""
        with os.scandir(path) as entries:
            return [e.name for e in entries if e.is_dir(follow_symlinks=False)]

    def entries(self, path: bytes) -> list[tuple[bytes, bool]]:
        """All names in a directory, and whether each is a directory itself."""
        with os.scandir(path) as entries:
            return [(e.name, e.is_dir(follow_symlinks=False)) for e in entries]

    def facts(self, path: bytes) -> Facts:
        """What a look at a path tells."""
        seen = os.lstat(path)
        return Facts(
            inode=(seen.st_dev, seen.st_ino),
            size=seen.st_size,
            mtime=seen.st_mtime_ns,
            ctime=seen.st_ctime_ns,
            regular=stat.S_ISREG(seen.st_mode),
            directory=stat.S_ISDIR(seen.st_mode),
        )

    def mtime(self, path: bytes) -> int:
        """When the content of a directory last changed, in nanoseconds."""
        return os.stat(path).st_mtime_ns

    def now(self) -> int:
        """The time of the file system's host, in nanoseconds since the epoch."""
        return time.time_ns()

    def pause(self, seconds: float) -> None:
        """Wait for another program; only in a thread."""
        time.sleep(seconds)

    def boot(self) -> bytes:
        """Another value after each start of the machine: 1 to 40 letters and digits."""
        return _boot()


@cache
def _boot() -> bytes:
    with suppress(OSError):
        return _BOOT.read_bytes().strip().replace(b"-", b"")[:40]
    return b"%d" % int(time.time() - time.monotonic())


def read_whole(files: Files, path: bytes, most: int = 1 << 20) -> bytes | None:
    """The content of a small file of ours; None when there is none."""
    try:
        fd = files.open_read(path)
    except FileNotFoundError:
        return None
    try:
        return files.read(fd, 0, most)
    finally:
        files.close(fd)


def _beginnings(at: int, wanted: Sequence[tuple[bytes, int]]) -> list[bytes | None]:
    opened: dict[int, int] = {}
    found: list[bytes | None] = [None] * len(wanted)
    try:
        for index, (path, length) in enumerate(wanted):
            try:
                fd = opened[index] = os.open(path, _READ, dir_fd=at)
                os.posix_fadvise(fd, 0, length, os.POSIX_FADV_WILLNEED)
            except OSError:
                continue
        for index, fd in opened.items():
            try:
                found[index] = os.read(fd, wanted[index][1])
            except OSError:
                continue
    finally:
        for fd in opened.values():
            os.close(fd)
    return found


def replace(
    files: Files, directory: bytes, name: bytes, octets: bytes, mtime: int | None = None
) -> None:
    """Put a file in the place of the one of that name: old or new, never a mix.

    Durable when this returns. The caller holds the lock that makes it the only writer.

    With ``mtime``, in seconds since the epoch, that is what it tells of itself.

    Raises:
        OSError: the old file is still there.
    """
    fresh = directory + b"/" + name + b".new"
    with suppress(FileNotFoundError):
        files.unlink(fresh)
    fd = files.create(fresh)
    try:
        try:
            files.write(fd, octets)
            if mtime is not None:
                files.set_mtime(fd, mtime)
            files.fsync(fd)
        finally:
            files.close(fd)
        files.rename(fresh, directory + b"/" + name)
    except OSError:
        with suppress(OSError):
            files.unlink(fresh)
        raise
    files.sync_directory(directory)
