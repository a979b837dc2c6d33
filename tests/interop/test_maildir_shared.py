"""Other programs work on the very files that the server serves at the same time.

Nothing is lost or doubled, everybody sees what the others do, and UIDs stay.
"""

from __future__ import annotations

import imaplib
import os
import shlex
import shutil
import subprocess
import threading
from pathlib import Path
from typing import ClassVar, Final

from twisted.trial.unittest import SkipTest

from tests.interop.imap_case import Held, ImapCase, files_of, letters_of
from tests.interop.mail_keys import AtMutt, expected, keys, saved
from tests.interop.mixed import make_message
from tests.interop.served import Setup, wait_for
from tests.interop.terminal import Terminal

_IMAP: Final = Path("/usr/lib/dovecot/imap")
_DOVECOT: Final = """\
mail_location = maildir:{maildir}
namespace inbox {{
  inbox = yes
  separator = /
}}
log_path = {log}
base_dir = {folder}/run
mail_home = {folder}
ssl = no
first_valid_uid = 1
"""


def not_root() -> tuple[str, ...]:
    """What makes a command believe that it is not run by root; Dovecot won't be.

    Raises:
        SkipTest: that can't be done.
    """
    if os.geteuid() != 0:
        return ()
    words = ("unshare", "--map-user=65534", "--map-group=65534")
    if shutil.which(words[0]) is None or subprocess.call([*words, "true"]):  # noqa: S603 - a fixed command
        raise SkipTest("Dovecot refuses root, and user namespaces can't be made")
    return words


