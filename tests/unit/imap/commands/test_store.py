"""STORE: what is changed, and what the client is told of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.types import INBOX_ID, UID, Expunge, FlagMode, SetFlags
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.talk import House, now


@tabled
class StoreTests(SynchronousTestCase):
    """RFC 9051, section 6.4.6."""

    def setUp(self) -> None:
        """Three messages; the second is flagged."""
        self.house = House()
        self.house.put()
        self.house.put("\\Flagged")
        self.house.put()
        self.client = self.house.client("SELECT INBOX")

    def behind(self, uid: int, *flags: str) -> None:
        """Another session adds flags."""
        change = SetFlags(INBOX_ID, [UID(uid)], FlagMode.ADD, frozenset(flags))
        now(self.house.commit(change))

    @rows(
        add=(r"STORE 2 +FLAGS (\Seen)", [r"* 2 FETCH (FLAGS (\Seen \Flagged))"]),
        bare=(r"STORE 1 +FLAGS \Seen \Draft", [r"* 1 FETCH (FLAGS (\Seen \Draft))"]),
        remove=(r"STORE 2 -FLAGS (\Flagged)", ["* 2 FETCH (FLAGS ())"]),
        replace=(r"STORE 2 FLAGS (\Seen)", [r"* 2 FETCH (FLAGS (\Seen))"]),
        nothing_new=(r"STORE 2 +FLAGS (\Flagged)", [r"* 2 FETCH (FLAGS (\Flagged))"]),
        by_uid=(r"UID STORE 2,9 +FLAGS ()", [r"* 2 FETCH (UID 2 FLAGS (\Flagged))"]),
        no_such_uid=(r"UID STORE 9 +FLAGS (\Seen)", []),
        silent=(r"STORE 1:* +FLAGS.SILENT (\Seen)", []),
        silent_replace=(r"STORE 2 FLAGS.SILENT (\Seen)", []),
        silent_remove=(r"STORE 2 -FLAGS.SILENT (\Flagged)", []),
        star=(r"STORE * +FLAGS (\Seen)", [r"* 3 FETCH (FLAGS (\Seen))"]),
        all=(
            r"STORE 1:3 +FLAGS (\Seen)",
            [
                r"* 1 FETCH (FLAGS (\Seen))",
                r"* 2 FETCH (FLAGS (\Seen \Flagged))",
                r"* 3 FETCH (FLAGS (\Seen))",
            ],
        ),
    )
    def test_told(self, command: str, told: list[str]) -> None:
        """Every message that was named is told, unless the client wants silence."""
        self.assertEqual(self.client.give(command), [*told, "OK stored"])

    def test_no_such_number(self) -> None:
        """RFC 9051, section 9: a number that no message has is a mistake."""
        self.assertEqual(
            self.client.give("STORE 3:4 FLAGS ()"), ["BAD no message has this number"]
        )

    def test_empty_mailbox(self) -> None:
        """``1:*`` of nothing is nothing, as clients send it without a look."""
        client = self.house.client("CREATE e", "SELECT e")
        self.assertEqual(client.give("STORE 1:* FLAGS ()"), ["OK stored"])

    def test_others_are_heard_in_silence(self) -> None:
        """.SILENT keeps quiet about one's own doing only."""
        self.behind(1, "\\Draft")
        self.behind(3, "\\Answered")
        self.assertEqual(
            self.client.give(r"STORE 1:2 +FLAGS.SILENT (\Seen)"),
            [
                r"* 1 FETCH (FLAGS (\Seen \Draft))",
                r"* 3 FETCH (FLAGS (\Answered))",
                "OK stored",
            ],
        )

    def test_new_keyword(self) -> None:
        """A keyword is told before a message has it (RFC 9051, section 7.3.5)."""
        lines = self.client.give("STORE 3 +FLAGS (work)")
        self.assertEqual(
            lines[0], r"* FLAGS (\Seen \Answered \Flagged \Deleted \Draft work)"
        )
        self.assertEqual(lines[2:], ["* 3 FETCH (FLAGS (work))", "OK stored"])
        self.assertEqual(
            self.client.give("STORE 3 -FLAGS (work)"),
            ["* 3 FETCH (FLAGS ())", "OK stored"],
        )

    @threat(67)
    def test_no_expunge_within(self) -> None:
        """No EXPUNGE by sequence number; by UID it may come (section 7.5.1)."""
        now(self.house.commit(Expunge(INBOX_ID, [UID(1)])))
        self.assertEqual(
            self.client.give(r"STORE 3 +FLAGS (\Seen)"),
            [r"* 3 FETCH (FLAGS (\Seen))", "OK stored"],
        )
        self.assertEqual(
            self.client.give(r"STORE 1:3 +FLAGS.SILENT (\Seen)"),
            ["NO [EXPUNGEISSUED] some of the messages are gone"],
        )
        self.assertEqual(
            self.client.give(r"UID STORE 1,3 +FLAGS (\Draft)"),
            [
                r"* 3 FETCH (UID 3 FLAGS (\Seen \Draft))",
                "* 1 EXPUNGE",
                "OK stored",
            ],
        )

    def test_too_many_keywords(self) -> None:
        """What the store refuses is said with a code (RFC 5530, section 3)."""
        self.assertIn(
            "BAD", self.client.last(f"STORE 1 +FLAGS ({' '.join('k' * 200)})")
        )


