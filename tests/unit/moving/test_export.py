"""Tests of the way out: what is exported is what comes back."""

from __future__ import annotations

import mailbox
import os

from mailapp.moving.local import LocalSource
from mailapp.moving.maildir_target import MaildirTarget
from mailapp.moving.mbox_target import MboxTarget
from mailapp.moving.outlet import Given, Outlet, Target
from mailapp.moving.types import MoveProblem
from mailapp.storage.files import Files
from mailapp.storage.types import (
    INBOX,
    UID,
    AccountId,
    Append,
    CreateFolder,
    Expunge,
    FolderId,
)
from tests.contract.store_case import now
from tests.unit.moving.support import MovingCase, Silent

BOB = AccountId("bob@example.test")
NAMES = (
    ("INBOX",), ("A", "b.c"), ("A/b",), ("mbox",), ("alice",), ("x.mbox",),
    ("x.sbd", "y"), (".dot",), ("&-", "Entwürfe"), ("INBOX", "below"), ("Müll & Co",),
)  # fmt: skip
TEXTS = (
    b"Subject: x\r\n\r\nFrom me\r\n>From you\r\n",
    b"",
    b"no line end",
    b"From the first line\r\n\r\r\n\r\n\r\n",
    b"Status: RO\r\nContent-Length: 3\r\n\r\na\0b\rc\xff\r\n",
    b"y" * 300_000 + b"\r\nFrom " + b"z" * 300_000 + b"\r\n",
)
FLAGS = frozenset({"\\Seen", "\\Flagged", "$Forwarded", "work", "$MDNSent"})


class ExportTests(MovingCase):
    """A store, exported and imported again."""

    def fill(self, name: tuple[str, ...]) -> FolderId:
        """Make a mailbox with all kinds of messages."""
        found = now(self.account.find(name))
        if found is None:
            now(
                self.account.commit(
                    [CreateFolder(name)],
                    request_id=b"make/%d" % len(name) + repr(name).encode(),
                )
            )
            found = now(self.account.find(name))
        assert found is not None
        appends = []
        texts = TEXTS if name == INBOX else TEXTS[:2]
        for n, text in enumerate(texts):
            sink = self.account.stage()
            now(sink.write(text))
            flags = FLAGS if n % 2 else frozenset[str]()
            appends.append(Append(found, now(sink.done()), flags, n * 715_827_882))
        now(self.account.commit(appends, request_id=repr((name, "fill")).encode()))
        return found

    def export(self, target: Target, *wanted: tuple[str, ...]) -> Given:
        """Export it."""
        given = Given()
        now(Outlet(self.account, target, Silent(), given).run(wanted))
        return given

    def target(self, form: str) -> Target:
        """A new folder."""
        path = self.folder / form
        path.mkdir()
        if form == "mbox":
            return MboxTarget(Files(), bytes(path))
        return MaildirTarget(Files(), bytes(path), b"1800000000.P7.mailapp")

    def bring_back(self, form: str) -> None:
        """Import it into another account."""
        self.account = now(self.store.create(BOB))
        self.bring(LocalSource(Files(), os.fsencode(self.folder / form), user="alice"))

    def test_round_trip(self) -> None:
        """Octets, flags, keywords, dates, names and subscriptions come back."""
        for name in NAMES:
            self.fill(name)
        now(self.account.marks.subscribe(("A", "b.c"), on=True))
        now(self.account.marks.subscribe(("gone",), on=True))
        before = self.held()
        account = self.account
        for form in ("mbox", "maildir"):
            given = self.export(self.target(form))
            self.assertEqual(given.exported, len(before))
            self.assertEqual(given.octets, sum(len(held[1]) for held in before))
            self.bring_back(form)
            self.assertEqual(self.held(), before)
            noted = now(self.account.marks.read())
            if form == "maildir":
                self.assertEqual(noted.subscribed, {("A", "b.c")})
            now(self.store.destroy(BOB))
            self.account = account

    def test_some(self) -> None:
        """One mailbox and what is below it; one that is not there is told."""
        for name in NAMES:
            self.fill(name)
        self.export(self.target("mbox"), ("A",))
        files = sorted(os.listdir(self.folder / "mbox"))
        self.assertEqual(files, ["A"])
        with self.assertRaisesRegex(MoveProblem, "no mailbox B"):
            self.export(self.target("maildir"), ("B",))

    def test_removed_meanwhile(self) -> None:
        """What is removed while it is copied is left out, whole."""
        folder = self.fill(("INBOX",))
        case = self

        class Removing(MboxTarget):
            """Somebody else removes a message before the first is copied."""

            def box(self, name, keywords):  # type: ignore[no-untyped-def]
                """See MboxTarget."""
                change = Expunge(folder, [UID(3), UID(6)])
                now(case.account.commit([change], request_id=b"expunge"))
                return super().box(name, keywords)

        path = self.folder / "mbox"
        path.mkdir()
        given = self.export(Removing(Files(), bytes(path)))
        self.assertEqual((given.exported, given.gone), (4, 2))
        left = self.held()
        self.bring_back("mbox")
        self.assertEqual(self.held(), left)

    def test_python(self) -> None:
        """Python's mailbox module reads both, with flags."""
        self.fill(("INBOX",))
        self.export(self.target("mbox"))
        self.export(self.target("maildir"))
        box = mailbox.mbox(self.folder / "mbox" / "INBOX.mbox")
        self.assertEqual(
            [m.get_flags() for m in box], ["O", "ROF", "O", "ROF", "O", "ROF"]
        )
        box.close()
        folder = mailbox.Maildir(self.folder / "maildir")
        flags = sorted(m.get_flags() for m in folder)
        self.assertEqual(flags, ["", "", "", "FPSabc", "FPSabc", "FPSabc"])
