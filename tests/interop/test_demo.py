"""``mailapp demo`` as a newcomer meets it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.client_case import needs
from tests.interop.demo import free_port_base
from tests.rows import rows, tabled


@tabled
class DemoTests(SynchronousTestCase):
    """Started as a user would, ended in every way."""

    def setUp(self) -> None:
        """A place for temporary files of our own, so that we see what is left."""
        self.temporary = Path(tempfile.mkdtemp(prefix="mailapp-test-"))
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)
        self.base = free_port_base()

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """A demo; it is killed at the end if it still runs."""
        command = [sys.executable, "-m", "mailapp.cli.main", "demo"]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--port-base", str(self.base), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            start_new_session=True,
        )
        self.addCleanup(self.end, process)
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        """Leave no process and no pipe."""
        if process.poll() is None:
            process.kill()
        process.communicate()

    def finished(self, *arguments: str) -> tuple[int, str, str]:
        """Run one that ends by itself: exit code, output, errors."""
        process = self.popen(*arguments)
        out, errors = process.communicate(timeout=60)
        return process.returncode, out, errors

    def ready(self, process: subprocess.Popen[str]) -> list[str]:
        """What it says up to ``mailapp ready``."""
        assert process.stdout is not None
        said, deadline = b"", time.monotonic() + 60
        while not said.endswith(b"mailapp ready\n"):
            left = deadline - time.monotonic()
            if not select.select([process.stdout], [], [], max(left, 0))[0]:
                break
            octets = os.read(process.stdout.fileno(), 65536)
            if not octets:
                break
            said += octets
        lines = said.decode().splitlines()
        self.assertEqual(lines[-1:], ["mailapp ready"], lines)
        return lines

    @rows(
        interrupt=(signal.SIGINT, "0"),
        terminate=(signal.SIGTERM, "0"),
        hang_up=(signal.SIGHUP, "0"),
        many=(signal.SIGINT, "2"),
        many_hang_up=(signal.SIGHUP, "2"),
    )
    def test_ends(self, number: signal.Signals, workers: str) -> None:
        """Ctrl-C, SIGTERM and a closed terminal end it with 0; nothing is left."""
        process = self.popen("--workers", workers)
        self.ready(process)
        os.killpg(process.pid, number)  # as a terminal does: all processes get it
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(list(self.temporary.iterdir()), [])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.base + 25), 5)
        self.assertEqual(process.communicate()[1], "")

    @rows(one="0", many="2")
    def test_check(self, workers: str) -> None:
        """It tries every protocol, prints a tick and a time each, and exits 0."""
        code, out, errors = self.finished("--check", "--workers", workers)
        self.assertEqual((code, errors), (0, ""), out)
        protocols = (
            *("smtp", "submissions", "lmtp", "pop2", "pop3", "pop3s"),
            *("imap", "imaps", "queue"),
        )
        for line, protocol in zip(out.splitlines(), protocols, strict=True):
            self.assertRegex(line, rf"^✓ {protocol} +\d+ ms  ")

    @rows(serve=(), check=("--check",), many=("--workers", "2"))
    def test_port_is_taken(self, *arguments: str) -> None:
        """A port in use is named with the way out: exit code 1, nothing is left."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.base + 110))
            other.listen()
            code, out, errors = self.finished(*arguments)
        self.assertEqual((code, out), (1, ""))
        self.assertIn(f"127.0.0.1:{self.base + 110}", errors)
        self.assertIn("--port-base", errors)
        self.assertEqual(list(self.temporary.iterdir()), [])

    @rows(
        base=("--port-base", "65000"),
        domain=("--domain", "no_domain"),
        account=("--account", "alice"),
        workers=("--workers", "-1"),
    )
    def test_usage(self, *arguments: str) -> None:
        """What makes no sense is refused before anything is made: 64."""
        code, out, errors = self.finished(*arguments)
        self.assertEqual((code, out), (64, ""))
        self.assertTrue(errors.startswith("mailapp demo: "), errors)
        self.assertEqual(list(self.temporary.iterdir()), [])

    @needs("curl")
    def test_lines_to_copy(self) -> None:
        """Each line that is printed works as it is, also with a strange password."""
        process = self.popen("--account", 'alice:it\'s $HOME "x"; `id`')
        lines = [line for line in self.ready(process) if " curl " in f" {line}"]
        found = [
            subprocess.run(  # noqa: S602 - that is what a shell is for
                line, shell=True, capture_output=True, timeout=30, check=False
            )
            for line in lines
        ]
        for line, done in zip(lines, found, strict=True):
            self.assertEqual((done.returncode, done.stderr), (0, b""), line)
        said = {
            line.rpartition("://")[0].rpartition(" ")[2].strip("'"): done.stdout
            for line, done in zip(lines, found, strict=True)
        }
        protocols = {"smtp", "smtps", "telnet", "pop3", "pop3s", "imap", "imaps"}
        self.assertEqual(set(said), protocols)
        self.assertIn(b"Subject: Welcome to mailapp", said["pop3"])
        self.assertIn(said["pop3"], said["telnet"])
        for protocol in ("pop3s", "imap", "imaps"):
            self.assertEqual(said["pop3"], said[protocol])

    def test_kept(self) -> None:
        """With --data all stays, and the second start shows the same passwords."""
        shown = []
        for _ in range(2):
            process = self.popen("--data", str(self.temporary / "data"))
            lines = self.ready(process)
            shown.append([line for line in lines if line.startswith("alice@")])
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(30), 0)
        self.assertEqual(shown[0], shown[1])
        code, out, _ = self.finished("--data", str(self.temporary / "data"), "--check")
        self.assertEqual(code, 0, out)
        alice = self.temporary / "data/mail/example.test/alice"
        # five to begin with, and one each by SMTP, submission and LMTP
        found = [*(alice / "new").iterdir(), *(alice / "cur").iterdir()]
        self.assertEqual(len(found), 8)

    def test_folder_in_use(self) -> None:
        """A second demo on the same folder says so, and changes nothing there."""
        data = self.temporary / "data"
        self.ready(self.popen("--data", str(data)))
        before = (data / "mailapp.toml").read_bytes()
        self.base = free_port_base()
        code, _, errors = self.finished("--data", str(data))
        self.assertEqual(code, 1)
        self.assertIn("another mailapp is running there", errors)
        self.assertEqual((data / "mailapp.toml").read_bytes(), before)

    def test_many_accounts(self) -> None:
        """A hundred accounts are there, and can be told in one line."""
        process = self.popen("--accounts", "100", "--password", "pw pw")
        lines = self.ready(process)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        self.assertIn("u000 to u099@example.test  pw pw", lines)