@tabled
class ConditionalTests(SynchronousTestCase):
    """RFC 7162, section 3.1.3, with the numbers of this mailbox."""

    def setUp(self) -> None:
        """Three messages with MODSEQ 3, 4, 5; then the second gets 6."""
        self.house = House()
        for _ in range(3):
            self.house.put()
        self.client = self.house.client("SELECT INBOX")
        self.behind(2, "\\Answered")

    def behind(self, uid: int, *flags: str) -> None:
        """Another session adds flags."""
        change = SetFlags(INBOX_ID, [UID(uid)], FlagMode.ADD, frozenset(flags))
        now(self.house.commit(change))

    @rows(
        passes=(
            r"UID STORE 1,3 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\Deleted)",
            [
                "* 1 FETCH (UID 1 MODSEQ (7))",
                r"* 2 FETCH (UID 2 FLAGS (\Answered) MODSEQ (6))",
                "* 3 FETCH (UID 3 MODSEQ (7))",
                "OK stored",
            ],
        ),
        fails=(
            r"STORE 1,2 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\Deleted)",
            [
                "* 1 FETCH (UID 1 MODSEQ (7))",
                r"* 2 FETCH (UID 2 FLAGS (\Answered) MODSEQ (6))",
                "OK [MODIFIED 2] some were changed by another",
            ],
        ),
        loud=(
            r"STORE 1,2 (UNCHANGEDSINCE 5) +FLAGS (\Deleted)",
            [
                r"* 1 FETCH (UID 1 FLAGS (\Deleted) MODSEQ (7))",
                r"* 2 FETCH (UID 2 FLAGS (\Answered) MODSEQ (6))",
                "OK [MODIFIED 2] some were changed by another",
            ],
        ),
        zero=(
            "STORE 3 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)",
            [
                r"* 2 FETCH (UID 2 FLAGS (\Answered) MODSEQ (6))",
                "* 3 FETCH (UID 3 FLAGS () MODSEQ (5))",
                "OK [MODIFIED 3] some were changed by another",
            ],
        ),
    )
    def test_unchanged_since(self, command: str, told: list[str]) -> None:
        """What another changed stays as it is, and is told at once.

        The first CONDSTORE enabling command is answered with HIGHESTMODSEQ.
        """
        lines = self.client.give(command)
        self.assertEqual(lines[0], "* OK [HIGHESTMODSEQ 5] highest")
        self.assertEqual(sorted(lines[1:-1]), told[:-1])
        self.assertEqual(lines[-1], told[-1])

    def test_some_gone(self) -> None:
        """RFC 7162, section 3.1.3, example 11."""
        now(self.house.commit(Expunge(INBOX_ID, [UID(3)])))
        lines = self.client.give(r"STORE 1:3 (UNCHANGEDSINCE 5) +FLAGS (\Seen)")
        self.assertEqual(lines[-1], "NO [MODIFIED 2] some of the messages are gone")

    def test_highest_stays_behind(self) -> None:
        """RFC 7162, section 6: while VANISHED waits, HIGHESTMODSEQ is below it."""
        client = self.house.client("ENABLE QRESYNC", "SELECT INBOX")
        now(self.house.commit(Expunge(INBOX_ID, [UID(1)])))
        self.assertEqual(
            client.give(r"STORE 3 +FLAGS.SILENT (\Seen)"),
            [
                "* 3 FETCH (UID 3 MODSEQ (8))",
                "* OK [HIGHESTMODSEQ 6] highest",
                "OK stored",
            ],
        )
        self.assertEqual(
            client.give("NOOP")[:-1],
            ["* VANISHED 1", "* OK [HIGHESTMODSEQ 8] highest"],
        )
