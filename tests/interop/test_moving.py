"""``mailapp import`` and ``export`` as commands, beside a server that runs."""

from __future__ import annotations

import imaplib
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.interop.client_case import ClientCase, needs
from tests.interop.demo import PASSWORD
from tests.interop.terminal import Terminal
from tests.interop.test_maildir_shared import not_root

MANY: Final = "MAILAPP_MANY" in os.environ
MESSAGES: Final = 30_000 if MANY else 500
LARGE_OCTETS: Final = (100 if MANY else 20) * 2**20
RSS_MOST: Final = 170 * 2**20
# a process begins with the memory of who made it, so somebody small makes it
_MEASURED: Final = (
    "import os, sys; _, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1],"
    " sys.argv[1:]), 0); sys.stderr.write(f'memory={used.ru_maxrss * 1024}');"
    "sys.exit(os.waitstatus_to_exitcode(status))"
)
_ROOT: Final = Path(__file__).parents[2]
_FROM: Final = "From a@example.net Mon Nov 23 13:05:13 2026\n"
_DATE: Final = '"17-Jul-1996 02:44:25 +0000"'
_DOVECOT: Final = (
    "mail_location = maildir:{maildir}\nmail_home = {home}\nbase_dir = {home}/run\n"
    "namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n"
    "log_path = {home}/log\nssl = no\nfirst_valid_uid = 1\n"
)
_FLAGS: Final = re.compile(rb'FLAGS \(([^)]*)\).*INTERNALDATE ("[^"]*")')
_TEXTS: Final = (b"Subject: a\r\n\r\nFrom b\r\n", b"x\0y\rz", b"Subject: c\r\n\r\n")


