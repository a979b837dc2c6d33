"""The world of a demo: made once, used again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.passwords import read_passwords, write_passwords
from mailapp.app.demo.world import World
from mailapp.auth.hashes import Hashes, stored_form
from mailapp.config.schema import Protocol
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts
from mailapp.net.threads import inline
from mailapp.storage.types import AccountId
from tests.threats import threat

ALICE = AccountId("alice@example.test")
BOB = AccountId("bob@example.test")


class WorldTests(SynchronousTestCase):
    """Folders and accounts."""

    def setUp(self) -> None:
        """An empty folder, and hashes that cost little."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "demo"
        self.hashes = Hashes(inline, memory_kib=64, passes=1)
        self.patch(Hashes, "__init__", _cheap(Hashes.__init__))

    def world(self, **options: Any) -> World:
        """A demo's world in that folder."""
        fields: dict[str, Any] = {
            "domain": "example.test",
            "port_base": 10000,
            "workers": 0,
            **options,
        }
        return World(self.folder, **fields)

    def is_password(self, account: AccountId, password: str) -> bool:
        """Whether the server would take it."""
        accounts = Accounts(self.folder / "accounts.sqlite")
        self.addCleanup(accounts.close)
        verifiers = accounts.verifiers(account)
        octets = stored_form(Secret(password.encode()))
        return verifiers is not None and self.hashes.verify(verifiers.password, octets)

    def set_otherwise(self, account: AccountId, password: str) -> None:
        """Set a password as "mailapp user passwd" does."""
        accounts = Accounts(self.folder / "accounts.sqlite")
        accounts.set_password(account, self.hashes.make(Secret(password.encode())))
        accounts.close()

    def test_new(self) -> None:
        """Two accounts with mailboxes, five messages, nine listeners, one CA."""
        built = self.world().build(Clock())
        self.assertEqual(list(built.accounts), [ALICE, BOB])
        self.assertEqual(
            built.ports,
            {
                "smtp": 10025,
                "submission": 10587,
                "submissions": 10465,
                "lmtp": 10024,
                "pop2": 10109,
                "pop3": 10110,
                "pop3s": 10995,
                "imap": 10143,
                "imaps": 10993,
            },
        )
        mail = self.folder / "mail" / "example.test"
        self.assertEqual(len(list((mail / "alice" / "new").iterdir())), 5)
        self.assertEqual(list((mail / "bob" / "new").iterdir()), [])
        self.assertTrue((self.folder / "ca.pem").exists())
        for account in (ALICE, BOB):
            self.assertTrue(self.is_password(account, built.passwords[account]))

    def test_configuration(self) -> None:
        """It is an ordinary one, for loopback, with the workers that were asked for."""
        configuration = self.world(workers=3).build(Clock()).configuration
        self.assertEqual(configuration.server.directory, self.folder)
        self.assertEqual(configuration.server.workers, 3)
        self.assertEqual(configuration.imap.separator, "/")
        other = self.world(separator=".").build(Clock()).configuration
        self.assertEqual(other.imap.separator, ".")
        self.assertEqual(
            {(x.protocol, x.address) for x in configuration.listeners},
            {(protocol, "127.0.0.1") for protocol in Protocol},
        )

    def test_again(self) -> None:
        """A second start finds passwords, certificates and mail as they were."""
        first = self.world().build(Clock())
        files = ("ca.pem", "server.key", "auth.key", "passwords.txt")
        before = [(self.folder / name).read_bytes() for name in files]
        second = self.world().build(Clock())
        self.assertEqual(first.passwords, second.passwords)
        self.assertEqual(before, [(self.folder / n).read_bytes() for n in files])
        new = self.folder / "mail" / "example.test" / "alice" / "new"
        self.assertEqual(len(list(new.iterdir())), 5)

    def test_wish(self) -> None:
        """A password that is asked for is set, also on an account that is there."""
        self.world().build(Clock())
        built = self.world(named={"alice": "correct horse", "bob": ""}).build(Clock())
        self.assertEqual(built.passwords[ALICE], "correct horse")
        self.assertTrue(self.is_password(ALICE, "correct horse"))
        again = self.world().build(Clock())
        self.assertEqual(again.passwords[ALICE], "correct horse")

    def test_set_by_other_means(self) -> None:
        """A password that was set by other means stays, and none is shown for it."""
        self.world().build(Clock())
        self.set_otherwise(ALICE, "battery staple")
        built = self.world().build(Clock())
        self.assertNotIn(ALICE, built.passwords)
        self.assertIn(BOB, built.passwords)
        self.assertTrue(self.is_password(ALICE, "battery staple"))

    def test_numbered(self) -> None:
        """Numbered accounts share a password, which costs one hash."""
        made: list[object] = []
        make = Hashes.make

        def counted(hashes: Hashes, password: Secret) -> Any:
            made.append(password)
            return make(hashes, password)

        self.patch(Hashes, "make", counted)
        built = self.world(numbered=20).build(Clock())
        self.assertEqual(len(built.accounts), 22)
        self.assertEqual(len(set(built.passwords.values())), 3)
        self.assertEqual(len(made), 3)
        self.assertTrue((self.folder / "mail/example.test/u019/new").is_dir())
        more = self.world(numbered=30).build(Clock())
        self.assertEqual(len(set(more.passwords.values())), 3)

    def test_bad_name(self) -> None:
        """A name that no account may have makes nothing."""
        world = self.world(named={"a/b": "x"})
        self.assertRaises(SyntaxProblem, world.build, Clock())
        self.assertFalse(self.folder.exists())

    @threat(36)
    def test_secrets_are_private(self) -> None:
        """What holds a key or a password is for the owner alone."""
        self.world().build(Clock())
        for name in ("passwords.txt", "server.key", "auth.key", "accounts.sqlite"):
            mode = (self.folder / name).stat().st_mode & 0o777
            self.assertEqual((name, mode), (name, 0o600))


class PasswordFileTests(SynchronousTestCase):
    """The file that remembers passwords."""

    def setUp(self) -> None:
        """A folder."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "passwords.txt"

    def test_round_trip(self) -> None:
        """Spaces and marks of a password survive."""
        passwords = {"a@b.test": "correct horse # battery", "c@d.test": "x"}
        self.assertEqual(read_passwords(self.path), {})
        write_passwords(self.path, passwords)
        self.assertEqual(read_passwords(self.path), passwords)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_nonsense(self) -> None:
        """Lines that say nothing are passed over."""
        self.path.write_text("# a comment\n\nalone\na@b.test x\n")
        self.assertEqual(read_passwords(self.path), {"a@b.test": "x"})


def _cheap(init: Any) -> Any:
    def cheap(self: Hashes, in_thread: Any, **_options: Any) -> None:
        init(self, in_thread, memory_kib=64, passes=1)

    return cheap
