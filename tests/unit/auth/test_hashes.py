"""Tests of mailapp.auth.hashes, passwords, recent and keys."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.hashes import Decoys, check_argon2, stored_form
from mailapp.auth.keys import InstallationKey, KeyProblem, load_key
from mailapp.auth.passwords import check_strength
from mailapp.auth.recent import RecentLogins, Token
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.accounts import NewPassword
from mailapp.directory.types import Account, Verifiers
from mailapp.storage.types import AccountId
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import ALICE, BOB, AuthCase

DIGEST = "$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43


class HashesTests(AuthCase):
    """argon2 and SCRAM."""

    def test_make(self) -> None:
        """What is stored matches the password and no other, and shows neither."""
        made = self.hashes.make(Secret(b"correct horse"))
        self.assertTrue(self.hashes.verify(made.hash, b"correct horse"))
        self.assertFalse(self.hashes.verify(made.hash, b"correct hors"))
        self.assertEqual(check_argon2(made.hash), made.hash)
        self.assertIn("m=8,t=1,p=1", made.hash)
        self.assertEqual(made.scram["SCRAM-SHA-256"].iterations, 10_000)
        other = self.hashes.make(Secret(b"correct horse"))
        self.assertNotEqual(made.hash, other.hash)
        self.assertNotEqual(made.scram, other.scram)
        self.assertNotIn("argon2", repr(made))

    def test_decoy_is_whole(self) -> None:
        """The decoy is a hash like any other, so checking it takes as long."""
        self.assertEqual(check_argon2(self.hashes._decoy), self.hashes._decoy)
        self.assertFalse(self.hashes.verify(self.hashes._decoy, b""))

    def test_garbage(self) -> None:
        """What is no hash matches nothing."""
        for stored in ("", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$!$!"):
            self.assertFalse(self.hashes.verify(stored, b"x"))

    def test_scram_only(self) -> None:
        """An account that was imported with a SCRAM verifier takes passwords, too."""
        made = self.hashes.make(Secret(b"correct horse"))
        self.accounts.set_password(ALICE, NewPassword("", made.scram))
        self.assertEqual(self.account_of(self.login(b"alice", b"correct horse")), ALICE)
        self.assertEqual(self.thread.calls, 1)

    def test_no_password(self) -> None:
        """An account without any password lets nobody in."""
        self.accounts.set_password(ALICE, NewPassword(""))
        for password in (b"", b"x"):
            found = self.accounts.verifiers(ALICE)
            self.assertFalse(self.now(self.hashes.matches(found, password)))


@tabled
class ImportedTests(SynchronousTestCase):
    """Hashes from elsewhere."""

    @rows(
        ours="$argon2id$v=19$m=19456,t=2,p=1" + DIGEST,
        argon2i="$argon2i$v=19$m=4096,t=3,p=4" + DIGEST,
    )
    def test_accepted(self, text: str) -> None:
        """Argon2 of any kind."""
        self.assertEqual(check_argon2(text), text)

    @rows(
        empty="",
        bcrypt="$2b$12$abcdefghijklmnopqrstuv",
        old="$argon2id$v=16$m=19456,t=2,p=1" + DIGEST,
        memory_bomb="$argon2id$v=19$m=4194304,t=2,p=1" + DIGEST,
        time_bomb="$argon2id$v=19$m=19456,t=999,p=1" + DIGEST,
        lane_bomb="$argon2id$v=19$m=19456,t=2,p=255" + DIGEST,
        no_digest="$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$",
        line_end="$argon2id$v=19$m=19456,t=2,p=1" + DIGEST + "\n",
    )
    def test_refused(self, text: str) -> None:
        """Nothing else, and none that makes a login an attack."""
        self.assertRaises(SyntaxProblem, check_argon2, text)


@tabled
class PasswordTests(SynchronousTestCase):
    """Which passwords are stored."""

    @rows(
        empty=b"",
        too_long=b"x" * 1025,
        not_utf8=b"\xff\xfe" * 8,
        control=b"pass\x07word",
        nul=b"pass\0word",
        unassigned="\U0001f600".encode() * 8,
    )
    def test_form(self, password: bytes) -> None:
        """What can't be typed or sent everywhere is refused, unquoted."""
        with self.assertRaises(SyntaxProblem) as caught:
            stored_form(Secret(password))
        self.assertIn("password", caught.exception.reason)

    @rows(
        good=("correct horse", True),
        long_digits=("8274619305", True),
        umlauts=("äöüßäöü!", True),
        short=("x7!kQ2z", False),
        common=("Password123", False),
        repeated=("aaaaaaaaaa", False),
        two=("abababababab", False),
        name=("alice@example.test", False),
        user_and_digits=("alice12345", False),
        twice=("alicealice", False),
        domain=("example.test", False),
    )
    def test_strength(self, password: str, good: bool) -> None:  # noqa: FBT001
        """What is guessed first is refused."""
        secret = Secret(password.encode())
        if good:
            check_strength(secret, ALICE)
        else:
            self.assertRaises(SyntaxProblem, check_strength, secret, ALICE)


