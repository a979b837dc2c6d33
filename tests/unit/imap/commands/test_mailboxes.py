"""CREATE, DELETE, RENAME, SUBSCRIBE, NAMESPACE, quota; and the names in all of them."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message import modified_utf7
from mailapp.storage.maildir.layout import folder_directory, folder_name
from mailapp.storage.types import CreateFolder, Unavailable
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.talk import Client, House, now

_NAMES = st.text(
    st.sampled_from('abI./&~%*\\"NBOX \u00e4\u53f0') | st.characters(codec="utf-8"),
    min_size=1,
    max_size=30,
).filter(lambda name: name.isprintable())


def names(client: Client) -> list[str]:
    """All mailboxes but INBOX, as the client is told them."""
    lines = client.give('LIST "" "*"')[1:-1]
    return [re.split('"[/.]" ', line, maxsplit=1)[1] for line in lines]


def read(client: Client) -> list[str]:
    """The same to one that reads UTF-8."""
    return [name.encode("latin-1").decode().strip('"') for name in names(client)]


def stored(house: House) -> set[tuple[str, ...]]:
    """What is there."""
    return {box.name for box in house.account.state.boxes.values()}


@tabled
class MailboxTests(SynchronousTestCase):
    """RFC 9051, sections 6.3.4 to 6.3.6."""

    def setUp(self) -> None:
        """A client."""
        self.house = House()
        self.client = self.house.client()

    def test_create(self) -> None:
        """Names above are made, too; a separator at the end is no part of a name."""
        self.assertEqual(
            self.client.give("CREATE a/b/c/"), ["OK [MAILBOXID (F4-4)] created"]
        )
        self.assertEqual(names(self.client), ["a", "a/b", "a/b/c"])
        self.assertIn("[ALREADYEXISTS]", self.client.last("CREATE a"))
        self.assertIn("[ALREADYEXISTS]", self.client.last("CREATE INBOX"))

    @threat(108, 109)
    @rows(
        empty='""',
        only_separator="/",
        double="a//b",
        leading="/a",
        deep="/".join("a" * 21),
        long="a" * 201,
        control='"a\tb"',
    )
    def test_bad_names(self, name: str) -> None:
        """What can't be a mailbox is refused; nothing is made."""
        reply = self.client.last(f"CREATE {name}")
        self.assertTrue(reply.startswith(("NO [CANNOT]", "BAD")), reply)
        self.assertEqual(names(self.client), [])

    def test_delete(self) -> None:
        """Names below stay; INBOX stays; a name with nothing but names below stays."""
        give = self.client.last
        give("CREATE a/b")
        self.assertEqual(give("DELETE a"), "OK deleted")
        self.assertEqual(names(self.client), ["a/b"])
        self.assertIn("NO [HASCHILDREN]", give("DELETE a"))
        self.assertIn("NO [CANNOT]", give("DELETE inbox"))
        self.assertIn("NO [NONEXISTENT]", give("DELETE b"))
        self.assertIn("NO [NONEXISTENT]", give("DELETE a//b"))

    def test_delete_selected(self) -> None:
        """Whoever has it selected sees its messages go, and lives on."""
        self.client.give("CREATE a")
        self.client.give_octets(b"APPEND a {3+}\r\nabc")
        other = self.house.client("SELECT a")
        self.client.give("SELECT a")
        self.assertEqual(self.client.give("DELETE a"), ["* 1 EXPUNGE", "OK deleted"])
        self.assertEqual(other.give("NOOP")[:-1], ["* 1 EXPUNGE"])
        for client in (self.client, other):
            self.assertEqual(client.give("NOOP")[:-1], [])
            self.assertEqual(client.give("EXPUNGE"), ["OK expunged"])
            self.assertEqual(client.give("CLOSE"), ["OK closed"])

    def test_same_name_again(self) -> None:
        """A mailbox that is made anew has another UIDVALIDITY (section 6.3.5)."""
        self.client.give("CREATE a")
        first = self.client.give("STATUS a (UIDVALIDITY MAILBOXID)")
        self.client.give("DELETE a")
        self.client.give("CREATE a")
        self.assertNotEqual(self.client.give("STATUS a (UIDVALIDITY MAILBOXID)"), first)

    def test_rename(self) -> None:
        """Names below go along, names above are made; ids and UIDs stay."""
        give = self.client.give
        give("CREATE a/b")
        give("CREATE ab")
        before = give("STATUS a/b (UIDVALIDITY MAILBOXID)")[0]
        self.assertEqual(give("RENAME a x/y/"), ["OK renamed"])
        self.assertEqual(names(self.client), ["ab", "x", "x/y", "x/y/b"])
        after = give("STATUS x/y/b (UIDVALIDITY MAILBOXID)")[0]
        self.assertEqual(after, before.replace("a/b", "x/y/b"))

    @rows(
        missing=("RENAME missing x", "NO [NONEXISTENT]"),
        taken=("RENAME a c", "NO [ALREADYEXISTS]"),
        itself=("RENAME a a", "NO [ALREADYEXISTS]"),
        below_itself=("RENAME a a/b/d", "NO [CANNOT]"),
        bad=("RENAME a x//y", "NO [CANNOT]"),
        bad_old=("RENAME x//y a", "NO [NONEXISTENT]"),
        to_inbox=("RENAME a inbox", "NO [ALREADYEXISTS]"),
        below_taken=("RENAME e f", "NO [ALREADYEXISTS]"),
    )
    def test_not_renamed(self, command: str, reply: str) -> None:
        """Nothing is changed by what can't be done."""
        for name in ("a/b", "c", "e/g", "f/g"):
            self.client.give(f"CREATE {name}")
        self.client.give("DELETE f")
        before = names(self.client)
        self.assertIn(reply, self.client.last(command))
        self.assertEqual(names(self.client), before)

    def test_rename_upwards(self) -> None:
        """A name that is only above others can be renamed, and be taken."""
        self.client.give("CREATE a/b/c")
        self.client.give("DELETE a")
        self.assertEqual(self.client.give("RENAME a/b a"), ["OK renamed"])
        self.assertEqual(names(self.client), ["a", "a/c"])
        self.client.give("DELETE a")
        self.assertEqual(self.client.give("RENAME a z"), ["OK renamed"])
        self.assertEqual(names(self.client), ["z/c"])

    def test_rename_inbox(self) -> None:
        """INBOX stays, empty; names below it stay, too (RFC 9051, section 6.3.6)."""
        self.house.put("\\Seen")
        self.house.put()
        self.client.give("CREATE INBOX/below")
        other = self.house.client("SELECT INBOX")
        self.assertEqual(self.client.give("RENAME inbox old/2"), ["OK renamed"])
        self.assertEqual(names(self.client), ["INBOX/below", "old", "old/2"])
        self.assertEqual(other.give("NOOP")[:-1], ["* 2 EXPUNGE", "* 1 EXPUNGE"])
        told = self.client.give("STATUS old/2 (MESSAGES UNSEEN)")[0]
        self.assertEqual(told, "* STATUS old/2 (MESSAGES 2 UNSEEN 1)")

    def test_subscribe(self) -> None:
        """A name is noted, once, whether it is there or not."""
        give = self.client.give
        self.assertEqual(give("SUBSCRIBE a/b/"), ["OK subscribed"])
        self.assertEqual(give("SUBSCRIBE a/b"), ["OK subscribed"])
        self.assertEqual(give('LSUB "" *')[:-1], [r'* LSUB (\Noselect) "/" a/b'])
        self.assertEqual(give("UNSUBSCRIBE a/b"), ["OK unsubscribed"])
        self.assertEqual(give("UNSUBSCRIBE a/b"), ["OK unsubscribed"])
        self.assertEqual(give('LSUB "" *')[:-1], [])
        self.assertIn("NO [CANNOT]", self.client.last("SUBSCRIBE a//b"))

    def test_trouble(self) -> None:
        """Trouble of the store is a NO with its code (RFC 5530), and no bug."""

        async def broken(*_: object, **__: object) -> None:
            raise Unavailable

        for name in ("find", "names", "commit", "usage"):
            self.patch(self.house.account, name, broken)
        self.patch(self.house.account.marks, "subscribe", broken)
        for command in ("CREATE a", "DELETE a", "RENAME a b", "SELECT a", "SUBSCRIBE a",
                        'LIST "" *', 'LSUB "" *', "STATUS a (MESSAGES)",
                        "GETQUOTAROOT a"):  # fmt: skip
            self.assertIn("NO [UNAVAILABLE]", self.client.last(command), command)


