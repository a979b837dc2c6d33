"""Facts computed from files, wherever they lie and whatever they hold."""

from __future__ import annotations

import shutil

from mailapp.message.imap_facts import Item, facts_of
from mailapp.message.plain_structure import SIZE_LIMIT
from mailapp.net.threads import inline
from mailapp.storage.files import Files
from mailapp.storage.maildir import giving
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX_ID, UID
from tests.contract.store_case import gathered, now
from tests.unit.storage.maildir_case import ALICE, TEXT, MaildirCase

OTHER = b"Subject: y\r\nTo: a@b.example\r\n\r\nHello, hello.\r\n"
KINDS = [Item.ENVELOPE, Item.BODYSTRUCTURE]


class Counting(Files):
    """Counts files that are opened the long way."""

    opened = 0

    def open_read(self, path: bytes) -> int:
        """See :class:`Files`."""
        fd = super().open_read(path)
        self.opened += b"/cur/" in path
        return fd


def told(octets: bytes) -> list[bytes]:
    """What is said of a message."""
    return list(facts_of(octets, KINDS).values())


class ComputingTests(MaildirCase):
    """An account without an index."""

    def setUp(self) -> None:
        """Two messages, and a session that knows them."""
        super().setUp()
        self.deliver()
        self.deliver(OTHER)
        self.counting = Counting()
        store = MaildirStore(self.root, inline, clock=self.clock, files=self.counting)
        self.addCleanup(lambda: now(store.close()))
        self.mailbox = now(now(store.open(ALICE)).mailbox(INBOX_ID))
        self.addCleanup(self.mailbox.close)
        self.first, self.second = sorted(
            (self.path / "cur").iterdir(), key=lambda file: file.stat().st_size
        )
        self.counting.opened = 0

    def facts(self) -> list[list[bytes]]:
        """Of the messages that the session knows."""
        uids = [UID(uid) for uid in self.mailbox.columns.uids]
        batches = now(gathered(self.mailbox.facts(uids, KINDS)))
        return [list(values) for batch in batches for _, values in batch]

    def test_short(self) -> None:
        """A message where it should be is not looked for."""
        self.assertEqual(self.facts(), [told(TEXT), told(OTHER)])
        self.assertEqual(self.counting.opened, 0)

    def test_renamed(self) -> None:
        """One whose name was changed meanwhile is."""
        self.first.rename(self.first.with_name(self.first.name + "F"))
        self.assertEqual(self.facts(), [told(TEXT), told(OTHER)])
        self.assertEqual(self.counting.opened, 1)

    def test_gone(self) -> None:
        """One that is gone is left out; so are all when the mailbox is."""
        self.second.unlink()
        self.assertEqual(self.facts(), [told(TEXT)])
        shutil.rmtree(self.path / "cur")
        self.assertEqual(self.facts(), [])

    def test_other_sizes(self) -> None:
        """A file that is not as long as its name says is read as far as that."""
        self.first.write_bytes(TEXT + b"More.\r\n")
        self.second.write_bytes(OTHER[:-9])
        self.assertEqual(self.facts(), [told(TEXT), told(OTHER[:-9])])

    def test_converted(self) -> None:
        """A file with other line ends is told of as it goes over the wire."""
        self.put("cur/1.a.mx", TEXT.replace(b"\r\n", b"\n"))
        now(self.mailbox.refresh())
        self.assertEqual(self.facts(), [told(TEXT), told(OTHER), told(TEXT)])

    def test_late(self) -> None:
        """Of many from another program, of any size and line ends, as of any other."""
        long = OTHER + b"Line.\n" * SIZE_LIMIT
        texts = [TEXT, TEXT.replace(b"\r\n", b"\n"), b"", long] * 2
        self.patch(giving, "MANY", len(texts))
        for second, text in enumerate(texts, 1_700_000_000):
            self.put(f"cur/{second}.a.mx:2,", text)
        now(self.mailbox.refresh())
        self.assertEqual(list(self.mailbox.columns.sizes[2:]), [0] * len(texts))
        whole = OTHER + b"Line.\r\n" * SIZE_LIMIT
        expected = [told(octets) for octets in (TEXT, TEXT, b"", whole)]
        self.assertEqual(self.facts()[2:], expected * 2)