class MovingTests(ClientCase):
    """One server, two accounts."""

    def mailapp(self, *words: str) -> tuple[int, str, str, int]:
        """Run the command: exit code, output, complaints, memory in octets."""
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-c", _MEASURED, sys.executable]
        command += ["-m", "mailapp.cli.main", *words]
        command += ["--config", str(self.server.data / "mailapp.toml")]
        out, err = self.folder / "out", self.folder / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            done = subprocess.run(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, "PYTHONPATH": path},
                check=False,
            )
        complaints, _, used = err.read_text().rpartition("memory=")
        return done.returncode, out.read_text(), complaints, int(used)

    def imap(self, user: str) -> imaplib.IMAP4:
        """A session."""
        context = ssl.create_default_context(cafile=str(self.server.ca))
        port = self.server.port("imaps")
        client = imaplib.IMAP4_SSL("localhost", port, ssl_context=context)
        self.addCleanup(client.shutdown)
        client.login(user, PASSWORD)
        return client

    def held(self, client: imaplib.IMAP4, mailbox: str) -> list[Any]:
        """Flags, date and octets of each message."""
        self.assertEqual(client.select(mailbox, readonly=True)[0], "OK")
        _, found = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
        return [
            (sorted(set(flags[1].split()) - {b"\\Recent"}), flags[2], part[1])
            for part in found
            if isinstance(part, tuple) and (flags := _FLAGS.search(part[0]))
        ]

    def test_remote(self) -> None:
        """An account comes over IMAP while its owner looks at it."""
        alice, bob = self.imap("alice"), self.imap("bob")
        alice.create("Old/&AOQ-")
        alice.subscribe("Old/&AOQ-")
        for n, text in enumerate(_TEXTS):
            flags = "(\\Seen $Forwarded work)" if n else "()"
            alice.append("Old/&AOQ-", flags, _DATE, text)
        bob.select("INBOX")
        password = self.write("password", PASSWORD)
        url = f"imaps://alice@localhost:{self.server.port('imaps')}"
        more = ("--password-file", password, "--authority", str(self.server.ca))
        code, out, err, _ = self.mailapp("import", "bob", url, "--json", *more)
        self.assertEqual((code, err), (0, ""))
        (told,) = json.loads(out)
        self.assertGreaterEqual(told["imported"], len(_TEXTS))
        self.assertEqual(bob.noop()[0], "OK")
        wanted = self.held(alice, "Old/&AOQ-")
        self.assertEqual(self.held(bob, "Old/&AOQ-"), wanted)
        self.assertIn(b"Old/&AOQ-", b"".join(filter(None, bob.lsub()[1])))
        code, _, err, _ = self.mailapp("import", "bob", url, *more[:2])
        self.assertEqual(code, 1)
        self.assertIn("the server is not trusted", err)
        self.assertNotIn(PASSWORD, err)

    def test_memory(self) -> None:
        """Many messages and a large one go in and out in bounded memory."""
        path = self.folder / "Many.mbox"
        with path.open("w") as file:
            for n in range(MESSAGES):
                file.write(f"{_FROM}Status: R\nSubject: {n}\n\n{'text ' * 300}\n\n")
            file.write(f"{_FROM}Subject: large\n\n")
            line = "x" * 75 + "\n"
            for _ in range(LARGE_OCTETS // 76 // 100):
                file.write(line * 100)
        code, out, err, rss = self.mailapp("import", "bob", str(path))
        self.assertEqual((code, err), (0, ""))
        self.assertIn(f"{MESSAGES + 1} imported", out)
        self.assertLess(rss, RSS_MOST)
        target = self.folder / "out-mbox"
        code, out, err, rss = self.mailapp(
            "export", "bob", str(target), "--folder", "Many"
        )
        self.assertEqual((code, err), (0, ""))
        self.assertLess(rss, RSS_MOST)
        self.assertEqual(os.listdir(target), ["Many.mbox"])
        self.assertGreater((target / "Many.mbox").stat().st_size, path.stat().st_size)

    @needs("mutt")
    def test_mutt(self) -> None:
        """What mutt saved to an mbox file comes in; what goes out, mutt reads."""
        source = self.folder / "source"
        source.write_text(f"{_FROM}Subject: m\n\n>From x\n\n{_FROM}Subject: n\n\ny\n\n")
        saved = self.folder / "saved"
        rc = self.write(
            "muttrc",
            "set mbox_type=mbox confirmappend=no confirmcreate=no quit=yes move=no\n"
            "set copy=no sleep_time=0\n"
            f"set folder={self.folder}\n"
            f"macro index Z '1<enter><flag-message><first-entry><copy-message>{saved}"
            "<enter><quit>'\n",
        )
        with Terminal(["mutt", "-n", "-F", rc, "-f", str(source)], self.folder) as t:
            t.wait_for("m")
            t.type("Z")
            t.finish()
        self.assertIn(b"Content-Length", saved.read_bytes())
        code, out, _, _ = self.mailapp("import", "bob", str(saved))
        self.assertEqual(code, 0, out)
        ((flags, _, octets),) = self.held(self.imap("bob"), "saved")
        self.assertIn(b"\\Flagged", flags)
        self.assertIn(b"\r\n\r\n>From x\r\n", octets)

    @needs("doveadm")
    def test_dovecot(self) -> None:
        """What Dovecot wrote comes in, and what goes out Dovecot reads."""
        maildir = self.folder / "old"
        before = self.dovecot(maildir)
        self.ok(before.create("Old/&AOQ-"))
        self.ok(before.subscribe("Old/&AOQ-"))
        for n, text in enumerate(_TEXTS):
            flags = "(\\Seen \\Flagged $Forwarded work other)" if n else "()"
            literal = text.replace(b"\0", b"")
            self.ok(before.append("Old/&AOQ-", flags, _DATE, literal))
        wanted = self.held(before, "Old/&AOQ-")
        code, _, err, _ = self.mailapp("import", "bob", str(maildir), "--folder", "D")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.held(self.imap("bob"), "D/Old/&AOQ-"), wanted)
        target = self.folder / "new"
        words = ("--format", "maildir", "--folder", "D")
        code, _, err, _ = self.mailapp("export", "bob", str(target), *words)
        self.assertEqual((code, err), (0, ""))
        after = self.dovecot(target)
        self.assertEqual(sorted(self.held(after, "D/Old/&AOQ-")), sorted(wanted))
        self.assertIn(b"D/Old/&AOQ-", b"".join(filter(None, after.lsub()[1])))

    def ok(self, answer: tuple[str, Any]) -> None:
        """It was done."""
        self.assertEqual(answer[0], "OK", answer)

    def dovecot(self, maildir: Path) -> imaplib.IMAP4:
        """Dovecot's imap on a pipe, over this Maildir."""
        home = self.folder / f"{maildir.name}-dovecot"
        home.mkdir()
        text = _DOVECOT.format(maildir=maildir, home=home)
        config = self.write(f"{home.name}.conf", text)
        words = ["env", f"HOME={home}", "USER=alice", *not_root()]
        words += ["doveadm", "-c", config, "exec", "imap"]
        client = imaplib.IMAP4_stream(shlex.join(words))
        self.addCleanup(client.shutdown)
        return client
