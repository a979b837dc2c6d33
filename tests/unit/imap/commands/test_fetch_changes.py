"""FETCH of what changes: flags it sets, flags others set, messages that go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Expunge,
    FlagMode,
    NoSpace,
    SetFlags,
)
from tests.threats import threat
from tests.unit.imap.commands.letters import full, letter, receive
from tests.unit.imap.commands.talk import now


class SeenTests(SynchronousTestCase):
    r"""What is read is \Seen, unless the client only peeks."""

    def test_set(self) -> None:
        r"""\Seen is set once, and told with the message."""
        house = full(2)
        client = house.client("SELECT INBOX")
        for item in ("BODY[TEXT]", "RFC822.TEXT", "BODY[1]", "BINARY[1]"):
            uid = receive(house, letter(9))
            client.give("NOOP")
            first = client.give(f"UID FETCH {uid} {item}")
            again = client.give(f"UID FETCH {uid} {item}")
            self.assertEqual(first[-2:], [" FLAGS (\\Seen))", "OK fetched"], item)
            self.assertEqual(again[-2:], [")", "OK fetched"])
        fields = client.give("FETCH 2 BODY[HEADER.FIELDS (X)]")
        self.assertEqual(fields[-2:], [" FLAGS (\\Seen))", "OK fetched"])
        self.assertEqual(client.give("FETCH 1 FLAGS")[0], "* 1 FETCH (FLAGS ())")

    def test_told_once(self) -> None:
        """Flags that were asked for are told as they are then, once."""
        client = full(1).client("SELECT INBOX")
        lines = client.give("FETCH 1 (FLAGS BODY[TEXT]<0.1>)")
        self.assertEqual(lines[0], "* 1 FETCH (FLAGS (\\Seen) BODY[TEXT]<0> {1}", lines)
        self.assertEqual(lines[1:], ["T)", "OK fetched"])

    def test_modseq(self) -> None:
        """RFC 7162, section 3.2.4: a client that knows MODSEQ is told it, too."""
        client = full(1).client("SELECT INBOX (CONDSTORE)")
        lines = client.give("FETCH 1 BODY[TEXT]<0.1>")
        self.assertRegex(lines[1], r"^T FLAGS \(\\Seen\) UID 1 MODSEQ \(\d+\)\)$")

    def test_examine(self) -> None:
        """A mailbox that was opened read-only stays as it is."""
        client = full(1).client("EXAMINE INBOX")
        self.assertNotIn("Seen", "".join(client.give("FETCH 1 BODY[]")))
        self.assertEqual(client.give("FETCH 1 FLAGS")[0], "* 1 FETCH (FLAGS ())")

    def test_others_are_told(self) -> None:
        """Who else looks at the mailbox hears of it."""
        house = full(1)
        reader, other = house.client("SELECT INBOX"), house.client("SELECT INBOX")
        reader.give("FETCH 1 BODY[]")
        self.assertIn("* 1 FETCH (FLAGS (\\Seen))", other.give("NOOP"))

    def test_full_disk(self) -> None:
        """A message can be read where its flags can't be kept."""
        house = full(1)
        client = house.client("SELECT INBOX")

        async def refuse(*_: object, **__: object) -> None:
            raise NoSpace

        self.patch(house.account, "commit", refuse)
        lines = client.give("FETCH 1 BODY[TEXT]")
        self.assertEqual(lines[-3:], ["Text 1", ")", "OK fetched"])


class ChangedSinceTests(SynchronousTestCase):
    """CONDSTORE and QRESYNC (RFC 7162)."""

    def test_changed_since(self) -> None:
        """RFC 7162, section 3.1.4.1: only what is newer, with its MODSEQ."""
        house = full(4)
        client = house.client("ENABLE CONDSTORE", "SELECT INBOX")
        before = house.account.state.box(INBOX_ID).modseq
        flags = frozenset({"\\Flagged"})
        now(house.commit(SetFlags(INBOX_ID, [UID(3)], FlagMode.ADD, flags)))
        client.give("NOOP")
        lines = client.give(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {before})")
        self.assertEqual(len(lines), 2)
        self.assertRegex(
            lines[0], r"^\* 3 FETCH \(FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$"
        )
        self.assertEqual(
            client.give(f"FETCH 1:2 (FLAGS) (CHANGEDSINCE {before})"), ["OK fetched"]
        )

    def test_vanished(self) -> None:
        """RFC 7162, section 3.2.6: first what went, then what changed."""
        house = full(4)
        client = house.client("ENABLE QRESYNC", "SELECT INBOX")
        before = house.account.state.box(INBOX_ID).modseq
        now(house.commit(Expunge(INBOX_ID, [UID(2), UID(4)])))
        client.give("NOOP")
        command = f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {before} VANISHED)"
        self.assertEqual(
            client.give(command), ["* VANISHED (EARLIER) 2,4", "OK fetched"]
        )

    def test_vanished_without_enable(self) -> None:
        """RFC 7162, section 3.2.6: that is BAD."""
        client = full(1).client("SELECT INBOX")
        lines = client.give("UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)")
        self.assertEqual(lines, ["BAD VANISHED needs ENABLE QRESYNC"])

    def test_enables(self) -> None:
        """RFC 7162, section 3.1: the first MODSEQ is answered with the highest."""
        client = full(1).client("SELECT INBOX")
        first = client.give("FETCH 1 MODSEQ")
        self.assertTrue(first[0].startswith("* OK [HIGHESTMODSEQ "), first)
        self.assertEqual(len(client.give("FETCH 1 MODSEQ")), 2)


class GoneTests(SynchronousTestCase):
    """Messages that others remove while the client has numbers for them."""

    @threat(67)
    def test_gone(self) -> None:
        """No row, no EXPUNGE, and NO [EXPUNGEISSUED] for the rest to be noticed."""
        house = full(3)
        client = house.client("SELECT INBOX")
        now(house.commit(Expunge(INBOX_ID, [UID(2)])))
        first = client.give("FETCH 1:3 FLAGS")
        again = client.give("FETCH 1:3 UID")
        self.assertEqual(again[:2], ["* 1 FETCH (UID 1)", "* 3 FETCH (UID 3)"])
        self.assertTrue(again[2].startswith("NO [EXPUNGEISSUED]"), again)
        self.assertNotIn("EXPUNGE\n", "\n".join([*first, *again]) + "\n")
        self.assertIn("* 2 EXPUNGE", client.give("NOOP"))

    @threat(67, 78)
    def test_gone_under_way(self) -> None:
        """What goes while it is to be read has no row; the others do."""
        house = full(3)
        client = house.client("SELECT INBOX")
        now(house.commit(Expunge(INBOX_ID, [UID(2)])))
        for item in ("BODY.PEEK[TEXT]", "ENVELOPE"):
            client = house.client("SELECT INBOX")
            uid = receive(house, letter(8))
            client.give("NOOP")
            now(house.commit(Expunge(INBOX_ID, [UID(uid)])))
            text = "\n".join(client.give(f"FETCH 2:* {item}"))
            self.assertIn("* 2 FETCH", text)
            self.assertNotIn("* 3 FETCH", text)
            self.assertIn("NO [EXPUNGEISSUED]", text)
