"""Distribution lists in mailapp.directory."""

from __future__ import annotations

from mailapp.core.address import Address, parse_address
from mailapp.directory.accounts import Accounts
from mailapp.directory.owners import owns
from mailapp.directory.types import (
    Expanded,
    ListSettings,
    MailingList,
    Posting,
    Resolution,
    Unknown,
)
from mailapp.net.steps import finish
from mailapp.storage.types import AccountId
from tests.rows import rows, tabled
from tests.unit.directory.test_resolve import DirectoryCase, brief

OWNER = Address("alice", "example.test")
TEAM = Address("team", "example.test")
MEMBERS = ("bob@example.test", "x@elsewhere.test")


@tabled
class ListTests(DirectoryCase):
    """An alias with an owner is a list."""

    def setUp(self) -> None:
        """The team: bob, and x elsewhere; alice owns it."""
        super().setUp()
        self.settings = ListSettings(OWNER, Posting.MEMBERS, "The team")
        self.accounts.add_alias("team@example.test", MEMBERS)
        self.accounts.set_list("team@example.test", self.settings)

    def meaning(self, text: str) -> Resolution:
        """What the address means."""
        return finish(self.directory.resolve(parse_address(text.encode())))

    def found(self, text: str = "team@example.test") -> MailingList:
        """The only list that it leads to."""
        resolution = self.meaning(text)
        assert isinstance(resolution, Expanded), resolution
        [found] = resolution.lists
        return found

    def test_list(self) -> None:
        """A list is found with all that it is, and none of its members resolved."""
        members = tuple(parse_address(member.encode()) for member in MEMBERS)
        expected = MailingList(TEAM, OWNER, members, Posting.MEMBERS, "The team")
        self.assertEqual(expected, self.found())
        self.assertEqual(expected, self.found("TEAM+x@example.test"))
        self.assertEqual("team-bounces@example.test", str(expected.bounces))

    @rows(
        bounces="team-bounces",
        owner="Team-Owner",
        request="team-request",
        detail="alice",
    )
    def test_owner(self, name: str) -> None:
        """The addresses around a list are its owner's (RFC 2142, section 6)."""
        self.assertEqual(
            "alice@example.test", brief(self.meaning(f"{name}@example.test"))
        )

    @rows(no_role="team-other", no_list="bob-bounces", bare="-bounces")
    def test_no_owner(self, name: str) -> None:
        """Other addresses with such a tail are nobody's."""
        self.assertIsInstance(self.meaning(f'"{name}"@example.test'), Unknown)

    def test_explicit(self) -> None:
        """What the administrator gives to somebody else is somebody else's."""
        self.accounts.add_alias("team-request@example.test", ["bob@example.test"])
        found = brief(self.meaning("team-request@example.test"))
        self.assertEqual("bob@example.test", found)

    def test_in_alias(self) -> None:
        """An alias may lead to a list, and to more."""
        targets = ["team@example.test", "bob@example.test"]
        self.accounts.add_alias("all@example.test", targets)
        resolution = self.meaning("all@example.test")
        self.assertEqual("bob@example.test", brief(resolution))
        self.assertEqual(TEAM, self.found("all@example.test").address)

    def test_nested(self) -> None:
        """A list may have itself or another list as a member: they are only names."""
        self.accounts.add_alias("team@example.test", ["team@example.test"])
        self.assertIn(TEAM, self.found().members)

    def test_empty(self) -> None:
        """A list without members is a list; without its settings it is an alias."""
        self.accounts.remove_targets("team@example.test", MEMBERS)
        self.assertEqual((), self.found().members)
        self.assertTrue(self.accounts.remove_alias("team@example.test"))
        self.assertEqual({}, self.accounts.lists())
        self.assertIsInstance(self.meaning("team@example.test"), Unknown)

    def test_other_process(self) -> None:
        """What another process changes shows at the next call."""
        other = Accounts(self.path)
        self.addCleanup(other.close)
        self.found()
        other.set_list("team@example.test", ListSettings(OWNER, title="New"))
        self.assertEqual("New", self.found().title)

    def test_owned_by_nobody(self) -> None:
        """No single account may send in a list's name, also not through an alias."""
        account = AccountId("bob@example.test")
        self.accounts.add_alias("both@example.test", ["team@example.test", account])
        for text in ("team@example.test", "both@example.test"):
            address = parse_address(text.encode())
            self.assertFalse(finish(owns(self.directory, account, address)))
