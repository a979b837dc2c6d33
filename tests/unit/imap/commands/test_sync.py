"""What a client is told of the doings of others, when, and how much at a time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.commands.sync import ROWS_AT_ONCE
from mailapp.storage import view
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    BlobRef,
    Change,
    Expunge,
    FlagMode,
    SetFlags,
    Unavailable,
)
from tests.threats import threat
from tests.unit.imap.commands.talk import Client, House, now

SEEN = frozenset({"\\Seen"})


def many(house: House, number: int) -> None:
    """Deliver that many messages at once."""
    house.put()
    blob = next(iter(house.account.state.boxes[INBOX_ID].messages.values())).blob
    changes = [Append(INBOX_ID, BlobRef(blob)) for _ in range(number - 1)]
    now(house.account.commit(changes, request_id=b"many"))


class SyncTests(SynchronousTestCase):
    """RFC 9051, section 7.5."""

    def setUp(self) -> None:
        """Four messages and a client that has them selected."""
        self.house = House()
        for _ in range(4):
            self.house.put()
        self.client = self.house.client("SELECT INBOX")

    def behind(self, *changes: Change) -> None:
        """Another does this."""
        for change in changes:
            now(self.house.commit(change))

    def test_all_of_it(self) -> None:
        """First what went, then what came, then what changed; each once."""
        self.behind(
            Expunge(INBOX_ID, [UID(1), UID(3)]),
            SetFlags(INBOX_ID, [UID(4)], FlagMode.ADD, SEEN),
        )
        self.house.put()
        told = [
            "* 3 EXPUNGE",
            "* 1 EXPUNGE",
            "* 3 EXISTS",
            r"* 2 FETCH (FLAGS (\Seen))",
        ]
        self.assertEqual(self.client.give("NOOP")[:-1], told)
        self.assertEqual(self.client.give("NOOP")[:-1], [])

    def test_large(self) -> None:
        """A large mailbox is compared in a thread: what is told is the same."""
        self.patch(view, "_MANY", 2)
        self.test_all_of_it()

    def test_any_command_will_do(self) -> None:
        """After any command, not only NOOP; CHECK is one, too."""
        for command in ("CAPABILITY", 'LIST "" ""', "CHECK", "STATUS INBOX (MESSAGES)"):
            self.house.put()
            told = [line for line in self.client.give(command) if "EXISTS" in line]
            self.assertEqual(len(told), 1, command)

    def test_with_uids(self) -> None:
        """IMAP4rev2 has UID in each, and CONDSTORE has MODSEQ."""
        new = self.house.client("ENABLE IMAP4rev2", "SELECT INBOX")
        aware = self.house.client("ENABLE CONDSTORE", "SELECT INBOX")
        self.behind(SetFlags(INBOX_ID, [UID(4)], FlagMode.ADD, SEEN))
        self.assertEqual(
            [client.give("NOOP")[0] for client in (self.client, new, aware)],
            [
                r"* 4 FETCH (FLAGS (\Seen))",
                r"* 4 FETCH (UID 4 FLAGS (\Seen))",
                r"* 4 FETCH (UID 4 FLAGS (\Seen) MODSEQ (7))",
            ],
        )

    @threat(62)
    def test_slices(self) -> None:
        """10,000 changes leave in slices, with a look for room between them."""
        many(self.house, 10_000)
        self.client.give("NOOP")
        for command in (r"STORE 1:* +FLAGS (\Deleted)", "EXPUNGE"):
            before, self.client.exit.most = self.client.exit.pauses, 0
            lines = self.client.give(command)
            self.assertEqual(len(lines), 10_004 + 1)
            slices = self.client.exit.pauses - before
            self.assertGreaterEqual(slices, 10_000 // ROWS_AT_ONCE)
            self.assertLess(self.client.exit.most, 64 * ROWS_AT_ONCE)

    @threat(62)
    def test_slow_reader(self) -> None:
        """A client that does not read costs one slice; it gets the rest later."""
        many(self.house, 5000)
        self.client.give("NOOP")
        room: Deferred[None] = Deferred()
        self.client.exit.wait = room
        self.client.send(b"x STORE 1:* +FLAGS (\\Seen)\r\n")
        first = self.client.taken()
        self.assertLess(len(first), 64 * ROWS_AT_ONCE)
        self.assertNotIn("x OK", first)
        room.callback(None)
        rest = self.client.taken()
        self.assertTrue(rest.endswith("x OK stored\r\n"))
        self.assertEqual((first + rest).count("FETCH"), 5004)

    @threat(68)
    def test_other_validity(self) -> None:
        """With another UIDVALIDITY all that the client knew is gone, and stays so."""
        box = self.house.account.state.boxes[INBOX_ID]
        before = self.client.give("STATUS INBOX (MAILBOXID)")
        box.uid_validity += 1
        # RFC 8474, section 4
        self.assertNotEqual(self.client.give("STATUS INBOX (MAILBOXID)"), before)
        self.house.put()
        gone = [f"* {number} EXPUNGE" for number in (4, 3, 2, 1)]
        self.assertEqual(self.client.give("NOOP")[:-1], gone)
        self.house.put()
        self.assertEqual(self.client.give("NOOP")[:-1], [])
        self.assertIn("* 6 EXISTS", self.client.give("SELECT INBOX"))

    def test_trouble_is_for_later(self) -> None:
        """If the store can't be read, the next command tells it."""

        async def broken() -> None:
            raise Unavailable

        self.house.put()
        context = self.client.session._context
        assert context is not None
        self.patch(context.selection.mailbox, "refresh", broken)
        self.assertEqual(self.client.give("UNSUBSCRIBE x"), ["OK unsubscribed"])
        self.assertIn("NO [UNAVAILABLE]", self.client.last("NOOP"))
        del context.selection.mailbox.refresh
        self.assertEqual(self.client.give("NOOP")[0], "* 5 EXISTS")


