"""What a name tells of a message: when it came, and what it is a copy of."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

from mailapp.storage.columns import Columns
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    Copy,
    CreateFolder,
    Destination,
    FlagMode,
    FolderId,
    Move,
    SetFlags,
)
from tests.contract.store_case import now
from tests.threats import threat
from tests.unit.storage.maildir_case import ALICE, MaildirCase

DAY = 86400


class SavedTests(MaildirCase):
    """SAVEDATE and EMAILID of a Maildir, by the day."""

    def setUp(self) -> None:
        """A disk whose clock can be set."""
        super().setUp()
        self.began = time.time_ns()
        self.days = 0
        self.requests = count()
        self.patch(self.files, "now", lambda: self.began + self.days * DAY * 10**9)

    def commit(self, *changes: Any) -> Any:
        """At alice's."""
        return now(self.alice.commit(changes, request_id=b"r%d" % next(self.requests)))

    def columns(self, folder: FolderId = INBOX_ID) -> Columns:
        """Of a mailbox, as a process sees it that has just begun."""
        mailbox = now(now(self.make_store().open(ALICE)).mailbox(folder))
        try:
            return mailbox.columns
        finally:
            mailbox.close()

    def saved(self, folder: FolderId = INBOX_ID) -> list[int | None]:
        """On which day each of them came."""
        columns, found = self.columns(folder), []
        for place in range(len(columns)):
            moment = columns.saved(place)
            day = None if moment is None else moment - self.began // 10**9
            found.append(day if day is None else day // DAY)
        return found

    def make(self, name: str) -> FolderId:
        """A mailbox."""
        [outcome] = self.commit(CreateFolder((name,)))
        return FolderId(outcome.folder)

    def test_saved(self) -> None:
        """It is the day on which a message came to this mailbox, by whatever way.

        RFC 8514, section 3: not that of APPEND, and not copied with the message.
        """
        other, third = self.make("other"), self.make("third")
        self.deliver()
        self.days = 1
        sink = self.alice.stage()
        now(sink.write(b"\r\n"))
        self.commit(Append(INBOX_ID, now(sink.done()), received=5))
        seen = Destination(ALICE, flags=frozenset({"\\Seen"}))
        self.assertEqual(self.deliver(b"\r\n", seen), [None])
        self.assertEqual(self.saved(), [0, 1, 1])
        self.assertEqual(self.columns().received[1], 5)
        self.days = 2
        uids = [UID(uid) for uid in self.columns().uids]
        self.commit(
            SetFlags(INBOX_ID, uids, FlagMode.ADD, frozenset({"\\Flagged", "Work"}))
        )
        self.assertEqual(self.saved(), [0, 1, 1])
        self.days = 3
        self.commit(Copy(INBOX_ID, uids, other))
        self.days = 4
        self.commit(Move(INBOX_ID, uids[:2], other))
        self.assertEqual(self.saved(), [1])
        self.assertEqual(self.saved(other), [3, 3, 3, 4, 4])
        self.days = 5
        there = [UID(uid) for uid in self.columns(other).uids]
        self.commit(Copy(other, there[3:], third))
        self.commit(Move(other, there[:1], third))
        self.assertEqual(self.saved(third), [5, 5, 5])
        self.assertEqual(self.saved(other), [3, 3, 4, 4])

    def test_foreign(self) -> None:
        """What another program put there came when it was seen; what it moved, too."""
        self.put("new/1.2_3.host")
        self.put("cur/2.2_3.host,S=22,W=22:2,S,x=1")
        self.assertEqual(self.saved(), [0, 0])
        self.days = 1
        self.assertEqual(self.saved(), [0, 0])
        other = self.make("other")
        for path in list((self.path / "cur").iterdir()):
            path.rename(self.path / ".other" / "cur" / path.name)
        self.assertEqual(self.saved(other), [1, 1])
        self.deliver()
        [uid] = self.columns().uids
        self.days = 2
        for path in list((self.path / "cur").iterdir()):
            self.assertIn(f",U={uid},", path.name)
            path.rename(self.path / ".other" / "cur" / path.name)
        self.assertEqual(self.saved(other), [1, 1, 2])

    @threat(111)
    def test_long_name(self) -> None:
        """A name that has no room for a UID gets a shorter one; its UIDL stays."""
        self.put("cur/" + "x" * 190)
        self.put("cur/" + "y" * 250)
        self.put("new/z," + "o" * 240)
        before = sorted(item.guid for item in self.items())
        self.assertEqual(self.saved(), [0, 0, 0])
        self.assertEqual(sorted(item.guid for item in self.items()), before)
        columns = self.columns()
        self.assertEqual(sorted(columns.guid(place) for place in range(3)), before)
        self.assertEqual(self.saved(), [0, 0, 0])

    def test_email(self) -> None:
        """Copies have one id, wherever they are; another message has another.

        RFC 8474, section 5.1.
        """
        other = self.make("other")
        self.deliver()
        self.deliver()
        self.put("cur/o d\u00e4d" + "x" * 80 + ":2,S")
        columns = self.columns()
        ids = [columns.email(place) for place in range(3)]
        self.assertEqual(ids, [columns.guid(place) for place in range(3)])
        self.assertEqual(len(set(ids)), 3)
        uids = [UID(uid) for uid in columns.uids]
        self.commit(Copy(INBOX_ID, uids, other))
        there = [UID(uid) for uid in self.columns(other).uids]
        self.commit(Copy(other, there, INBOX_ID))
        self.commit(Move(INBOX_ID, uids, other))
        for folder in (INBOX_ID, other):
            columns = self.columns(folder)
            found = [columns.email(place) for place in range(len(columns))]
            self.assertEqual(found, ids * (len(found) // 3))
            guids = {columns.guid(place) for place in range(len(columns))}
            self.assertEqual(len(guids), len(found))
        for path in self.all_files():
            self.assertLess(len(path.rpartition("/")[2].encode()), 255)
