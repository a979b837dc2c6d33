"""COPY, MOVE, APPEND, EXPUNGE: where messages go, and under which UIDs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.commands import transfer
from mailapp.storage.types import INBOX_ID, UID, Expunge, FolderId
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.talk import House, now

A = FolderId(2)


@tabled
class TransferTests(SynchronousTestCase):
    """RFC 9051, sections 6.4.7 and 6.4.8."""

    def setUp(self) -> None:
        """Five messages, and a mailbox that has one."""
        self.house = House()
        for flags in ((), ("\\Seen",), ("work",), (), ("\\Deleted",)):
            self.house.put(*flags)
        self.client = self.house.client("CREATE a", "SELECT INBOX")
        self.house.put(folder=A)

    @rows(
        one=("COPY 2 a", "2 2"),
        some=("COPY 5,1:2 a", "1:2,5 2:4"),
        by_uid=("UID COPY 4:9 a", "4:5 2:3"),
        itself=("COPY 1 INBOX", "1 6"),
    )
    def test_copyuid(self, command: str, sets: str) -> None:
        """The client is told which UID became which (RFC 4315, section 3)."""
        validity = 1 if command.endswith("INBOX") else 2
        self.assertEqual(
            self.client.last(command), f"OK [COPYUID {validity} {sets}] copied"
        )

    def test_many(self) -> None:
        """The words for many UIDs are found in a thread, and are the same."""
        self.patch(transfer, "_MANY", 2)
        self.assertEqual(
            self.client.last("COPY 5,1:2 a"), "OK [COPYUID 2 1:2,5 2:4] copied"
        )

    def test_copies_are_like_it(self) -> None:
        """Flags and date go along; the original stays."""
        self.client.give("COPY 2:3 a")
        old = self.house.account.state.boxes[INBOX_ID].messages
        new = self.house.account.state.boxes[A].messages
        for uid, copy in ((2, 2), (3, 3)):
            self.assertEqual(old[UID(uid)].flags, new[UID(copy)].flags)
            self.assertEqual(old[UID(uid)].received, new[UID(copy)].received)

    @rows(
        missing=("COPY 1 missing", "NO [TRYCREATE]"),
        bad_name=("MOVE 1 a//b", "NO [TRYCREATE]"),
        no_number=("COPY 6 a", "BAD"),
        no_uid=("UID COPY 9 a", "OK copied"),
        move_no_uid=("UID MOVE 9 a", "OK moved"),
    )
    def test_refused(self, command: str, reply: str) -> None:
        """Nothing is copied or moved, and the client is told why."""
        self.assertIn(reply, self.client.last(command))
        self.assertEqual(len(self.house.account.state.boxes[A].messages), 1)

    def test_gone_meanwhile(self) -> None:
        """All or none: by number a message that is gone fails it (RFC 2180, 4.4.1)."""
        now(self.house.commit(Expunge(INBOX_ID, [UID(2)])))
        for verb in ("COPY", "MOVE"):
            lines = self.client.give(f"{verb} 1:3 a")
            self.assertIn("NO [EXPUNGEISSUED]", lines[-1])
            self.house.put()
            now(self.house.commit(Expunge(INBOX_ID, [UID(3)])))
        self.assertEqual(
            self.client.give("UID COPY 1:4 a")[-1], "OK [COPYUID 2 1,4 2:3] copied"
        )

    def test_move(self) -> None:
        """COPYUID comes before the EXPUNGEs (RFC 6851, section 4.3)."""
        self.assertEqual(
            self.client.give("MOVE 1,3 a"),
            [
                "* OK [COPYUID 2 1,3 2:3] moved",
                "* 3 EXPUNGE",
                "* 1 EXPUNGE",
                "OK moved",
            ],
        )

    def test_move_with_qresync(self) -> None:
        """VANISHED, and HIGHESTMODSEQ at the end (RFC 6851, section 4.4)."""
        client = self.house.client("ENABLE QRESYNC", "SELECT INBOX")
        lines = client.give("UID MOVE 1:3 a")
        self.assertEqual(
            lines[:2], ["* OK [COPYUID 2 1:3 2:4] moved", "* VANISHED 1:3"]
        )
        modseq = self.house.account.state.boxes[INBOX_ID].modseq
        self.assertEqual(lines[2:], [f"OK [HIGHESTMODSEQ {modseq}] moved"])

    def test_others_see_it(self) -> None:
        """Both mailboxes' sessions are told, each message in one of them or both."""
        source, target = (
            self.house.client("SELECT INBOX"),
            self.house.client("SELECT a"),
        )
        self.client.give("MOVE 1 a")
        self.assertEqual(source.give("NOOP")[0], "* 1 EXPUNGE")
        self.assertEqual(target.give("NOOP")[0], "* 2 EXISTS")


