"""A disk in memory that loses power between any two calls.

What programs see and what is durable are kept apart. A change of names is an operation
that waits until its directory is synced; the content of a file waits until the file is.
When power is cut, any of the waiting operations may have reached the disk and any may
not, in any order (a rename is one operation: never half of it), and what was written
but not synced may be there, be half there, or be missing.

POSIX promises less than ext4 or XFS keep; a store that is right here is right there.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from itertools import combinations

from mailapp.storage.files import Directory, Facts, Files
from tests.crash.inodes import (
    Assignment,
    HeldDirectory,
    Inode,
    Operation,
    torn,
    without,
)

EXHAUSTIVE = 5
"""Up to so many waiting operations every subset is played, else prefixes and gaps."""
_TICK = 1_000_000_000


class PowerCut(BaseException):
    """Nothing runs after it, no ``except OSError`` and no clean-up."""


class Power(Files):
    """What is visible, what is durable, and what may be left of it.

    Attributes:
        cut_at: the number of the call that does not happen any more.
    """

    def __init__(self) -> None:
        self.inodes: dict[int, Inode] = {0: Inode(directory=True)}
        self.waiting: list[Operation] = []
        self.calls = 0
        self.cut_at: int | None = None
        self.boots = 1
        self.time = 1_800_000_000 * _TICK
        self._fds: dict[int, tuple[int, int]] = {}
        self._last_fd = 100

    # ---- the power

    def settle(self) -> None:
        """Everything reaches the disk."""
        for inode in self.inodes.values():
            inode.durable = inode.content
            inode.durable_names = dict(inode.names)
        self.waiting.clear()

    def survivors(self) -> Iterator[Power]:
        """The disks that may be found when power is back."""
        seen = set()
        for kept in self._subsets():
            for written in (0, 1, 2):
                disk = self._after(kept, written)
                if (key := disk.fingerprint()) not in seen:
                    seen.add(key)
                    yield disk

    def fingerprint(self) -> tuple[tuple[bytes, bytes | None], ...]:
        """All paths and contents."""
        found: list[tuple[bytes, bytes | None]] = []

        def walk(number: int, path: bytes) -> None:
            for name, child in sorted(self.inodes[number].names.items()):
                inode = self.inodes[child]
                here = path + b"/" + name
                found.append((here, None if inode.directory else inode.content))
                if inode.directory:
                    walk(child, here)

        walk(0, b"")
        return tuple(found)

    def _subsets(self) -> Iterator[tuple[Operation, ...]]:
        waiting = tuple(self.waiting)
        if len(waiting) <= EXHAUSTIVE:
            for size in range(len(waiting) + 1):
                yield from combinations(waiting, size)
            return
        for end in range(len(waiting) + 1):
            yield waiting[:end]
            yield waiting[end:]
            yield waiting[:end] + waiting[end + 1 :]
            yield waiting[end : end + 1]

    def _after(self, kept: tuple[Operation, ...], written: int) -> Power:
        disk = type(self)()
        disk.boots = self.boots + 1
        disk.time = self.time + 60 * _TICK
        for number, inode in self.inodes.items():
            content = inode.content if written else inode.durable
            if written == 1:
                content = torn(inode.content, inode.durable)
            disk.inodes[number] = Inode(
                inode.directory, content, content, dict(inode.durable_names)
            )
        for operation in kept:
            disk._apply(operation)
        disk.settle()
        return disk

    def _apply(self, operation: Operation) -> None:
        for directory, name, inode in operation:
            names = self.inodes[directory].names
            if inode is None:
                names.pop(name, None)
            else:
                names[name] = inode

    def _call(self) -> None:
        if self.cut_at is not None and self.calls >= self.cut_at:
            raise PowerCut
        self.calls += 1
        self.time += 1_000_000

    def _do(self, *operation: Assignment) -> None:
        self._apply(operation)
        for directory, _name, _inode in operation:
            self.inodes[directory].changed = self.time
        self.waiting.append(operation)

    def _sync_names(self, number: int) -> None:
        """All that waits for this directory reaches the disk, whole operations."""
        older: list[Operation] = []
        for operation in self.waiting:
            if not any(directory == number for directory, _name, _inode in operation):
                older.append(operation)
                continue
            for directory, name, inode in operation:
                names = self.inodes[directory].durable_names
                if inode is None:
                    names.pop(name, None)
                else:
                    names[name] = inode
                older = without(older, directory, name)
        self.waiting = older


class Disk(Power):
    """The model. One thread only; locks are always free."""

    # ---- paths and descriptors

    def _find(self, path: bytes) -> int:
        number = 0
        for name in path.strip(b"/").split(b"/"):
            inode = self.inodes[number]
            if not name:
                continue
            if not inode.directory:
                raise NotADirectoryError(errno.ENOTDIR, "", path)
            if name not in inode.names:
                raise FileNotFoundError(errno.ENOENT, "", path)
            number = inode.names[name]
        return number

    def _split(self, path: bytes) -> tuple[int, bytes]:
        parent, _, name = path.rstrip(b"/").rpartition(b"/")
        return self._find(parent), name

    def _new(self, path: bytes, *, directory: bool) -> int:
        parent, name = self._split(path)
        if name in self.inodes[parent].names:
            raise FileExistsError(errno.EEXIST, "", path)
        number = max(self.inodes) + 1
        self.inodes[number] = Inode(directory, changed=self.time)
        self._do((parent, name, number))
        return number

    def _opened(self, number: int) -> int:
        self._last_fd += 1
        self._fds[self._last_fd] = (number, 0)
        return self._last_fd

    def _inode(self, fd: int) -> Inode:
        return self.inodes[self._fds[fd][0]]

    # ---- the calls

    def create(self, path: bytes) -> int:
        """See :class:`Files`."""
        self._call()
        return self._opened(self._new(path, directory=False))

    def open_read(self, path: bytes) -> int:
        """See :class:`Files`."""
        self._call()
        return self._opened(self._find(path))

    def open_scratch(self, path: bytes) -> int:
        """See :class:`Files`."""
        self._call()
        try:
            return self._opened(self._find(path))
        except FileNotFoundError:
            return self._opened(self._new(path, directory=False))

    def open_append(self, path: bytes) -> int:
        """See :class:`Files`."""
        return self.open_read(path)

    def open_overwrite(self, path: bytes) -> int:
        """See :class:`Files`."""
        return self.open_read(path)

    def close(self, fd: int) -> None:
        """See :class:`Files`."""
        self._call()
        del self._fds[fd]

    def write(self, fd: int, octets: bytes) -> None:
        """See :class:`Files`: all writers here append."""
        self._call()
        self._inode(fd).content += octets

    def overwrite(self, fd: int, octets: bytes, start: int = 0) -> None:
        """See :class:`Files`."""
        self._call()
        before = self._inode(fd).content
        after = before[:start] + octets + before[start + len(octets) :]
        self._inode(fd).content = after

    def truncate(self, fd: int, octets: int) -> None:
        """See :class:`Files`."""
        self._call()
        self._inode(fd).content = self._inode(fd).content[:octets]

    def read(self, fd: int, start: int, length: int) -> bytes:
        """See :class:`Files`."""
        self._call()
        return self._inode(fd).content[start : start + length]

    def beginnings(
        self, directory: Directory, wanted: Sequence[tuple[bytes, int]]
    ) -> Iterator[bytes | None]:
        """See :class:`Files`."""
        for path, length in wanted:
            place = directory.path + b"/" + path
            known = self.exists(place)
            yield self.inodes[self._find(place)].content[:length] if known else None

    def size(self, fd: int) -> int:
        """See :class:`Files`."""
        return len(self._inode(fd).content)

    def read_cached(self, fd: int, start: int, length: int) -> bytes | None:
        """See :class:`Files`."""
        return self.read(fd, start, length)

    def start_writing(self, fd: int) -> None:
        """See :class:`Files`: nothing that could be relied on."""

    def fsync(self, fd: int) -> None:
        """See :class:`Files`: the content, not the name."""
        self._call()
        self._inode(fd).durable = self._inode(fd).content

    def set_mtime(self, fd: int, seconds: int) -> None:
        """See :class:`Files`."""
        self._call()
        self._inode(fd).changed = seconds * _TICK

    def lock(self, fd: int, *, wait: bool, shared: bool = False) -> bool:
        """See :class:`Files`."""
        del fd, wait, shared
        self._call()
        return True

    def rename(self, old: bytes, new: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        number = self._find(old)
        self._do((*self._split(old), None), (*self._split(new), number))

    def rename_within(self, directory: Directory, old: bytes, new: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        assert isinstance(directory, HeldDirectory)
        names = self.inodes[directory.inode].names
        if old not in names:
            raise FileNotFoundError(errno.ENOENT, "", old)
        where, number = directory.inode, names[old]
        self._do((where, old, None), (where, new, number))

    def unlink(self, path: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        if self.inodes[self._find(path)].directory:
            raise IsADirectoryError(errno.EISDIR, "", path)
        self._do((*self._split(path), None))

    def mkdir(self, path: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        self._new(path, directory=True)

    def rmdir(self, path: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        if self.inodes[self._find(path)].names:
            raise OSError(errno.ENOTEMPTY, "", path)
        self._do((*self._split(path), None))

    def sync_directory(self, path: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        self._sync_names(self._find(path))

    def directory(self, path: bytes) -> Directory:
        """See :class:`Files`."""
        self._call()
        return HeldDirectory(path, self._find(path))

    def rename_into(self, old: bytes, directory: Directory, name: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        assert isinstance(directory, HeldDirectory)
        number = self._find(old)
        self._do((*self._split(old), None), (directory.inode, name, number))

    def link_into(self, old: bytes, directory: Directory, name: bytes) -> None:
        """See :class:`Files`."""
        self._call()
        assert isinstance(directory, HeldDirectory)
        self._do((directory.inode, name, self._find(old)))

    def sync(self, directory: Directory) -> None:
        """See :class:`Files`."""
        self._call()
        assert isinstance(directory, HeldDirectory)
        self._sync_names(directory.inode)

    def exists(self, path: bytes) -> bool:
        """See :class:`Files`."""
        try:
            self._find(path)
        except OSError:
            return False
        return True

    def names(self, path: bytes) -> list[bytes]:
        """See :class:`Files`."""
        return [n for n, d in self.entries(path) if not d and not n.startswith(b".")]

    def listing(self, path: bytes) -> Iterator[bytes]:
        """See :class:`Files`."""
        return iter([name + b"/" for name in sorted(self.names(path))])

    def walk(self, path: bytes) -> Iterator[bytes]:
        """See :class:`Files`."""
        return iter(self.names(path))

    def directories(self, path: bytes) -> list[bytes]:
        """See :class:`Files`."""
        return [name for name, directory in self.entries(path) if directory]

    def entries(self, path: bytes) -> list[tuple[bytes, bool]]:
        """See :class:`Files`."""
        names = self.inodes[self._find(path)].names
        return [(n, self.inodes[child].directory) for n, child in names.items()]

    def facts(self, path: bytes) -> Facts:
        """See :class:`Files`."""
        number = self._find(path)
        inode = self.inodes[number]
        return Facts(
            inode=(1, number),
            size=len(inode.content),
            mtime=inode.changed,
            ctime=inode.changed,
            regular=not inode.directory,
            directory=inode.directory,
        )

    def mtime(self, path: bytes) -> int:
        """See :class:`Files`."""
        return self.inodes[self._find(path)].changed

    def now(self) -> int:
        """See :class:`Files`."""
        return self.time

    def boot(self) -> bytes:
        """See :class:`Files`."""
        return b"boot%d" % self.boots