class IdleTests(SynchronousTestCase):
    """RFC 9051, section 6.3.13."""

    def setUp(self) -> None:
        """Two messages, and a client in IDLE."""
        self.house = House()
        self.house.put()
        self.house.put()
        self.client = self.idle()

    def idle(self, *commands: str) -> Client:
        """A client in IDLE."""
        client = self.house.client(*commands, "SELECT INBOX")
        client.send(b"x IDLE\r\n")
        self.assertEqual(client.taken(), "+ idling\r\n")
        return client

    def done(self, client: Client) -> str:
        """What comes at the end."""
        client.send(b"DONE\r\n")
        return client.taken()

    def test_push(self) -> None:
        """Each change is told when it happens, without a timer."""
        self.house.put()
        self.assertEqual(self.client.taken(), "* 3 EXISTS\r\n")
        now(self.house.commit(SetFlags(INBOX_ID, [UID(2)], FlagMode.ADD, SEEN)))
        self.assertEqual(self.client.taken(), "* 2 FETCH (FLAGS (\\Seen))\r\n")
        now(self.house.commit(Expunge(INBOX_ID, [UID(1)])))
        self.assertEqual(self.client.taken(), "* 1 EXPUNGE\r\n")
        self.assertTrue(self.done(self.client).startswith("x OK"))
        self.house.put()
        self.assertEqual(self.client.taken(), "")

    def test_qresync(self) -> None:
        """VANISHED, UID and MODSEQ for those who asked for them."""
        client = self.idle("ENABLE QRESYNC")
        now(self.house.commit(Expunge(INBOX_ID, [UID(1)])))
        self.assertEqual(client.taken(), "* VANISHED 1\r\n")

    def test_first_what_waits(self) -> None:
        """What changed before IDLE is told at once."""
        self.done(self.client)
        self.house.put()
        self.client.send(b"y IDLE\r\n")
        self.assertIn("* 3 EXISTS\r\n", self.client.taken())

    def test_without_a_mailbox(self) -> None:
        """IDLE is legal then, and nothing is told."""
        client = self.house.client()
        client.send(b"x IDLE\r\n")
        self.house.put()
        self.assertEqual(client.taken(), "+ idling\r\n")
        self.assertTrue(self.done(client).startswith("x OK"))

    @threat(68)
    def test_deleted(self) -> None:
        """Once the mailbox is gone no hint leads to anything: DONE still counts."""
        self.house.client("CREATE other")
        self.done(self.client)
        self.client.give("SELECT other")
        self.client.send(b"y IDLE\r\n")
        self.house.client("DELETE other")
        self.house.put()
        self.client.taken()
        self.client.send(b"DONE\r\n")
        self.assertEqual(self.client.taken(), "y OK done\r\n")

    def test_lost(self) -> None:
        """A client that is gone is told nothing, and nothing is left of it."""
        self.client.session.closed()
        self.house.put()
        self.assertEqual(self.client.taken(), "")
        self.assertFalse(self.house.account.folder_hints[INBOX_ID])

    @threat(62)
    def test_slow_reader(self) -> None:
        """Changes while the client does not read are told as one, later."""
        room: Deferred[None] = Deferred()
        self.client.exit.wait = room
        now(self.house.commit(SetFlags(INBOX_ID, [UID(1)], FlagMode.ADD, SEEN)))
        self.client.taken()
        for _ in range(100):
            self.house.put()
        self.assertEqual(self.client.taken(), "")
        room.callback(None)
        self.assertEqual(self.client.taken(), "* 102 EXISTS\r\n")
