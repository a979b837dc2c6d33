"""The checker of the crash tests finds every broken promise."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId
from tests.contract.store_case import now
from tests.crash.ledger import Checker, Ledger, identified, message

COPY = ("1", "alice")


class CheckerTests(SynchronousTestCase):
    """A store with one message that was sent and acknowledged, and what may befall."""

    def setUp(self) -> None:
        """Make the store, the message and the ledger."""
        folder = Path(tempfile.mkdtemp(prefix="mailapp-ledger-"))
        self.addCleanup(shutil.rmtree, folder)
        store = MaildirStore(folder / "mail", inline, clock=Clock())
        now(store.create(AccountId("alice@example.test")))
        self.box = folder / "mail" / "example.test" / "alice"
        self.ledger = Ledger(folder / "ledger")
        self.addCleanup(self.ledger.close)
        self.checker = Checker(folder / "mail", ["alice"])
        self.file = self.put("name", message("1", 300))
        self.ledger.note("sent", [COPY])
        self.ledger.note("acked", [COPY])

    def put(self, name: str, octets: bytes) -> Path:
        """Make a file in ``new``."""
        path = self.box / "new" / name
        path.write_bytes(b"Return-Path: <bob@example.test>\r\n" + octets)
        return path

    def assert_found(self, start: str) -> None:
        """The checker complains of this one thing."""
        found = self.checker.problems(self.ledger.reread())
        self.assertEqual([problem[:3] for problem in found], [start], found)

    def test_good(self) -> None:
        """It has nothing to say of a store that keeps its promises, again and again."""
        for _ in range(2):
            self.assertEqual(self.checker.problems(self.ledger.fates()), [])
        self.assertEqual(self.ledger.fates(), self.ledger.reread())

    def test_lost(self) -> None:
        """A message that was acknowledged and is gone."""
        self.file.unlink()
        self.assert_found("L1:")

    def test_power(self) -> None:
        """What was acknowledged after the power was cut may be lost."""
        then = self.ledger.fates()
        self.ledger.note("sent", [("2", "alice")])
        self.ledger.note("acked", [("2", "alice")])
        found = self.checker.problems(self.ledger.fates(), then=then)
        self.assertEqual(found, [])
        self.assert_found("L1:")

    def test_never_sent(self) -> None:
        """A message that nobody sent."""
        self.put("other", message("2", 300))
        self.assert_found("L2:")

    def test_twice(self) -> None:
        """A second copy, though it was sent once; after two tries there may be two."""
        self.put("other", message("1", 300))
        self.assert_found("L3:")
        self.ledger.note("sent", [COPY])
        self.assertEqual(self.checker.problems(self.ledger.fates()), [])

    def test_refused(self) -> None:
        """A message that was refused and is there all the same."""
        self.ledger.note("sent", [("2", "alice")])
        self.ledger.note("refused", [("2", "alice")])
        self.put("other", message("2", 300))
        self.assert_found("L3:")

    def test_deleted(self) -> None:
        """A message whose deletion was acknowledged and that is still there."""
        self.ledger.note("deleting", [COPY])
        self.assertEqual(self.checker.problems(self.ledger.fates()), [])
        self.ledger.note("deleted", [COPY])
        self.assert_found("L3:")
        next(self.checker.files("alice")).unlink()
        self.assertEqual(self.checker.problems(self.ledger.fates()), [])

    def test_partial(self) -> None:
        """A part of a message, wherever it was cut, and one changed octet."""
        whole = self.file.read_bytes()
        self.assertEqual(identified(whole), "1")
        for cut in range(len(whole)):
            self.assertIsNone(identified(whole[:cut]))
        self.file.unlink()
        self.put("cut", message("1", 300)[:-1])
        found = self.checker.problems(self.ledger.fates())
        self.assertEqual(sorted(problem[:3] for problem in found), ["L1:", "L4:"])

    def test_same_uidl(self) -> None:
        """Two messages under one UIDL."""
        self.put("name,S=1", message("2", 300))
        self.ledger.note("sent", [("2", "alice")])
        self.assert_found("L5:")

    def test_uid_reused(self) -> None:
        """A UID that means another message than it did, or another UIDVALIDITY."""
        self.assertEqual(self.checker.problems(self.ledger.fates()), [])
        self._swap(lambda name: "other" + name[4:])
        self.assert_found("L5:")

    def test_validity(self) -> None:
        """A mailbox that has forgotten its UIDs."""
        self.assertEqual(self.checker.problems(self.ledger.fates()), [])
        (self.box / "mailapp-uids").unlink()
        found = self.checker.problems(self.ledger.fates())
        self.assertIn("L5: alice has another UIDVALIDITY", found)

    def test_leftovers(self) -> None:
        """What lies in tmp is told."""
        self.assertEqual(self.checker.leftovers(), [])
        (self.box / "tmp" / "x").touch()
        self.assertEqual([path.name for path in self.checker.leftovers()], ["x"])

    def _swap(self, renamed: Callable[[str], str]) -> None:
        for file in list(self.checker.files("alice")):
            file.rename(file.parent / renamed(file.name))
