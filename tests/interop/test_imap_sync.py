"""Programs that keep a copy of all mail at hand bring both sides to the same.

The usual run has 200 messages; ``MAILAPP_MANY=2000`` has so many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from tests.interop.client_case import needs
from tests.interop.demo import PASSWORD
from tests.interop.imap_case import Held, ImapCase, files_of, letters_of, mark, put
from tests.interop.mixed import body_of, make_message

MANY: Final = int(os.environ.get("MAILAPP_MANY", "200"))
HALF: Final = MANY // 2
FEW: Final = HALF // 10


class SyncTests(ImapCase):
    """Two ways: flags, new and deleted messages, and folders, on both sides."""

    patience: ClassVar = 60.0 + MANY / 5

    def setUp(self) -> None:
        """Find a place for the copy."""
        super().setUp()
        self.near = self.folder / "near"
        self.near.mkdir()

    @needs("mbsync")
    def test_mbsync(self) -> None:
        """Isync, with UIDPLUS and IMAPS."""
        rc = self.write(
            "mbsyncrc",
            "FSync no\n\nIMAPStore far\nHost localhost\n"
            f'Port {self.server.port("imaps")}\nUser alice\nPass "{PASSWORD}"\n'
            f"SSLType IMAPS\nCertificateFile {self.server.ca}\n\n"
            f"MaildirStore near\nPath {self.near}/\nInbox {self.folder}/inbox\n"
            "SubFolders Verbatim\n\n"
            f"Channel all\nFar :far:\nNear :near:\nPatterns {self.name}*\n"
            "Create Both\nRemove Both\nExpunge Both\nSyncState *\n",
        )
        self.both_ways(lambda: self.run_client("mbsync", "-q", "-c", rc, "all"))
        # it deletes no folder that has messages, and neither do we here
        client = self.imap()
        self.ok(client.create(f"{self.name}/Empty"))
        self.run_client("mbsync", "-q", "-c", rc, "all")
        self.assertTrue((self.near / self.name / "Empty").is_dir())
        self.ok(client.delete(f"{self.name}/Empty"))
        self.run_client("mbsync", "-q", "-c", rc, "all")
        self.assertFalse((self.near / self.name / "Empty").is_dir())

    @needs("offlineimap")
    def test_offlineimap(self) -> None:
        """OfflineIMAP, which knows its messages by UID alone."""
        rc = self.write(
            "offlineimaprc",
            "[general]\naccounts = a\nui = quiet\n"
            f"metadata = {self.folder}/metadata\nfsync = no\n"
            "[Account a]\nlocalrepository = near\nremoterepository = far\n"
            f"[Repository near]\ntype = Maildir\nlocalfolders = {self.near}\n"
            "sep = /\n"
            "[Repository far]\ntype = IMAP\nremotehost = localhost\n"
            f"remoteport = {self.server.port('imaps')}\nremoteuser = alice\n"
            f"remotepass = {PASSWORD}\nssl = yes\nsslcacertfile = {self.server.ca}\n"
            f"folderfilter = lambda name: name.startswith('{self.name}')\n",
        )
        self.both_ways(lambda: self.run_client("offlineimap", "-c", rc, "-o"))

    def both_ways(self, sync: Callable[[], object]) -> None:
        """Whatever is done on one side is seen on the other, and nothing else."""
        deep = f"{self.name}/Deep"
        self.create(self.name, deep)
        self.bring(self.name, range(HALF))
        self.bring(deep, range(3))
        self.set_far("1:5", r"+FLAGS (\Seen \Flagged)")
        put(self.near / self.name, range(HALF, MANY))
        sync()
        first = self.assert_same(range(MANY))
        self.assertEqual(sum(held.letters == "FS" for held in first.values()), 5)
        self.assertEqual(sorted(files_of(self.near / deep)), [0, 1, 2])

        self.change_far()
        self.change_near()
        there = [*range(FEW, MANY - FEW), *range(MANY, MANY + 2 * FEW)]
        sync()
        second = self.assert_same(there)
        self.assert_uids_kept(first, second)
        self.assertEqual(second[FEW].letters, "R")
        self.assertEqual(second[HALF].letters, "FS")
        self.assertEqual(sorted(files_of(self.near / f"{self.name}/Far")), [1])
        self.assertEqual(sorted(self.held(f"{self.name}/Near")), [2])

        sync()
        third = self.assert_same(there)
        self.assertEqual(third, second)

    def set_far(self, uids: str, flags: str) -> None:
        """Change flags over IMAP."""
        client = self.imap()
        self.ok(client.select(self.name))
        name, _, words = flags.partition(" ")
        self.ok(client.uid("STORE", uids, name, words))
        client.logout()

    def change_far(self) -> None:
        """By IMAP: the first FEW go, the next are answered, new ones come."""
        held = self.held(self.name)
        uids = [str(held[number].uid) for number in range(2 * FEW)]
        client = self.imap()
        self.ok(client.select(self.name))
        self.ok(client.uid("STORE", ",".join(uids[:FEW]), "+FLAGS", r"(\Deleted)"))
        self.ok(client.expunge())
        self.ok(client.uid("STORE", ",".join(uids[FEW:]), "FLAGS", r"(\Answered)"))
        self.ok(client.create(f"{self.name}/Far"))
        self.ok(client.append(f"{self.name}/Far", "", "", make_message(1)))
        client.logout()
        self.bring(self.name, range(MANY, MANY + FEW))

    def change_near(self) -> None:
        """In the files: likewise, the last FEW go, and the FEW from HALF are marked."""
        files = files_of(self.near / self.name)
        for number in range(MANY - FEW, MANY):
            files[number].unlink()
        for number in range(HALF, HALF + FEW):
            mark(files[number], "FS")
        put(self.near / self.name, range(MANY + FEW, MANY + 2 * FEW))
        put(self.near / f"{self.name}/Near", [2])

    def assert_same(self, numbers: Iterable[int]) -> dict[int, Held]:
        """Both sides have these, each once, with the same octets and flags."""
        far, near = self.held(self.name), files_of(self.near / self.name)
        self.assertEqual(sorted(far), sorted(numbers))
        self.assertEqual(sorted(near), sorted(far))
        for number, path in near.items():
            self.assertEqual(letters_of(path), far[number].letters, number)
        for number, path in files_of(self.directory(self.name)).items():
            for octets in (path.read_bytes(), near[number].read_bytes()):
                self.assertEqual(body_of(octets), body_of(make_message(number)))
        return far
