"""Tests of mailapp.auth.realm."""

from __future__ import annotations

from typing import Any

from zope.interface import Interface
from zope.interface.verify import verifyObject

from mailapp.auth.interfaces import (
    IMailboxAvatar,
    IMaildropAvatar,
    ISubmitterAvatar,
)
from mailapp.directory.resolve import alias_address
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import ALICE, BOB, AuthCase


@tabled
class RealmTests(AuthCase):
    """Avatars."""

    def avatar(self, interface: type[Interface]) -> Any:
        """Alice's."""
        realm = self.authentication.portal.realm
        found: Any = realm.requestAvatar(ALICE.encode(), None, interface)
        given, avatar, logout = found
        self.assertIs(given, interface)
        logout()
        return avatar

    @rows(mailbox=IMailboxAvatar, maildrop=IMaildropAvatar, submitter=ISubmitterAvatar)
    def test_interfaces(self, interface: type[Interface]) -> None:
        """Each is what it says, and no more than was asked for."""
        avatar = self.avatar(interface)
        verifyObject(interface, avatar)
        self.assertEqual(avatar.account_id, ALICE)
        others = {IMailboxAvatar, IMaildropAvatar, ISubmitterAvatar} - {interface}
        for other in others:
            self.assertFalse(other.providedBy(avatar))

    def test_nobody(self) -> None:
        """Without a login, or for an unknown interface, there is no avatar."""
        realm = self.authentication.portal.realm
        for who, interface in (((), IMailboxAvatar), (ALICE.encode(), Interface)):
            with self.assertRaises(NotImplementedError):
                realm.requestAvatar(who, None, interface)

    def test_open(self) -> None:
        """The first login makes the account's storage, later ones find it."""
        for interface in (IMailboxAvatar, IMaildropAvatar):
            account = self.now(self.avatar(interface).open())
            self.assertEqual(len(self.now(account.folders())), 1)

    @threat(48)
    def test_still_valid(self) -> None:
        """A session learns that its account was disabled or removed."""
        avatar = self.avatar(IMaildropAvatar)
        self.assertTrue(self.now(avatar.still_valid()))
        self.accounts.set_enabled(ALICE, enabled=False)
        self.assertFalse(self.now(avatar.still_valid()))
        self.accounts.set_enabled(ALICE, enabled=True)
        self.assertTrue(self.now(avatar.still_valid()))
        self.accounts.remove(ALICE)
        self.assertFalse(self.now(avatar.still_valid()))

    def test_trouble_ends_no_session(self) -> None:
        """A directory that can't be read ends nobody's session."""
        avatar = self.avatar(IMaildropAvatar)
        self.accounts.close()
        self.assertTrue(self.now(avatar.still_valid()))

    @rows(
        own=("alice@example.test", True),
        own_case=("Alice@EXAMPLE.test", True),
        subaddress=("alice+list@example.test", True),
        alias=("info@example.test", True),
        shared=("team@example.test", False),
        other=("bob@example.test", False),
        unknown=("carol@example.test", False),
        elsewhere=("alice@example.org", False),
        no_address=("alice", False),
        header_injection=("alice@example.test\r\nBcc: x@y", False),
        surrogate=("\ud800@example.test", False),
        empty=("", False),
    )
    @threat(28)
    def test_may_send_as(self, address: str, expected: bool) -> None:  # noqa: FBT001
        """An account sends as what comes to it, and to nobody else (threat 28)."""
        self.accounts.add_alias(alias_address("info@example.test"), [ALICE])
        self.accounts.add_alias(alias_address("team@example.test"), [ALICE, BOB])
        avatar = self.avatar(ISubmitterAvatar)
        self.assertEqual(self.now(avatar.may_send_as(address)), expected)
