"""The mailboxes of one account: found, made, renamed and removed."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from attrs import field, frozen

from mailapp.storage.files import Files
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.layout import PARTS, folder_directory, folder_name
from mailapp.storage.maildir.sweep import remove_tree
from mailapp.storage.maildir.uids import (
    Numbers,
    next_number,
    read_numbers,
    turn,
    write_numbers,
)
from mailapp.storage.types import INBOX, INBOX_ID, BadName, Exists, FolderId, NoSuch

MARK: Final = b"maildirfolder"
"""An empty file that tells a delivery program to look for ``maildirsize`` above."""


@frozen
class Found:
    """A mailbox and where it lies."""

    id: FolderId
    name: tuple[str, ...]
    path: bytes


@frozen
class Folders:
    """The mailboxes of the account at ``path``. Its methods block."""

    files: Files
    unique: UniqueNames
    path: bytes
    _known: dict[FolderId, Found] = field(factory=dict, init=False)

    def all(self) -> list[Found]:
        """Every mailbox, INBOX first, then by name."""
        found = [Found(INBOX_ID, INBOX, self.path)]
        taken = {INBOX_ID}
        for directory in self.files.directories(self.path):
            name = folder_name(directory)
            path = self.path + b"/" + directory
            if name is None or not self._is_mailbox(path):
                continue
            folder = self._id(path, taken)
            taken.add(folder)
            found.append(Found(folder, name, path))
        found[1:] = sorted(found[1:], key=lambda f: f.name)
        self._known.clear()
        self._known.update({f.id: f for f in found})
        return found

    def by_id(self, folder: FolderId) -> Found:
        """The mailbox with this id.

        Raises:
            NoSuch: there is none.
        """
        if folder == INBOX_ID:
            return Found(INBOX_ID, INBOX, self.path)
        found = self._known.get(folder)
        if found is not None and self._lies_there(found):
            return found
        self.all()
        if folder not in self._known:
            raise NoSuch
        return self._known[folder]

    def by_name(self, name: tuple[str, ...]) -> Found | None:
        """The mailbox with this name, if there is one."""
        directory = folder_directory(name)
        if not directory:
            return Found(INBOX_ID, INBOX, self.path)
        path = self.path + b"/" + directory
        if not self._is_mailbox(path):
            return None
        return self._keep(Found(self._id(path, set()), name, path))

    def begin(self, found_id: FolderId | None) -> tuple[int, int]:
        """Id and UIDVALIDITY for a mailbox that has no numbers."""
        folder = found_id if found_id is not None else self._number()
        return folder, self._number()

    def create(self, name: tuple[str, ...]) -> Found:
        """Make a mailbox; durable when this returns.

        Raises:
            Exists, BadName: as it says.
        """
        folder = self.create_directory(folder_directory(name))
        return self._keep(
            Found(folder, name, self.path + b"/" + folder_directory(name))
        )

    def create_directory(self, directory: bytes) -> FolderId:
        """As :meth:`create`, by the name of the directory; the id."""
        path = self.path + b"/" + directory
        if not directory or self._is_mailbox(path):
            raise Exists
        building = self.path + b"/tmp/" + self.unique.next(self.files.now())
        make_maildir(self.files, building)
        self.files.close(self.files.create(building + b"/" + MARK))
        numbers = Numbers(*self.begin(None), 1)
        write_numbers(self.files, building, numbers)
        self.files.rename(building, path)
        self.files.sync_directory(self.path)
        return FolderId(numbers.folder)

    def rename(self, folder: FolderId, name: tuple[str, ...]) -> None:
        """Give it another name; durable when this returns.

        Raises:
            NoSuch, Exists, BadName: as it says; INBOX keeps its name.
        """
        found = self.by_id(folder)
        directory = folder_directory(name)
        if found.id == INBOX_ID:
            raise BadName
        if not directory or self._is_mailbox(self.path + b"/" + directory):
            raise Exists
        path = self.path + b"/" + directory
        self.files.rename(found.path, path)
        self.files.sync_directory(self.path)
        self._keep(Found(folder, name, path))

    def delete(self, folder: FolderId) -> None:
        """Remove it and its messages; gone for good when this returns.

        Raises:
            NoSuch, BadName: as it says; INBOX can't be removed.
        """
        found = self.by_id(folder)
        if found.id == INBOX_ID:
            raise BadName
        rubbish = self.path + b"/tmp/" + self.unique.next(self.files.now())
        self.files.rename(found.path, rubbish)
        self.files.sync_directory(self.path)
        self._known.pop(folder, None)
        with suppress(OSError):
            remove_tree(self.files, rubbish)

    def _keep(self, found: Found) -> Found:
        """Know where it lies; a copy that was made by hand gets its own id."""
        known = self._known.get(found.id)
        if known is not None and known.path != found.path and self._lies_there(known):
            same = (each for each in self.all() if each.path == found.path)
            found = next(same, found)
        self._known[found.id] = found
        return found

    def _lies_there(self, found: Found) -> bool:
        numbers = read_numbers(self.files, found.path)
        return numbers is not None and numbers.folder == found.id

    def _is_mailbox(self, path: bytes) -> bool:
        try:
            return self.files.facts(path + b"/cur").directory
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _number(self) -> int:
        return next_number(self.files, self.path, self._highest)

    def _highest(self) -> int:
        highest = int(INBOX_ID)
        for directory in [b"", *self.files.directories(self.path)]:
            numbers = read_numbers(self.files, self.path + b"/" + directory)
            if numbers is not None:
                highest = max(highest, numbers.folder, numbers.validity)
        return highest

    def _id(self, path: bytes, taken: set[FolderId]) -> FolderId:
        """Its id; one made by another program, or copied by hand, gets its own."""
        numbers = read_numbers(self.files, path)
        if numbers is not None and numbers.folder not in taken:
            return FolderId(numbers.folder)
        if numbers is not None:
            write_numbers(self.files, path, Numbers(*self.begin(None), 1))
        with turn(self.files, path, lambda: self.begin(None)) as mine:
            return FolderId(mine.numbers.folder)


def make_maildir(files: Files, path: bytes) -> None:
    """Make ``path`` with ``cur``, ``new`` and ``tmp``, as far as they are missing."""
    for directory in (path, *(path + b"/" + part for part in PARTS)):
        with suppress(FileExistsError):
            files.mkdir(directory)
    files.sync_directory(path)
