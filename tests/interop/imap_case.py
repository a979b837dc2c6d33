"""What the tests with IMAP clients share: a server, folders with mail, and a look in.

Each test works in folders of its own, which begin with its name, so one server and one
account do for all of them.
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import re
import shutil
import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from attrs import frozen

from tests.interop.client_case import ClientCase
from tests.interop.demo import PASSWORD
from tests.interop.mixed import make_message, number_of
from tests.interop.served import Served, Setup, start

LETTERS: Final = {
    r"\Draft": "D",
    r"\Flagged": "F",
    "$Forwarded": "P",
    r"\Answered": "R",
    r"\Seen": "S",
    r"\Deleted": "T",
}
_UID: Final = re.compile(rb"UID ([0-9]+)")
_FLAGS: Final = re.compile(rb"FLAGS \(([^)]*)\)")
_INFO: Final = re.compile(r":2,([A-Za-z]*)$")


@frozen
class Held:
    """A message as a mailbox has it.

    Attributes:
        uid: of IMAP.
        letters: its flags as a Maildir has them, sorted.
        keywords: all other flags.
    """

    uid: int
    letters: str
    keywords: frozenset[str]


class ImapCase(ClientCase):
    """One server for a class.

    Attributes:
        setup: how it is started.
    """

    setup: ClassVar[Setup] = Setup()
    server: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        """Start it."""
        cls.server = start(cls.setup)

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it; whatever clients did, it has met no bug of its own."""
        served: Served = cls.server
        served.stop()
        shutil.rmtree(served.data, ignore_errors=True)
        if "Traceback" in served.log:
            raise AssertionError(served.log[-20_000:])

    def setUp(self) -> None:
        """Think of a name for the folders."""
        super().setUp()
        self.name = self.id().rpartition("_")[2].title()

    # ---- the server's side

    def imap(self) -> imaplib.IMAP4_SSL:
        """Alice at her mailboxes."""
        client = imaplib.IMAP4_SSL(
            "localhost",
            self.server.port("imaps"),
            ssl_context=ssl.create_default_context(cafile=str(self.server.ca)),
            timeout=30,
        )
        self.addCleanup(client.sock.close)
        client.login("alice", PASSWORD)
        return client

    def create(self, *folders: str) -> None:
        """Make mailboxes."""
        client = self.imap()
        for folder in folders:
            self.ok(client.create(folder))
            self.ok(client.subscribe(folder))
        client.logout()

    def ok(self, answer: tuple[str, list[Any]]) -> list[Any]:
        """What the server said, if it said OK."""
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def directory(self, folder: str) -> Path:
        """Where a mailbox lies: Maildir++."""
        name = "" if folder == "INBOX" else "." + folder.replace("/", ".")
        return Path(self.server.maildir("alice")) / name

    def bring(self, folder: str, numbers: Iterable[int]) -> None:
        """Deliver into a mailbox as any other program does."""
        put(self.directory(folder), numbers)

    def held(self, folder: str) -> dict[int, Held]:
        """What IMAP finds there: each message once."""
        client = self.imap()
        try:
            self.ok(client.select(folder, readonly=True))
            return self.look(client)
        finally:
            client.logout()

    def look(self, client: imaplib.IMAP4) -> dict[int, Held]:
        """What a client finds in the mailbox that it has selected."""
        found: dict[int, Held] = {}
        fields = "(UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Number)])"
        for item in self.ok(client.fetch("1:*", fields)):
            if not isinstance(item, tuple):
                continue
            # the flags may stand before or after the literal
            uid, flags = _UID.search(item[0]), _FLAGS.search(item[0])
            assert uid is not None, item
            assert flags is not None, item
            words = flags[1].decode().split()
            number = number_of(item[1])
            self.assertNotIn(number, found)
            found[number] = Held(
                int(uid[1]),
                "".join(sorted(LETTERS[word] for word in words if word in LETTERS)),
                frozenset(words) - LETTERS.keys() - {r"\Recent"},
            )
        return found

    def assert_uids_kept(
        self, before: Mapping[int, Held], after: Mapping[int, Held]
    ) -> None:
        """Who is still there has its UID, and who came has a later one."""
        last = max((held.uid for held in before.values()), default=0)
        for number, held in after.items():
            if number in before:
                self.assertEqual(held.uid, before[number].uid, number)
            else:
                self.assertGreater(held.uid, last, number)
        self.assertEqual(len({held.uid for held in after.values()}), len(after))


# ---- Maildirs, whoever made them


def put(box: Path, numbers: Iterable[int], letters: str = "") -> None:
    """Deliver into a Maildir; with flags, into ``cur``."""
    for name in ("cur", "new", "tmp"):
        (box / name).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        name = f"{int(time.time())}.M{number:06}P{os.getpid()}.test"
        (box / "tmp" / name).write_bytes(make_message(number))
        end = box / ("cur" if letters else "new")
        for path in (box / "tmp" / name, box):
            with contextlib.suppress(PermissionError):
                shutil.chown(path, box.stat().st_uid, box.stat().st_gid)
        (box / "tmp" / name).rename(end / (f"{name}:2,{letters}" if letters else name))


def files_of(box: Path) -> dict[int, Path]:
    """The file of each message.

    Raises:
        AssertionError: one is there twice.
    """
    found: dict[int, Path] = {}
    for path in [*box.glob("new/*"), *box.glob("cur/*")]:
        number = number_of(path.read_bytes())
        if number in found:
            msg = f"{path} and {found[number]} are the same"
            raise AssertionError(msg)
        found[number] = path
    return found


def letters_of(path: Path) -> str:
    """The flags of a file, sorted."""
    info = _INFO.search(path.name)
    return "".join(sorted(info[1])) if info else ""


def mark(path: Path, letters: str) -> None:
    """Give a file these flags, as another program does."""
    base = path.name.partition(":")[0]
    path.rename(path.parent.parent / "cur" / f"{base}:2,{letters}")
