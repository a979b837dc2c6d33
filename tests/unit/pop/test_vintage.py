"""Mail for machines of the 1980s, over the store in memory."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.message.plain import SMALLEST_LIMIT, vintage
from mailapp.net.threads import inline
from mailapp.pop.vintage import READ_OCTETS, Vintage
from mailapp.storage.interfaces import IMailboxes
from mailapp.storage.maildrop import Absence, Content, Maildrop
from mailapp.storage.memory import MemoryStore
from mailapp.storage.types import INBOX_ID, AccountId, Destination, Discard
from tests.contract.store_case import gathered, now

NAME = AccountId("u@example.test")
LIMIT = 4096
HTML = (
    "From: =?utf-8?q?J=C3=BCrgen?= <j@example.test>\r\nSubject: Gr\u00fc\u00dfe\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n"
    "<p>Caf\u00e9 \u2014 <b>ja</b></p>\r\n"
).encode()
PLAIN = b"From: a@example.test\r\nSubject: plain\r\n\r\nHello.\r\n"


class VintageTests(SynchronousTestCase):
    """What is counted is what is sent."""

    def setUp(self) -> None:
        """An account with an ASCII and an HTML message."""
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.account: Any = now(self.store.create(NAME))
        self.converted = 0
        self.vintage = Vintage(LIMIT, self.in_thread)
        for body in (PLAIN, HTML):
            self.deliver(body)

    async def in_thread(self, function: Any, *args: Any) -> Any:
        """Count."""
        self.converted += 1
        return await inline(function, *args)

    def deliver(self, body: bytes) -> None:
        """One message more."""
        sink = self.store.stage()
        now(sink.write(body))
        now(self.store.deliver(sink, [Destination(NAME)]))

    def shown(self) -> Any:
        """The account as a listener shows it."""
        return self.vintage.counted(NAME, self.account)

    def texts(self, mail: Any) -> list[bytes]:
        """All messages, and their sizes agree."""
        items = now(mail.items(INBOX_ID))
        texts = [b"".join(now(gathered(mail.read(item.blob)))) for item in items]
        self.assertEqual([item.size_octets for item in items], [*map(len, texts)])
        self.assertEqual(list(items.sizes(0, len(items))), [*map(len, texts)])
        self.assertEqual(items.octets, sum(map(len, texts)))
        return texts

    def test_interface(self) -> None:
        """It is mail like any other."""
        verifyObject(IMailboxes, self.shown())

    def test_texts(self) -> None:
        """Each message is ASCII, without a tag, and says what it said."""
        plain, html = self.texts(self.shown())
        self.assertIn(b"\r\n\r\nHello.\r\n", plain)
        self.assertTrue(html.isascii())
        self.assertIn(b"Jurgen", html.replace(b"ue", b"u"))
        self.assertIn(b"ja", html)
        self.assertNotIn(b"<b>", html)

    def test_sizes_are_kept(self) -> None:
        """A message is counted once, for all sessions; a new one is counted then."""
        self.texts(self.shown())
        before = self.converted
        now(self.shown().items(INBOX_ID))
        self.assertEqual(self.converted, before)
        self.deliver(PLAIN)
        now(self.shown().items(INBOX_ID))
        self.assertEqual(self.converted, before + 1)

    def test_uncounted(self) -> None:
        """POP2 counts at READ: its first look converts nothing."""
        mail: Any = self.vintage.uncounted(NAME, self.account)
        now(mail.items(INBOX_ID))
        self.assertEqual(self.converted, 0)

    def test_large(self) -> None:
        """A message of any size is cut, says so, and tells its whole size."""
        body = PLAIN + b"A line of text, and one more.\r\n" * (READ_OCTETS // 16)
        self.deliver(body)
        text = self.texts(self.shown())[-1]
        self.assertLessEqual(len(text), LIMIT)
        self.assertIn(b"%d octets" % len(body), text)

    def test_part(self) -> None:
        """Any part of it can be read."""
        mail = self.shown()
        item = now(mail.items(INBOX_ID))[1]
        whole = b"".join(now(gathered(mail.read(item.blob))))
        self.assertEqual(
            b"".join(now(gathered(mail.read(item.blob, 5, 9)))), whole[5:14]
        )

    def test_maildrop(self) -> None:
        """Marks, totals and removal are those of what is shown; UIDLs do not change."""
        real = [item.guid for item in now(self.account.items(INBOX_ID))]
        drop = now(Maildrop.open(self.shown(), "test", 60, self.clock))
        assert drop is not None
        item = drop.find(2)
        assert item is not None
        self.assertEqual(item.guid, real[1])
        content = now(drop.read(item))
        assert isinstance(content, Content)
        self.assertEqual(len(content.first), item.size_octets)
        before = drop.octets
        drop.mark(2)
        self.assertEqual(drop.octets, before - item.size_octets)
        now(drop.commit(b"1"))
        now(drop.release())
        self.assertEqual([i.guid for i in now(self.account.items(INBOX_ID))], real[:1])

    def test_vanished(self) -> None:
        """A message that another removed is no other one, and harms no other one."""
        mail = self.shown()
        drop = now(Maildrop.open(mail, "test", 60, self.clock))
        assert drop is not None
        item = drop.find(1)
        assert item is not None
        now(self.account.commit([Discard(INBOX_ID, [item.blob])], request_id=b"1"))
        self.assertIsInstance(now(drop.read(item)), Absence)

    @settings(deadline=None, max_examples=50)
    @given(st.binary(max_size=2000), st.integers(0, 3000))
    def test_any_octets(self, octets: bytes, limit: int) -> None:
        """Any octets become ASCII of bounded size, the same each time."""
        text = vintage(octets, size_limit=limit)
        self.assertTrue(text.isascii())
        self.assertLessEqual(len(text), max(limit, SMALLEST_LIMIT))
        self.assertEqual(text, vintage(octets, size_limit=limit))
