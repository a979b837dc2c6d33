"""SELECT, EXAMINE, UNSELECT, CLOSE, and what a client missed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.types import INBOX_ID, UID, Expunge, FlagMode, SetFlags
from tests.rows import rows, tabled
from tests.unit.imap.commands.talk import House, now

OLD = [
    r"* FLAGS (\Seen \Answered \Flagged \Deleted \Draft)",
    r"* OK [PERMANENTFLAGS (\Seen \Answered \Flagged \Deleted \Draft \*)] "
    "these can be changed",
    "* 2 EXISTS",
    "* 0 RECENT",
    "* OK [UNSEEN 2] first unseen",
    "* OK [UIDVALIDITY 1] UIDs are valid",
    "* OK [UIDNEXT 3] next UID",
    "* OK [HIGHESTMODSEQ 4] highest",
    "* OK [MAILBOXID (F1-1)] id",
    "OK [READ-WRITE] selected",
]
NEW = [
    *(line for line in OLD[:-1] if "RECENT" not in line and "UNSEEN" not in line),
    '* LIST () "/" INBOX',
    OLD[-1],
]


class SelectTests(SynchronousTestCase):
    """RFC 9051, section 6.3.2."""

    def setUp(self) -> None:
        """Two messages, one of them seen."""
        self.house = House()
        self.house.put("\\Seen")
        self.house.put()

    def test_rev1(self) -> None:
        """A client of RFC 3501 is told RECENT and the first unseen."""
        self.assertEqual(self.house.client().give("SELECT inbox"), OLD)

    def test_rev2(self) -> None:
        """A client of RFC 9051 is told the name and not what is obsolete."""
        client = self.house.client("ENABLE IMAP4rev2")
        self.assertEqual(client.give("SELECT inbox"), NEW)

    def test_examine(self) -> None:
        """Nothing can be changed, and the client knows it."""
        client = self.house.client()
        lines = client.give("EXAMINE INBOX")
        self.assertIn("* OK [PERMANENTFLAGS ()] no flag can be changed", lines)
        self.assertEqual(lines[-1], "OK [READ-ONLY] selected, and can't be changed")
        for command in (r"STORE 1 FLAGS ()", "EXPUNGE", "MOVE 1 INBOX"):
            self.assertIn("NO [READ-ONLY]", client.last(command))

    def test_close_says_nothing(self) -> None:
        r"""CLOSE removes what is \Deleted without a word; UNSELECT does not."""
        self.house.put("\\Deleted")
        client = self.house.client("ENABLE QRESYNC")
        for before, command in (
            ("SELECT INBOX", "UNSELECT"),
            ("EXAMINE INBOX", "CLOSE"),
        ):
            client.give(before)
            client.give(command)
            self.assertIn("* 3 EXISTS", client.give("SELECT INBOX"))
        self.assertEqual(client.give("CLOSE"), ["OK closed"])
        self.assertIn("* 2 EXISTS", client.give("SELECT INBOX"))
        self.assertEqual(client.last("CLOSE"), "OK closed")
        self.assertIn("BAD", client.last("CLOSE"))

    def test_another_one(self) -> None:
        """The mailbox that was open is closed, also if the new one is not there."""
        client = self.house.client("SELECT INBOX", "CREATE other")
        lines = client.give("SELECT other")
        self.assertEqual(lines[0], "* OK [CLOSED] the other mailbox is closed")
        self.assertIn("* 0 EXISTS", lines)
        self.assertEqual(
            client.give("SELECT missing"),
            ["* OK [CLOSED] the other mailbox is closed",
             "NO [NONEXISTENT] no such mailbox"],
        )  # fmt: skip
        self.assertIn("BAD", client.last("EXPUNGE"))

    def test_syntax_error_keeps_it(self) -> None:
        """RFC 7162, section 3.2.5: BAD for QRESYNC that was not enabled."""
        client = self.house.client("SELECT INBOX")
        self.assertIn("BAD", client.last("SELECT INBOX (QRESYNC (1 1))"))
        self.assertEqual(client.give("EXPUNGE"), ["OK expunged"])

    def test_released(self) -> None:
        """A connection that is lost leaves nothing behind in the store."""
        client = self.house.client("SELECT INBOX")
        self.assertTrue(self.house.account.folder_hints[INBOX_ID])
        client.session.closed()
        self.assertFalse(self.house.account.folder_hints[INBOX_ID])

    def test_condstore(self) -> None:
        """SELECT (CONDSTORE) makes the client aware of MODSEQ."""
        client = self.house.client("SELECT INBOX (CONDSTORE)")
        self.assertEqual(
            client.give(r"STORE 1 +FLAGS.SILENT (\Draft)"),
            ["* 1 FETCH (UID 1 MODSEQ (5))", "OK stored"],
        )


@tabled
class ResyncTests(SynchronousTestCase):
    """RFC 7162, section 3.2.5."""

    def setUp(self) -> None:
        """Six messages; then 2, 3 and 5 go and 4 is flagged."""
        self.house = House()
        for _ in range(6):
            self.house.put()
        self.modseq = 8
        now(self.house.commit(Expunge(INBOX_ID, [UID(2), UID(3), UID(5)])))
        flagged = frozenset({"\\Flagged"})
        change = SetFlags(INBOX_ID, [UID(4)], FlagMode.ADD, flagged)
        now(self.house.commit(change))
        self.client = self.house.client("ENABLE QRESYNC")

    @rows(
        all=("(1 8)", ["* VANISHED (EARLIER) 2:3,5", "4"]),
        known=("(1 8 1:3)", ["* VANISHED (EARLIER) 2:3"]),
        known_others=("(1 8 4:6)", ["* VANISHED (EARLIER) 5", "4"]),
        up_to_date=("(1 10)", []),
        after_the_expunge=("(1 9)", ["4"]),
        other_validity=("(2 8)", []),
        match=("(1 8 1:6 (1,2 1,4))", ["* VANISHED (EARLIER) 5", "4"]),
        wrong_match=("(1 8 1:6 (1,2 1,2))", ["* VANISHED (EARLIER) 2:3,5", "4"]),
    )
    def test_resync(self, parameter: str, expected: list[str]) -> None:
        """The client is told what it missed, and no more."""
        four = r"* 2 FETCH (UID 4 FLAGS (\Flagged) MODSEQ (10))"
        lines = self.client.give(f"SELECT INBOX (QRESYNC {parameter})")
        at = next(n for n, line in enumerate(lines) if "MAILBOXID" in line) + 1
        wanted = [four if line == "4" else line for line in expected]
        self.assertEqual(lines[at:-1], wanted)

    @rows(
        all=("(1 8)", "1:6", "* VANISHED (EARLIER) 2:3,5"),
        known=("(1 8 3:4)", "3:4", "* VANISHED (EARLIER) 3"),
        match=("(1 8 1:6 (1,2 1,4))", "5:6", "* VANISHED (EARLIER) 5"),
    )
    def test_without_history(self, parameter: str, _told: str, vanished: str) -> None:
        """Where history does not reach back, all that is not there has vanished."""

        async def forgotten(*_: object) -> None:
            return None

        self.patch(self.house.account, "vanished", forgotten)
        lines = self.client.give(f"SELECT INBOX (QRESYNC {parameter})")
        self.assertIn(vanished, lines)