class RecentLoginsTests(SynchronousTestCase):
    """The table of recent good logins."""

    def verifiers(self, name: str = ALICE, version: int = 1) -> Verifiers:
        """An account in a version."""
        return Verifiers(Account(AccountId(name)), version)

    @settings(deadline=None)
    @given(
        *[st.tuples(st.text(max_size=3), st.integers(0, 99), st.binary(max_size=3))] * 2
    )
    @threat(46)
    def test_injective(
        self, one: tuple[str, int, bytes], other: tuple[str, int, bytes]
    ) -> None:
        """No two of account, version and password share an entry."""
        recent = RecentLogins(b"key", 60.0)
        tokens = [recent.token(self.verifiers(n, v), p) for n, v, p in (one, other)]
        self.assertEqual(tokens[0] == tokens[1], one == other)

    def test_limit(self) -> None:
        """The oldest goes first."""
        recent = RecentLogins(b"key", 60.0, limit=2)
        tokens = [recent.token(self.verifiers(version=v), b"x") for v in range(3)]
        for token in tokens:
            recent.add(token, 0.0)
        self.assertEqual([recent.has(t, 1.0) for t in tokens], [False, True, True])

    @threat(46)
    def test_told(self) -> None:
        """Another process learns digests, and not the password; a change ends them."""
        told: list[Token] = []
        here = RecentLogins(b"key", 60.0, observe=told.append)
        there = RecentLogins(b"key", 60.0)
        token = here.token(self.verifiers(), b"secret password")
        here.add(token, 0.0)
        (heard,) = told
        self.assertNotIn(b"secret", heard.octets)
        there.heard(heard, 0.0)
        self.assertTrue(there.has(token, 1.0))
        changed = there.token(self.verifiers(version=7), b"secret password")
        self.assertFalse(there.has(changed, 1.0))
        self.assertFalse(there.has(token, 60.0))

    def test_none(self) -> None:
        """With no lifetime every login is checked in full."""
        recent = RecentLogins(b"key", 0.0)
        token = recent.token(self.verifiers(), b"x")
        recent.add(token, 5.0)
        self.assertFalse(recent.has(token, 5.0))

    def test_keyed(self) -> None:
        """Another server has another key."""
        one, other = (
            RecentLogins(key, 60.0).token(self.verifiers(), b"x")
            for key in (b"a", b"b")
        )
        self.assertNotEqual(one, other)


class DecoyTests(SynchronousTestCase):
    """Verifiers of names that do not exist."""

    @threat(40)
    def test_stable(self) -> None:
        """The same at every try on this installation, and different on another."""
        decoys = Decoys(b"key", 10_000)
        self.assertEqual(decoys.verifier("x"), decoys.verifier("x"))
        self.assertNotEqual(decoys.verifier("x").salt, decoys.verifier("y").salt)
        other = Decoys(b"other key", 10_000)
        self.assertNotEqual(decoys.verifier("x").salt, other.verifier("x").salt)


class KeyTests(SynchronousTestCase):
    """The installation's key."""

    def setUp(self) -> None:
        """A place for it."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "auth.key"

    def test_made_once(self) -> None:
        """The first one is made and kept, private, with nothing left beside it."""
        one, other = load_key(self.path), load_key(self.path)
        self.assertEqual(one.derive(b"x"), other.derive(b"x"))
        self.assertNotEqual(one.derive(b"x"), one.derive(b"y"))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    @threat(36)
    def test_refused(self) -> None:
        """One that others may read, or that is damaged, is refused."""
        load_key(self.path)
        self.path.chmod(0o640)
        self.assertRaises(KeyProblem, load_key, self.path)
        self.path.chmod(0o600)
        self.path.write_bytes(b"short")
        self.assertRaises(KeyProblem, load_key, self.path)

    @settings(deadline=None, max_examples=50)
    @given(st.binary(max_size=40), st.binary(max_size=60))
    @threat(50)
    def test_seal(self, secret: bytes, garbage: bytes) -> None:
        """What is sealed for one account opens for it alone, and garbage never."""
        key = InstallationKey(Secret(b"k" * 32))
        sealed = key.seal(Secret(secret), ALICE)
        opened = key.unseal(sealed, ALICE)
        assert opened is not None
        self.assertEqual(opened.reveal(), secret)
        self.assertIsNone(key.unseal(sealed, BOB))
        self.assertIsNone(InstallationKey(Secret(b"l" * 32)).unseal(sealed, ALICE))
        self.assertIsNone(key.unseal(garbage, ALICE))
