"""Tests of app passwords, from the accounts file to the avatar."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mailapp.auth import app_passwords
from mailapp.auth.interfaces import ISubmitterAvatar, LoggedIn
from mailapp.core.secret import Secret
from mailapp.directory.app_passwords import (
    AppPasswordExists,
    AppPasswordTable,
    NoSuchAppPassword,
)
from mailapp.directory.tables import NoSuchAccount
from mailapp.directory.types import AppPassword
from mailapp.storage.types import AccountId
from tests.threats import threat
from tests.unit.auth.support import ALICE, BAD, BOB, SAFE, AuthCase

PHONE = app_passwords.generate(lambda octets: b"p" * octets)


class AppPasswordTests(AuthCase):
    """Alice has one for her phone."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        self.uses: list[tuple[AccountId, str]] = []
        self.table = AppPasswordTable(self.path)
        self.add("phone", PHONE)
        self.authentication = evolve(self.authentication, note_use=self.note)
        self.authenticator = self.authentication.authenticator(ISubmitterAvatar)

    def note(self, account: AccountId, app_password: AppPassword) -> None:
        """Write down a use."""
        self.uses.append((account, app_password.label))

    def add(self, label: str, password: Secret, account: AccountId = ALICE) -> None:
        """One more."""
        digest = app_passwords.digest(self.key, account, password.reveal())
        assert digest is not None
        self.table.add(account, label, digest, 5.0)

    def enter(self) -> Any:
        """Log in with it; the avatar."""
        result = self.login(ALICE.encode(), PHONE.reveal())
        assert isinstance(result, LoggedIn), result
        return result.avatar

    def test_login(self) -> None:
        """It opens the account without an argon2 check, and the use is told."""
        self.assertEqual(self.enter().account_id, ALICE)
        self.assertEqual(self.thread.calls, 0)
        self.assertEqual(self.uses, [(ALICE, "phone")])

    def test_main_password(self) -> None:
        """The main password goes on to work, and is no app password."""
        self.account_of(self.login(ALICE.encode()))
        self.assertEqual(self.uses, [])
        self.assertEqual(self.thread.calls, 1)

    @threat(39, 46)
    def test_others(self) -> None:
        """It opens no other account, not even one with the same digits."""
        self.assertEqual(self.login(BOB.encode(), PHONE.reveal()), BAD)
        self.add("phone", app_passwords.generate(), BOB)
        self.assertEqual(self.login(BOB.encode(), PHONE.reveal()), BAD)
        self.assertEqual(self.uses, [])

    @threat(41)
    def test_authzid(self) -> None:
        """It lets nobody act as somebody else."""
        exchange: Any = self.authenticator.exchange("PLAIN", SAFE)
        response = b"%b\0%b\0%b" % (BOB.encode(), ALICE.encode(), PHONE.reveal())
        self.assertEqual(self.now(exchange.respond(response)), BAD)

    @threat(48)
    def test_removed(self) -> None:
        """Once removed, it opens nothing, and what it opened is no longer welcome."""
        avatar = self.enter()
        main: Any = self.login(ALICE.encode())
        self.assertTrue(self.now(avatar.still_valid()))
        self.table.remove(ALICE, "phone")
        self.assertFalse(self.now(avatar.still_valid()))
        self.assertTrue(self.now(main.avatar.still_valid()))
        self.assertEqual(self.login(ALICE.encode(), PHONE.reveal()), BAD)

    @threat(48)
    def test_replaced(self) -> None:
        """A new one of the same label does not revive old sessions."""
        avatar = self.enter()
        self.table.remove(ALICE, "phone")
        self.add("phone", app_passwords.generate())
        self.assertFalse(self.now(avatar.still_valid()))

    @threat(48)
    def test_disabled(self) -> None:
        """A disabled account is closed to app passwords too."""
        avatar = self.enter()
        self.accounts.set_enabled(ALICE, enabled=False)
        self.assertFalse(self.now(avatar.still_valid()))
        self.assertEqual(self.login(ALICE.encode(), PHONE.reveal()), BAD)

    def test_account_removed(self) -> None:
        """They go with their account."""
        self.accounts.remove(ALICE)
        with self.assertRaises(NoSuchAccount):
            self.table.remove(ALICE, "phone")
        self.accounts.add([(ALICE, self.hashes.make(Secret(b"another")))], now=1)
        found = self.accounts.verifiers(ALICE)
        assert found is not None
        self.assertEqual(found.app_passwords, ())

    def test_labels(self) -> None:
        """A label is there once; what is not there can't be removed."""
        with self.assertRaises(AppPasswordExists):
            self.add("phone", app_passwords.generate())
        with self.assertRaises(NoSuchAppPassword):
            self.table.remove(ALICE, "tablet")

    def test_used(self) -> None:
        """The day of the last use is kept, and good logins stay good."""
        before = self.accounts.verifiers(ALICE)
        self.table.mark_used(ALICE, "phone", 86_400.5)
        after = self.accounts.verifiers(ALICE)
        assert before is not None
        assert after is not None
        self.assertEqual(after.app_passwords[0].used_at, 86_400)
        self.assertEqual(after.version, before.version)

    def test_generated(self) -> None:
        """120 bits, all of them from the source of randomness."""
        self.assertEqual(PHONE.reveal().replace(b"-", b"").decode(), "obyha4dq" * 3)
        self.assertEqual(len(b64decode("cHBwcHBwcHBwcHBwcHBw")), 15)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=40))
    def test_any_octets(self, octets: bytes) -> None:
        """Whatever is sent as a password: no app password, and no exception."""
        found = app_passwords.digest(self.key, ALICE, octets)
        plain = octets.translate(None, b"- ")
        self.assertEqual(
            found is not None,
            len(plain) == 24
            and plain.isalnum()
            and not set(plain.lower()) & set(b"0189"),
        )
