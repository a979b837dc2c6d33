"""LIST, LSUB, STATUS: which mailboxes there are, and what of them is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.commands.tree import AT_ONCE, Patterns
from mailapp.storage.types import CreateFolder
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.talk import House, now


def shown(lines: list[str]) -> list[str]:
    """What stands behind ``* LIST``, of all lines but the last."""
    return [line.removeprefix("* LIST ") for line in lines[:-1]]


INBOX = r'(\HasNoChildren) "/" INBOX'
FOO = r'(\HasChildren) "/" Foo'
BAR = r'(\HasNoChildren) "/" Foo/Bar'
BAZ = r'(\HasNoChildren) "/" Foo/Baz'
MOO = r'(\HasNoChildren) "/" Moo'


@tabled
class ListTests(SynchronousTestCase):
    """RFC 9051, section 6.3.9, with the mailboxes of its examples 7 to 10."""

    def setUp(self) -> None:
        """Foo with two children, and Moo."""
        self.house = House()
        self.client = self.house.client(
            "CREATE Foo/Bar", "CREATE Foo/Baz", "CREATE Moo"
        )

    @rows(
        separator=('LIST "" ""', [r'(\Noselect) "/" ""']),
        all=('LIST "" "*"', [INBOX, FOO, BAR, BAZ, MOO]),
        top=('LIST "" %', [INBOX, FOO, MOO]),
        reference=('LIST Foo/ "%"', [BAR, BAZ]),
        one=('LIST "" Foo/Bar', [BAR]),
        none=('LIST "" "bar"', []),
        second=('LIST "" %/%', [BAR, BAZ]),
        inbox_in_any_case=('LIST "" inBox', [INBOX]),
        others_are_not=('LIST "" foo', []),
        inbox_by_wildcard=('LIST "" in%', [INBOX]),
        patterns=('LIST "" (M% Foo/Ba* "%")', [INBOX, FOO, BAR, BAZ, MOO]),
        children=('LIST "" "Foo" RETURN (CHILDREN)', [FOO]),
        subscribed=('LIST (SUBSCRIBED) "" *', []),
        empty_selection=('LIST () "" "M*"', [MOO]),
    )
    def test_list(self, command: str, expected: list[str]) -> None:
        """Each name that matches, once, in order."""
        self.assertEqual(shown(self.client.give(command)), expected)

    def test_below_inbox(self) -> None:
        """INBOX is blind to case also where a pattern goes on behind it."""
        self.client.give("CREATE Inbox/Sub")
        inbox = INBOX.replace("No", "")
        sub = r'(\HasNoChildren) "/" INBOX/Sub'
        for pattern in ("inbox*", "inB*", "INBOX*"):
            lines = shown(self.client.give(f'LIST "" {pattern}'))
            self.assertEqual(lines, [inbox, sub], pattern)
        for pattern in ("inbox/%", "i%/S*", "%/%ub"):
            self.assertIn(sub, shown(self.client.give(f'LIST "" {pattern}')), pattern)
        for pattern in ("inbox/sub", "inbox/s*", "fo*"):
            self.assertEqual(shown(self.client.give(f'LIST "" {pattern}')), [])

    def test_subscribed(self) -> None:
        """Examples A, A1 and A2 of RFC 9051, section 6.3.9.8, 10."""
        give = self.client.give
        give("SUBSCRIBE Foo/Baz")
        baz = r'(\HasNoChildren \Subscribed) "/" Foo/Baz'
        self.assertEqual(shown(give('LIST (SUBSCRIBED) "" "*"')), [baz])
        self.assertEqual(shown(give('LIST (SUBSCRIBED) "" "%"')), [])
        match = 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"'
        above = ' ("CHILDINFO" ("SUBSCRIBED"))'
        self.assertEqual(shown(give(match)), [FOO + above])
        give("SUBSCRIBE Foo")
        foo = r'(\HasChildren \Subscribed) "/" Foo'
        self.assertEqual(shown(give(match)), [foo + above])
        give("UNSUBSCRIBE Foo")
        give("DELETE Foo")
        self.assertEqual(
            shown(give(match)), [r'(\NonExistent \HasChildren) "/" Foo' + above]
        )

    def test_subscription_outlives(self) -> None:
        r"""RFC 9051, section 6.3.7; it is shown as \NonExistent."""
        give = self.client.give
        give("SUBSCRIBE Moo")
        give("DELETE Moo")
        expected = r'(\NonExistent \HasNoChildren \Subscribed) "/" Moo'
        self.assertEqual(shown(give('LIST (SUBSCRIBED) "" *')), [expected])
        self.assertEqual(shown(give('LIST "" Moo')), [])
        self.assertEqual(
            give('LSUB "" *'), [r'* LSUB (\Noselect) "/" Moo', "OK listed"]
        )
        give("UNSUBSCRIBE Moo")
        self.assertEqual(shown(give('LIST (SUBSCRIBED) "" *')), [])

    def test_parent_is_gone(self) -> None:
        r"""RFC 9051, section 6.3.5, example A85 and A86: foo.bar without foo."""
        give = self.client.give
        give("DELETE Foo")
        self.assertEqual(shown(give('LIST "" *')), [INBOX, BAR, BAZ, MOO])
        self.assertEqual(
            shown(give('LIST "" F%')), [r'(\Noselect \HasChildren) "/" Foo']
        )
        self.assertEqual(
            shown(give('LIST "" F% RETURN (CHILDREN)')),
            [r'(\NonExistent \HasChildren) "/" Foo'],
        )

    def test_lsub(self) -> None:
        r"""RFC 3501, section 6.3.9: ``%`` shows the level above as \Noselect."""
        give = self.client.give
        give("SUBSCRIBE Foo/Bar")
        give("SUBSCRIBE INBOX")
        self.assertEqual(
            give('LSUB "" "*"'),
            ['* LSUB () "/" INBOX', '* LSUB () "/" Foo/Bar', "OK listed"],
        )
        self.assertEqual(
            give('LSUB "" "%"'),
            ['* LSUB () "/" INBOX', r'* LSUB (\Noselect) "/" Foo', "OK listed"],
        )

    def test_special_use(self) -> None:
        """RFC 6154: what CREATE said, and else what the name says."""
        give = self.client.give
        give("CREATE Sent")
        give("CREATE Gesendet (USE (\\sent))")
        give("CREATE Drafts")
        special = shown(give('LIST (SPECIAL-USE) "" *'))
        self.assertEqual(
            special,
            [
                r'(\HasNoChildren \Drafts) "/" Drafts',
                r'(\HasNoChildren \Sent) "/" Gesendet',
            ],
        )
        give("RENAME Gesendet Old")
        self.assertIn(
            r'(\HasNoChildren \Sent) "/" Old',
            shown(give('LIST "" * RETURN (SPECIAL-USE)')),
        )
        self.assertIn("NO [USEATTR]", self.client.last(r"CREATE x (USE (\All))"))
        self.assertEqual(shown(give('LIST "" x')), [])

    def test_status(self) -> None:
        """RFC 5819: STATUS of each mailbox that can be opened."""
        self.house.put()
        self.client.give("DELETE Foo")
        self.assertEqual(
            self.client.give('LIST "" (I% F%) RETURN (STATUS (MESSAGES UNSEEN))'),
            [
                f"* LIST {INBOX}",
                "* STATUS INBOX (MESSAGES 1 UNSEEN 1)",
                r'* LIST (\NonExistent \HasChildren) "/" Foo',
                "OK listed",
            ],
        )

    @threat(59)
    @rows(
        regex=('LIST "" (a+)+$', "BAD"),
        alternating=(f'LIST "" "{"%*" * 490}x"', "OK"),
        percents=(f'LIST "" "{"%a" * 490}b"', "OK"),
    )
    def test_patterns_are_no_programs(self, command: str, end: str) -> None:
        """No pattern costs more than its length times that of the names."""
        for number in range(50):
            name = ("a" * 150 + str(number),)
            now(self.house.commit(CreateFolder(name)))
        self.assertTrue(self.client.last(command).startswith(end))


@tabled
class StatusTests(SynchronousTestCase):
    """RFC 9051, section 6.3.11, and the items of the extensions."""

    @rows(
        messages=("MESSAGES", "MESSAGES 3"),
        uid_next=("UIDNEXT", "UIDNEXT 4"),
        uid_validity=("UIDVALIDITY", "UIDVALIDITY 1"),
        unseen=("UNSEEN", "UNSEEN 2"),
        deleted=("DELETED", "DELETED 2"),
        size=("SIZE", "SIZE 3019"),
        recent=("RECENT", "RECENT 0"),
        modseq=("HIGHESTMODSEQ", "HIGHESTMODSEQ 5"),
        mailbox_id=("MAILBOXID", "MAILBOXID (F1-1)"),
        append_limit=("APPENDLIMIT", "APPENDLIMIT 100000"),
        deleted_storage=("DELETED-STORAGE", "DELETED-STORAGE 3"),
        two=("UNSEEN MESSAGES", "UNSEEN 2 MESSAGES 3"),
    )
    def test_item(self, items: str, told: str) -> None:
        """What is asked is told, in the order of the question."""
        house = House()
        house.put()
        house.put("\\Deleted", body=b"a: b\r\n\r\n" + b"x" * 1492)
        house.put("\\Deleted", "\\Seen", body=b"a: b\r\n\r\n" + b"x" * 1500)
        lines = house.client().give(f"STATUS inbox ({items})")
        self.assertEqual(lines, [f"* STATUS INBOX ({told})", "OK done"])

    def test_missing(self) -> None:
        """A mailbox that is not there, and a name that none can have, look alike."""
        client = House().client()
        for name in ("missing", "a//b", "/", '"a/%s"' % ("x" * 300)):
            self.assertEqual(
                client.give(f"STATUS {name} (MESSAGES)"),
                ["NO [NONEXISTENT] no such mailbox"],
            )

    def test_enables_condstore(self) -> None:
        """RFC 7162, section 3.1: STATUS (HIGHESTMODSEQ) is an enabling command."""
        house = House()
        house.put()
        client = house.client("SELECT INBOX")
        lines = client.give("STATUS INBOX (HIGHESTMODSEQ)")
        self.assertEqual(lines[1], "* OK [HIGHESTMODSEQ 3] highest")
        told = client.give(r"STORE 1 +FLAGS (\Seen)")[0]
        self.assertEqual(told, r"* 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (4))")


class PatternTests(SynchronousTestCase):
    """Patterns against the definition in RFC 9051, section 6.3.9."""

    @threat(59)
    @given(
        st.text("ab/%*", max_size=8), st.lists(st.sampled_from(["a", "b", "ab", "ba"]))
    )
    def test_definition(self, pattern: str, levels: list[str]) -> None:
        """The matcher agrees with the definition, told by recursion."""
        name = "/".join(levels)
        if not levels:
            return
        patterns = Patterns.of(House().client().session._context, "", (pattern,))  # type: ignore[arg-type]
        self.assertEqual(patterns.match(tuple(levels), name), matches(pattern, name))


def matches(pattern: str, name: str) -> bool:
    """The definition."""
    if not pattern:
        return not name
    if pattern[0] not in "%*":
        return name[:1] == pattern[0] and matches(pattern[1:], name[1:])
    stops = name.find("/") if pattern[0] == "%" and "/" in name else len(name)
    return any(matches(pattern[1:], name[at:]) for at in range(stops + 1))


class SlicesTests(SynchronousTestCase):
    """Long answers."""

    def test_ten_thousand(self) -> None:
        """LIST of 10,000 mailboxes gives others a turn after every few hundred."""
        house = House()
        changes = [CreateFolder(("x", f"{number:05}")) for number in range(1500)]
        now(house.account.commit(changes, request_id=b"many"))
        client = house.client()
        before = client.exit.pauses
        self.assertEqual(len(client.give('LIST "" *')), 1502)
        self.assertGreaterEqual(client.exit.pauses - before, 2 * 1500 // AT_ONCE)
        self.assertLess(client.exit.most, 100 * AT_ONCE)