@tabled
class NameTests(SynchronousTestCase):
    """Names on the wire and in the store."""

    def test_utf7(self) -> None:
        """RFC 3501, section 5.1.3: modified UTF-7, until UTF-8 is asked for."""
        house = House()
        old = house.client("CREATE Entw&APw-rfe", "CREATE a&-b")
        self.assertEqual(names(old), ["Entw&APw-rfe", "a&-b"])
        for enabled in ("IMAP4rev2", "UTF8=ACCEPT"):
            new = house.client(f"ENABLE {enabled}")
            self.assertEqual(names(new), ['"Entw\xc3\xbcrfe"', "a&b"])
            self.assertIn("OK", new.last('STATUS "Entwürfe" (MESSAGES)'))
        self.assertIn("BAD", old.last('STATUS "Entwürfe" (MESSAGES)'))

    @rows(slash=("/", "a/b", "a.b"), dot=(".", "a.b", "a/b"))
    def test_separator(self, separator: str, two: str, one: str) -> None:
        """The separator is a setting; the other one is a character as any."""
        house = House(separator=separator)
        client = house.client(f"CREATE {two}", f"CREATE {one}x")
        stored = {box.name for box in house.account.state.boxes.values()}
        self.assertEqual(stored, {("INBOX",), ("a",), ("a", "b"), (f"{one}x",)})
        self.assertEqual(
            client.give('LIST "" ""')[0], rf'* LIST (\Noselect) "{separator}" ""'
        )
        self.assertEqual(
            client.give("NAMESPACE")[0], f'* NAMESPACE (("" "{separator}")) NIL NIL'
        )

    @rows(slash=("/", "\uff0f"), dot=(".", "\uff0e"))
    def test_within_a_level(self, separator: str, mark: str) -> None:
        """What has the separator in a level is shown, and can be used, in disguise."""
        house = House(separator=separator)
        inside = [f"a{separator}b", f"a{mark}b"]
        for path in [(inside[0],), (inside[0], "c"), (inside[1],)]:
            now(house.commit(CreateFolder(path)))
        client = house.client("ENABLE IMAP4rev2")
        shown = read(client)
        self.assertEqual(
            shown, [f"a{mark}b", f"a{mark * 2}b", f"a{mark * 2}b{separator}c"]
        )
        for name in shown:
            self.assertIn("OK", client.last(f'STATUS "{name}" (MESSAGES)'))
            self.assertIn("[ALREADYEXISTS]", client.last(f'CREATE "{name}"'))
        self.assertIn("OK", client.last(f'CREATE "{shown[1]}{separator}d"'))
        self.assertIn((inside[0], "d"), stored(house))
        self.assertIn("OK", client.last(f'DELETE "{shown[0]}"'))
        self.assertEqual(read(client)[0], f"a{mark}b")
        self.assertIn("OK", client.last(f'RENAME "{shown[0]}" plain'))
        self.assertEqual(
            stored(house), {("INBOX",), ("plain",), ("plain", "c"), ("plain", "d")}
        )

    @settings(deadline=None, max_examples=60)
    @given(_NAMES, st.sampled_from("/."))
    @threat(108)
    def test_one_folder(self, name: str, separator: str) -> None:
        """Whatever the name and the separator: one mailbox, in one safe place."""
        house = House(separator=separator)
        client = house.client()
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        wire = modified_utf7.encode(quoted).decode()
        made = client.last(f'CREATE "{wire}"')
        boxes = house.account.state.boxes.values()
        stored = {box.name for box in boxes} - {("INBOX",)}
        if "OK" not in made:
            self.assertRegex(made, r"^NO \[(CANNOT|ALREADYEXISTS)\] ")
            self.assertEqual(stored, set())
            return
        places = {folder_directory(path): path for path in stored}
        self.assertEqual(len(places), len(stored))
        for place, path in places.items():
            self.assertRegex(place, rb"\A\.[^/\x00-\x1f\x7f-\xff]*\Z")
            self.assertEqual(folder_name(place), path)
        shown = client.give('LIST "" "*"')[1:-1]
        self.assertEqual(len(shown), len(stored))
        again = client.last(f'CREATE "{wire}"')
        self.assertRegex(again, r"^NO \[ALREADYEXISTS\] ")

    def test_other_separator(self) -> None:
        """A level that has the separator in it is shown with what looks like one."""
        house = House()
        now(house.account.commit([CreateFolder(("a/b",))], request_id=b"other"))
        client = house.client()
        self.assertEqual(names(client), ["a&,w8-b"])
        self.assertIn("OK", client.last("CREATE a/b"))
        self.assertEqual(names(client), ["a", "a/b", "a&,w8-b"])

    @settings(deadline=None, max_examples=60)
    @given(
        st.sets(
            st.lists(
                st.text("a/\uff0f", min_size=1, max_size=3), min_size=1, max_size=3
            ).map(tuple),
            max_size=6,
        )
    )
    @example({("/", "/"), ("/", "\uff0f"), ("\uff0f",)})
    def test_all_reached(self, paths: set[tuple[str, ...]]) -> None:
        """Whatever levels there are: each mailbox is shown once, and found so."""
        house = House()
        for path in paths:
            now(house.commit(CreateFolder(path)))
        client = house.client("ENABLE IMAP4rev2")
        lines = client.give('LIST "" "*"')[1:-1]
        shown = [
            name
            for line, name in zip(lines, read(client), strict=True)
            if "NonExistent" not in line
        ]
        found = {client.give(f'STATUS "{name}" (MAILBOXID)')[0] for name in shown}
        self.assertEqual(len(shown), len(paths))
        self.assertEqual(len({line.split()[-1] for line in found}), len(paths), found)


