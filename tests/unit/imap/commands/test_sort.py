"""SORT and THREAD (RFC 5256)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.commands import sort_keys
from mailapp.imap.commands.sort_keys import key_of
from mailapp.imap.grammar.values.search import SortCriterion, SortField
from mailapp.message.sorting import SortKeys
from mailapp.storage.types import INBOX_ID, UID, Expunge
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.letters import DAY, full, letter, receive
from tests.unit.imap.commands.talk import House, now
from tests.unit.storage.test_view import columns


def mail(sender: str, subject: str, day: str, more: str = "", to: str = "x@y") -> bytes:
    """A message with the fields that SORT looks at."""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: {day} Nov 2026 05:00:00 +0000\r\n{more}\r\n{subject}\r\n"
    ).encode()


def assorted() -> House:
    """Five messages in no order at all."""
    house = House()
    receive(house, mail("bob@x.org", "Re: Plan", "5"), received=5 * DAY)
    receive(house, mail("Zoe <adam@x.org>", "apple", "1"), received=3 * DAY)
    receive(
        house,
        mail("Carl <carl@x.org>", "plan", "3", "Cc: d@x\r\n", "a@y"),
        received=4 * DAY,
    )
    receive(house, mail("dan@x.org", "\u00c4pfel", "2"), received=DAY)
    receive(house, mail("Al <zed@x.org>", "zoo" * 9, "5"), received=2 * DAY)
    return house


@tabled
class SortTests(SynchronousTestCase):
    """Messages in the order that is asked for."""

    @rows(
        arrival=("ARRIVAL", "4 5 2 3 1"),
        reverse_arrival=("REVERSE ARRIVAL", "1 3 2 5 4"),
        date=("DATE", "2 4 3 1 5"),
        reverse_date=("REVERSE DATE", "1 5 3 4 2"),
        sender=("FROM", "2 1 3 4 5"),
        reverse_sender=("REVERSE FROM", "5 4 3 1 2"),
        display=("DISPLAYFROM", "5 1 3 4 2"),
        reverse_display=("REVERSE DISPLAYFROM", "2 4 3 1 5"),
        subject=("SUBJECT", "2 4 1 3 5"),
        reverse_subject=("REVERSE SUBJECT", "5 1 3 4 2"),
        subject_date=("SUBJECT DATE", "2 4 3 1 5"),
        subject_reverse_date=("SUBJECT REVERSE DATE", "2 4 1 3 5"),
        cc=("CC ARRIVAL", "4 5 2 1 3"),
        to=("TO ARRIVAL", "3 4 5 2 1"),
        display_to=("DISPLAYTO ARRIVAL", "3 4 5 2 1"),
        size=("SIZE", "4 1 2 3 5"),
    )
    def test_criteria(self, criteria: str, expected: str) -> None:
        """RFC 5256, section 3: where nothing decides, the number does."""
        client = assorted().client("SELECT INBOX")
        self.assertEqual(
            client.give(f"SORT ({criteria}) UTF-8 ALL"),
            [f"* SORT {expected}", "OK sorted"],
        )

    def test_some(self) -> None:
        """Only what matches is sorted; UIDs where they are asked for."""
        house = assorted()
        now(house.commit(Expunge(INBOX_ID, [UID(2)])))
        client = house.client("SELECT INBOX")
        self.assertEqual(
            client.give("UID SORT (DATE) UTF-8 FROM x.org")[0], "* SORT 4 3 1 5"
        )
        self.assertEqual(
            client.give("SORT (DATE) US-ASCII SUBJECT plan")[0], "* SORT 2 1"
        )
        self.assertEqual(client.give("SORT (DATE) UTF-8 SEEN")[0], "* SORT")
        self.assertTrue(client.last("SORT (DATE) X-NONE ALL").startswith("NO [BADCHAR"))
        self.assertTrue(client.last("SORT (SUBJECT) UTF-8 99").startswith("BAD"))

    def test_extended(self) -> None:
        """RFC 5267, section 3: the ends of the order, and ranges that only rise."""
        client = assorted().client("SELECT INBOX")
        self.assertEqual(
            client.give("SORT RETURN (MIN MAX COUNT ALL) (REVERSE DATE) UTF-8 ALL")[0],
            '* ESEARCH (TAG "t3") MIN 1 MAX 2 COUNT 5 ALL 1,5,3:4,2',
        )
        client.give("UID SORT RETURN (SAVE MIN) (DATE) UTF-8 ALL")
        self.assertEqual(client.give("SEARCH $")[0], "* SEARCH 2")

    @threat(67)
    def test_gone(self) -> None:
        """What is gone is not sorted."""
        house = assorted()
        client = house.client("SELECT INBOX")
        now(house.commit(Expunge(INBOX_ID, [UID(3)])))
        self.assertEqual(client.give("SORT (SUBJECT) UTF-8 ALL")[0], "* SORT 2 4 1 5")

    @threat(60)
    def test_many(self) -> None:
        """Runs are merged, and others have their turn."""
        house = full(60)
        client = house.client("SELECT INBOX")
        self.patch(sort_keys, "AT_ONCE", 7)
        self.patch(sort_keys, "_MERGED_AT_ONCE", 5)
        client.exit.pauses = 0
        numbers = client.give("SORT (REVERSE ARRIVAL) UTF-8 ALL")[0].split()[2:]
        self.assertEqual(numbers, [str(n) for n in range(60, 0, -1)])
        self.assertGreater(client.exit.pauses, 15)

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.binary(max_size=4).map(lambda octets: octets.replace(b"\0", b"")),
                st.one_of(st.none(), st.integers(-(2**40), 2**40)),
            ),
            min_size=2,
            max_size=8,
        ),
        st.booleans(),
        st.booleans(),
    )
    def test_keys(
        self,
        messages: list[tuple[bytes, int | None]],
        first_reversed: bool,  # noqa: FBT001 - hypothesis
        second_reversed: bool,  # noqa: FBT001 - hypothesis
    ) -> None:
        """Octets compare as the values that they stand for."""
        there = columns(dict.fromkeys(range(1, len(messages) + 1), (0, 1)))
        criteria = [
            SortCriterion(SortField.SUBJECT, first_reversed),
            SortCriterion(SortField.DATE, second_reversed),
        ]
        keys = [SortKeys(sent, subject=subject) for subject, sent in messages]
        octets = [key_of(criteria, there, n, key) for n, key in enumerate(keys)]
        expected = list(range(len(keys)))
        expected.sort(key=lambda n: keys[n].sent or 0, reverse=second_reversed)
        if second_reversed:  # stable in both directions
            expected = sorted(range(len(keys)), key=lambda n: -(keys[n].sent or 0))
        expected.sort(key=lambda n: keys[n].subject, reverse=first_reversed)
        found = sorted(range(len(keys)), key=octets.__getitem__)
        self.assertEqual(found, expected)


def answers(number: int, to: int, subject: str) -> bytes:
    """A message that answers another."""
    return letter(number, subject, more=f"References: <m{to}@example.org>\r\n")


@tabled
class ThreadTests(SynchronousTestCase):
    """Who answers whom."""

    @rows(
        references=("THREAD REFERENCES", "* THREAD (1 2 (4)(5))(3)"),
        by_uid=("UID THREAD REFERENCES", "* THREAD (2 3 (5)(6))(4)"),
        subject=("THREAD ORDEREDSUBJECT", "* THREAD (1 2)(3)(4)(5)"),
    )
    def test_threads(self, command: str, expected: str) -> None:
        """RFC 5256, section 4: one list a thread."""
        house = House()
        receive(house, letter(9))
        receive(house, letter(1, "Plan"))
        receive(house, answers(2, 1, "Re: Plan"))
        receive(house, letter(3, "Other"))
        receive(house, answers(4, 2, "Half"))
        receive(house, answers(5, 2, "Whole"))
        now(house.commit(Expunge(INBOX_ID, [UID(1)])))
        client = house.client("SELECT INBOX")
        self.assertEqual(client.give(f"{command} UTF-8 ALL"), [expected, "OK threaded"])

    def test_none(self) -> None:
        """RFC 5256, section 4: no threads, and no space."""
        client = full(2).client("SELECT INBOX")
        self.assertEqual(client.give("THREAD REFERENCES UTF-8 SEEN")[0], "* THREAD")
        self.assertTrue(client.last("THREAD X UTF-8 ALL").startswith("BAD"))
        self.assertTrue(client.last("THREAD REFERENCES UTF-8 9").startswith("BAD"))

    def test_many(self) -> None:
        """A response in pieces is one line."""
        client = full(700).client("SELECT INBOX")
        line = client.give("THREAD REFERENCES UTF-8 ALL")[0]
        self.assertEqual(line.count("("), 700)
        self.assertNotIn(") ", line)
        self.assertNotIn("  ", line)
