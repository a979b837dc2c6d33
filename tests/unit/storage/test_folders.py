"""The mailboxes of a Maildir account: which is which, and what that costs."""

from __future__ import annotations

import shutil

from mailapp.storage.types import (
    CreateFolder,
    DeleteFolder,
    FolderId,
    RenameFolder,
)
from tests.contract.store_case import gathered, now
from tests.unit.storage.maildir_case import ALICE, TEXT, MaildirCase


class FoldersTests(MaildirCase):
    """Found by name, made, renamed, and copied by hand."""

    def make(self, *names: str) -> list[FolderId]:
        """Mailboxes."""
        changes = [CreateFolder((name,)) for name in names]
        outcomes = now(self.alice.commit(changes, request_id=b"1"))
        return [outcome.folder for outcome in outcomes if outcome.folder is not None]

    def find(self, name: str) -> FolderId:
        """The mailbox of this name."""
        folder = now(self.alice.find((name,)))
        assert folder is not None
        return folder

    def test_others_are_left_alone(self) -> None:
        """One of 10,000 mailboxes is opened, made or renamed without the others."""
        self.make("a", "b")
        self.alice = now(self.make_store().open(ALICE))
        listed: list[bytes] = []
        directories = self.files.directories

        def noted(path: bytes) -> list[bytes]:
            listed.append(path)
            return directories(path)

        self.patch(self.files, "directories", noted)
        folder = self.find("a")
        now(self.alice.mailbox(folder)).close()
        [made] = self.make("c")
        now(self.alice.mailbox(made)).close()
        rename = RenameFolder(folder, ("d",))
        now(self.alice.commit([rename], request_id=b"2"))
        now(self.alice.mailbox(folder)).close()
        self.assertEqual(self.find("d"), folder)
        now(self.alice.commit([DeleteFolder(made)], request_id=b"3"))
        self.assertIsNone(now(self.alice.find(("c",))))
        self.assertEqual(listed, [])

    def test_copied(self) -> None:
        """A copy made by hand of a mailbox is another one, also before any LIST."""
        [folder] = self.make("Sent")
        now(self.alice.mailbox(folder)).close()
        shutil.copytree(self.path / ".Sent", self.path / ".Copy")
        (self.path / ".Copy" / "cur" / "1.M1P1.h:2,").write_bytes(TEXT)
        copy = self.find("Copy")
        sent = self.find("Sent")
        self.assertNotEqual(copy, sent)
        found = {
            name: [
                row.uid for rows in now(gathered(self.alice.rows(name))) for row in rows
            ]
            for name in (copy, sent)
        }
        self.assertEqual(found, {copy: [1], sent: []})