class QuotaTests(SynchronousTestCase):
    """RFC 9208."""

    def test_limited(self) -> None:
        """STORAGE is in units of 1024 octets."""
        house = House(quota_octets=10_000)
        house.put(body=b"a: b\r\n\r\n" + b"x" * 1500)
        client = house.client()
        quota = '* QUOTA "" (STORAGE 2 9)'
        self.assertEqual(client.give('GETQUOTA ""'), [quota, "OK done"])
        self.assertEqual(
            client.give("GETQUOTAROOT missing"),
            ['* QUOTAROOT missing ""', quota, "OK done"],
        )
        self.assertIn("NO [NONEXISTENT]", client.last("GETQUOTA other"))
        self.assertIn("NO [NOPERM]", client.last('SETQUOTA "" (STORAGE 99)'))

    def test_without_limits(self) -> None:
        """An account without limits has no quota root."""
        client = House().client()
        self.assertEqual(
            client.give("GETQUOTAROOT INBOX"), ["* QUOTAROOT INBOX", "OK done"]
        )
        self.assertIn("NO [NONEXISTENT]", client.last('GETQUOTA ""'))

    @threat(70)
    def test_full(self) -> None:
        """Nothing passes the limit: not APPEND, not COPY; MOVE adds nothing."""
        house = House(quota_octets=1000)
        house.put(body=b"x" * 600)
        client = house.client("CREATE a", "SELECT INBOX")
        self.assertIn("NO [OVERQUOTA]", client.last("COPY 1 a"))
        octets = b"APPEND a {500+}\r\n" + b"x" * 500
        self.assertIn("NO [OVERQUOTA]", client.give_octets(octets)[-1])
        self.assertIn("OK", client.last("MOVE 1 a"))