class SharedTests(AtMutt, ImapCase):
    """A person at a terminal, or Dovecot, on the Maildir, and others by IMAP."""

    setup: ClassVar = Setup(workers=2)

    def setUp(self) -> None:
        """Say where Dovecot writes."""
        super().setUp()
        self.log = self.folder / "dovecot.log"

    def sort_mail(self, program: str) -> None:
        """Each changes what the other does not; both see all of it."""
        folder = f"{self.name}/Saved"
        self.create(self.name, folder)
        self.bring(self.name, range(1, 12))
        client = self.imap()
        self.ok(client.select(self.name))
        before = self.look(client)
        copy = self.folder / "copy"
        rc = self.write(
            "muttrc",
            f"set folder={self.folder}\n" + keys(str(self.directory(folder)), copy),
        )
        command = [program, "-n", "-F", rc, "-f"]
        with Terminal([*command, str(self.directory(self.name))], self.folder) as t:
            t.wait_for("words 11")
            self.ok(client.store("8", "+FLAGS", r"(\Answered $Label1)"))
            self.ok(client.store("11", "+FLAGS", r"(\Deleted)"))
            self.ok(client.expunge())
            self.bring(self.name, [12])
            self.ok(client.append(self.name, "", "", make_message(13)))
            t.type("Z")
            t.finish()
        want = expected() | {8: "R", 10: "", 12: "", 13: ""}
        after = self.held(self.name)
        self.ok(client.noop())
        self.assertEqual(self.look(client), after)
        self.assertEqual({n: held.letters for n, held in after.items()}, want)
        self.assertEqual(after[8].keywords, {"$Label1"})
        self.assert_uids_kept(before, after)
        self.assertEqual(sorted(files_of(self.directory(self.name))), sorted(after))
        self.assertEqual(sorted(self.held(folder)), saved())
        self.assertEqual(list(files_of(copy)), [6])

    # ---- Dovecot: its imap on a pipe, as after a login; behind ports it is the same

    def dovecot(self) -> imaplib.IMAP4:
        """Alice at her mailboxes, by way of Dovecot."""
        config = self.write(
            "dovecot.conf",
            _DOVECOT.format(
                maildir=self.server.maildir("alice"),
                folder=self.folder,
                log=self.log,
            ),
        )
        words = ["env", f"HOME={self.folder}", "USER=alice", *not_root()]
        words += ["doveadm", "-c", config, "exec", "imap"]
        log = shlex.quote(str(self.log))
        client = imaplib.IMAP4_stream(f"{shlex.join(words)} 2>>{log}")
        self.addCleanup(client.shutdown)
        self.assertEqual(client.state, "AUTH")
        return client

    def open_both(self) -> None:
        """One mailbox, open on both sides, with messages 1 to 9."""
        if shutil.which("doveadm") is None or not _IMAP.exists():
            raise SkipTest("dovecot-imapd is not installed")
        self.create(self.name)
        self.bring(self.name, range(1, 10))
        self.ours, self.theirs = self.imap(), self.dovecot()
        self.ok(self.ours.select(self.name))
        self.before = self.look(self.ours)
        self.ok(self.theirs.select(self.name))

    def agree(self) -> dict[int, Held]:
        """Both have the same in the end, and so have the files."""

        def seen(client: imaplib.IMAP4) -> dict[int, Held]:
            self.ok(client.noop())
            return self.look(client)

        def facts(held: dict[int, Held]) -> dict[int, tuple[str, frozenset[str]]]:
            return {n: (one.letters, one.keywords) for n, one in held.items()}

        try:
            wait_for(
                lambda: facts(seen(self.ours)) == facts(seen(self.theirs)), seconds=5
            )
        except RuntimeError:
            self.assertEqual(facts(seen(self.ours)), facts(seen(self.theirs)))
        found = seen(self.ours)
        self.assert_uids_kept(self.before, found)
        files = files_of(self.directory(self.name))
        self.assertEqual(sorted(files), sorted(found))
        for number, path in files.items():
            # $Forwarded is a keyword to Dovecot
            system = "".join(filter("DFRST".__contains__, letters_of(path)))
            self.assertEqual(system, found[number].letters.replace("P", ""))
        return found

    def test_flags(self) -> None:
        """Flags and keywords, old and new ones, of either are seen by the other."""
        self.open_both()
        self.ok(self.ours.store("1", "+FLAGS", r"(\Seen first)"))
        self.ok(self.theirs.store("2", "+FLAGS", r"(\Flagged second)"))
        self.agree()
        self.ok(self.ours.store("2", "+FLAGS", r"(\Answered third)"))
        self.ok(self.theirs.store("1", "+FLAGS", r"(\Draft fourth second)"))
        self.agree()
        self.ok(self.ours.store("1", "-FLAGS", r"(\Seen second)"))
        self.ok(self.theirs.store("2", "-FLAGS", r"(\Flagged third)"))
        found = self.agree()
        self.assertEqual((found[1].letters, found[2].letters), ("D", "R"))
        self.assertEqual(found[1].keywords, {"first", "fourth"})
        self.assertEqual(found[2].keywords, {"second"})

    def test_keywords(self) -> None:
        """Each new one is seen though all are made within one second."""
        self.open_both()
        for number in range(8):
            self.ok(self.ours.store("1", "+FLAGS", f"k{number}"))
            self.ok(self.theirs.noop())
            self.assertEqual(self.look(self.theirs), self.look(self.ours))
        self.ok(self.ours.store("3", "+FLAGS", "$Forwarded"))
        self.assertEqual(self.agree()[1].keywords, {f"k{n}" for n in range(8)})
        self.ok(self.theirs.store("2", "+FLAGS", "$Forwarded"))
        self.agree()
        self.ok(self.ours.store("2", "-FLAGS", "$Forwarded"))
        found = self.agree()
        self.assertEqual((found[2].letters, found[3].letters), ("", "P"))

    def test_messages(self) -> None:
        """What comes and goes on either side does so on the other."""
        self.open_both()
        for client, gone, new in (self.ours, "1:2", 10), (self.theirs, "8:9", 11):
            held = {one.uid: number for number, one in self.look(client).items()}
            numbers = [held[uid] for uid in sorted(held)]
            low, high = (int(word) for word in gone.split(":"))
            self.ok(client.store(gone, "+FLAGS", r"(\Deleted)"))
            self.ok(client.expunge())
            self.ok(client.append(self.name, r"(\Seen)", "", make_message(new)))
            self.bring(self.name, [new + 10])
            found = self.agree()
            want = {*numbers} - {*numbers[low - 1 : high]} | {new, new + 10}
            self.assertEqual({*found}, want)
            self.assertEqual(found[new].letters, "S")

    def test_folders(self) -> None:
        """Folders and subscriptions are the same; files of either are no folders."""
        self.open_both()
        self.ok(self.ours.create(f'"{self.name}/Ours &- &AOk-"'))
        self.ok(self.ours.subscribe(f'"{self.name}/Ours &- &AOk-"'))
        self.ok(self.theirs.create(f"{self.name}/Theirs"))
        self.ok(self.theirs.subscribe(f"{self.name}/Theirs"))
        listed = [
            sorted(line.rpartition(b'"/" ')[2].strip(b'"') for line in self.ok(answer))
            for client in (self.ours, self.theirs)
            for answer in (client.list(), client.lsub())
        ]
        self.assertEqual(listed[0], listed[2])
        self.assertEqual(listed[1], listed[3])
        self.assertIn(f"{self.name}/Theirs".encode(), listed[1])
        self.ok(self.theirs.rename(f"{self.name}/Theirs", f"{self.name}/Moved"))
        self.ok(self.ours.copy("1", f"{self.name}/Moved"))
        self.ok(self.theirs.select(f"{self.name}/Moved"))
        self.assertEqual(list(self.look(self.theirs)), [1])
        self.ok(self.theirs.close())
        self.ok(self.ours.delete(f"{self.name}/Moved"))
        self.assertNotIn(b"Moved", b"".join(self.ok(self.ours.list())))
        self.assertFalse(self.directory(f"{self.name}/Moved").exists())
        # a session of Dovecot reads the list of folders once
        self.assertNotIn(b"Moved", b"".join(self.ok(self.dovecot().list())))

    def test_storm(self) -> None:
        """Both change all messages at once, and mail comes; then they agree."""
        self.open_both()
        self.bring(self.name, range(20, 60))
        wait_for(lambda: len(self.agree()) == 49)
        self.before = self.look(self.ours)
        done = []

        def change(client: imaplib.IMAP4, mine: str, low: int) -> None:
            self.ok(client.select(self.name))
            for round_ in range(10):
                sign = "-" if round_ % 2 else "+"
                self.ok(client.store("1:*", f"{sign}FLAGS.SILENT", f"({mine})"))
                number = low + round_
                self.ok(client.store(str(round_ + 1), "+FLAGS", f"k{number}"))
                self.ok(client.append(self.name, "", "", make_message(number)))
                self.ok(client.noop())
            done.append(low)

        threads = [
            threading.Thread(target=change, args=arguments)
            for arguments in (
                (self.ours, r"\Seen ours", 100),
                (self.theirs, r"\Flagged theirs", 200),
            )
        ]
        for thread in threads:
            thread.start()
        for number in range(300, 310):
            self.bring(self.name, [number])
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(done), [100, 200])
        found = self.agree()
        self.assertEqual(
            sorted(found),
            [
                *range(1, 10),
                *range(20, 60),
                *range(100, 110),
                *range(200, 210),
                *range(300, 310),
            ],
        )

    def tearDown(self) -> None:
        """Dovecot has found nothing wrong with what we left there."""
        words = self.log.read_text("utf-8") if self.log.exists() else ""
        for word in ("Error", "Warning", "Panic", "Fatal"):
            self.assertNotIn(f": {word}: ", words)
