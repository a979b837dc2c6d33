"""An import that is killed before any call of the disk, and started again."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from mailapp.moving import intake
from mailapp.moving.journal import Journal
from mailapp.moving.local import LocalSource
from mailapp.storage.files import Files
from tests.contract.store_case import now
from tests.unit.moving.support import ALICE, MovingCase

FROM = "From a@example.net Mon Nov 23 13:05:13 2026\n"
_CHANGES = (
    "create", "write", "fsync", "rename", "link_into", "sync", "sync_directory",
    "unlink", "mkdir", "overwrite", "set_mtime",
)  # fmt: skip


class Fuse:
    """Kills this process at a step."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def burn(self) -> None:
        """A step."""
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def fused_files(fuse: Fuse) -> Files:
    """A disk, each change of which may be the last."""

    def changing(name: str) -> Callable[..., Any]:
        plain = getattr(Files, name)

        def call(self: Files, *arguments: Any) -> Any:
            fuse.burn()
            return plain(self, *arguments)

        return call

    methods = {name: changing(name) for name in _CHANGES}
    made: Files = type("FusedFiles", (Files,), methods)()
    return made


def fused_journal(fuse: Fuse, journal: Journal) -> Journal:
    """A journal that may be the last before and behind each note."""
    for name in ("intend", "settle"):
        plain = getattr(journal, name)

        def call(plain: Callable[..., None], *arguments: Any) -> None:
            fuse.burn()
            plain(*arguments)
            fuse.burn()

        setattr(journal, name, partial(call, plain))
    return journal


class ImportKillTests(MovingCase):
    """Real processes, killed with SIGKILL, over one real folder."""

    def setUp(self) -> None:
        """A Maildir and an mbox file, batches of three messages."""
        super().setUp()
        self.patch(intake, "BATCH_MESSAGES", 3)
        for part in ("cur", "new", "tmp"):
            (self.folder / "source" / part).mkdir(parents=True)
        (self.folder / "source" / "dovecot-keywords").write_text("0 work\n")
        for n in range(4):
            file = self.folder / "source" / "cur" / f"{n}.host:2,Sa"
            file.write_text(f"Subject: {n}\n\n{'x' * 70_000 * (n == 1)}\n")
            os.utime(file, (n, n))
        alike = f"{FROM}Status: R\nSubject: alike\n\n.\n\n" * 4
        (self.folder / "mbox").write_text(alike + f"{FROM}Subject: last\n\n")

    def sources(self) -> list[LocalSource]:
        """Both."""
        paths = (self.folder / "source", self.folder / "mbox")
        return [
            LocalSource(Files(), bytes(path), into)
            for path, into in zip(paths, ((), ("Old", "mbox")), strict=True)
        ]

    def bring_all(self, fuse: Fuse | None = None) -> None:
        """Import both, as a new process does."""
        self.begin(None if fuse is None else fused_files(fuse))
        for source in self.sources():
            if fuse is None:
                self.bring(source)
            else:
                self.bring(source, partial(fused_journal, fuse))

    def killed(self, steps: int) -> bool:
        """A child imports and is killed; False: it came to its end."""
        child = os.fork()
        if not child:
            code = 1
            try:
                self.bring_all(Fuse(steps))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return True
        self.assertEqual(os.WEXITSTATUS(status), 0)
        return False

    def test_kill(self) -> None:
        """Nothing is lost and nothing comes twice, whenever it was."""
        self.bring_all()
        wanted = Counter(self.held())
        self.assertEqual(sum(wanted.values()), 9)
        steps, every = 0, 1 if os.environ.get("MAILAPP_MANY") else 7
        killed = True
        while killed:
            now(self.store.destroy(ALICE))
            self.begin()
            killed = self.killed(steps)
            if steps % 2:
                self.killed(steps // 2)  # and once more
            self.bring_all()
            self.assertEqual(Counter(self.held()), wanted, f"after {steps} steps")
            steps += every
        self.assertGreater(steps, 60)