@tabled
class ExpungeTests(SynchronousTestCase):
    """RFC 9051, sections 6.4.3 and 6.4.9."""

    def setUp(self) -> None:
        r"""Messages 3, 4, 7 and 11 of 11 are \Deleted, as in the RFC's example."""
        self.house = House()
        for number in range(1, 12):
            self.house.put(*(["\\Deleted"] if number in {3, 4, 7, 11} else []))
        self.client = self.house.client("SELECT INBOX")

    def test_all(self) -> None:
        """Each number is right when those before it were read."""
        self.assertEqual(
            self.client.give("EXPUNGE"),
            ["* 11 EXPUNGE", "* 7 EXPUNGE", "* 4 EXPUNGE", "* 3 EXPUNGE",
             "OK expunged"],
        )  # fmt: skip

    def test_by_uid(self) -> None:
        """Only what is named and marked."""
        self.assertEqual(
            self.client.give("UID EXPUNGE 1:4,9:99"),
            ["* 11 EXPUNGE", "* 4 EXPUNGE", "* 3 EXPUNGE", "OK expunged"],
        )

    def test_qresync(self) -> None:
        """RFC 7162, section 3.2.7."""
        client = self.house.client("ENABLE QRESYNC", "SELECT INBOX")
        modseq = self.house.account.state.modseq + 1
        self.assertEqual(
            client.give("EXPUNGE"),
            ["* VANISHED 3:4,7,11", f"OK [HIGHESTMODSEQ {modseq}] expunged"],
        )
        self.assertEqual(client.give("EXPUNGE"), ["OK expunged"])

    def test_unknown_stays(self) -> None:
        """What the client was never told of is not removed by it."""
        self.house.put("\\Deleted")
        self.assertEqual(self.client.give("EXPUNGE")[-2], "* 8 EXISTS")
        self.assertEqual(self.client.give("EXPUNGE"), ["* 8 EXPUNGE", "OK expunged"])

    def test_unmarked_meanwhile(self) -> None:
        """A mark that another took away counts no more."""
        self.house.client("SELECT INBOX", r"STORE 3:7 -FLAGS (\Deleted)")
        lines = self.client.give("EXPUNGE")
        self.assertEqual([li for li in lines if "EXPUNGE" in li], ["* 11 EXPUNGE"])


@tabled
class AppendTests(SynchronousTestCase):
    """RFC 9051, section 6.3.12."""

    def setUp(self) -> None:
        """A mailbox."""
        self.house = House()
        self.client = self.house.client("CREATE a")

    def test_one(self) -> None:
        """Flags and date are kept; the UID is told."""
        octets = b'APPEND a (\\Seen work) "17-Jul-1996 02:44:25 -0700" {3+}\r\nabc'
        self.assertEqual(
            self.client.give_octets(octets), ["OK [APPENDUID 2 1] appended"]
        )
        [message] = self.house.account.state.boxes[A].messages.values()
        self.assertEqual(message.flags, {"\\Seen", "work"})
        self.assertEqual(message.received, 837596665)
        self.assertEqual(self.house.account.state.bodies[message.blob], b"abc")

    def test_several(self) -> None:
        """RFC 3502: all of them, with their UIDs."""
        octets = b"APPEND a (\\Seen) {1+}\r\nx {2+}\r\nyz"
        self.assertEqual(
            self.client.give_octets(octets), ["OK [APPENDUID 2 1:2] appended"]
        )

    def test_all_or_none(self) -> None:
        """RFC 3502, section 3: one that does not fit takes the others along."""
        house = House(quota_octets=1000)
        client = house.client("CREATE a")
        octets = b"APPEND a {600+}\r\n" + b"x" * 600 + b" {600+}\r\n" + b"x" * 600
        self.assertIn("NO [OVERQUOTA]", client.give_octets(octets)[-1])
        self.assertEqual(house.account.state.boxes[A].messages, {})

    @rows(
        missing=(b"APPEND missing {3}\r\n", "NO [TRYCREATE]"),
        too_big=(b"APPEND a {100001}\r\n", "[TOOBIG]"),
    )
    def test_before_the_literal(self, octets: bytes, reply: str) -> None:
        """What can be known is said before the client sends anything."""
        self.client.send(b"x " + octets)
        self.assertIn(reply, self.client.taken())

    def test_into_the_selected(self) -> None:
        """The client is told EXISTS at once, and so is who idles."""
        self.client.give("SELECT a")
        self.assertEqual(
            self.client.give_octets(b"APPEND a {3+}\r\nabc"),
            ["* 1 EXISTS", "OK [APPENDUID 2 1] appended"],
        )

    @threat(69)
    def test_too_many_keywords(self) -> None:
        """A flood of keywords is a mistake of the client; nothing is stored."""
        flags = b" ".join(b"k%d" % number for number in range(1000))
        [reply] = self.client.give_octets(b"APPEND a (" + flags + b") {3+}\r\nabc")[:1]
        self.assertTrue(reply.startswith(("BAD", "* BAD", "t")), reply)
        self.assertEqual(self.house.account.state.boxes[A].messages, {})
