"""``mailapp fetch`` is killed again and again, and each message comes once."""

from __future__ import annotations

import contextlib
import os
import random
import smtplib
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import rmtree

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.world import World
from mailapp.storage.maildir.layout import account_path
from tests.crash.case import rounds
from tests.interop.demo import PASSWORD, start_demo
from tests.interop.served import ROOT
from tests.threats import threat
from tests.unit.fetch.support import ALICE

MESSAGES = 30
_TABLE = """
[[fetch]]
name = "{speech}"
protocol = "{speech}"
host = "localhost"
port = {port}
tls = "none"
user = "carol"
password-file = "password"
into = "alice@example.test"
"""


class KillTests(SynchronousTestCase):
    """SIGKILL at moments that nobody chose."""

    def setUp(self) -> None:
        """A server there, and a folder here."""
        self.there = start_demo(f"--account=carol:{PASSWORD}")
        self.addCleanup(rmtree, self.there.data, ignore_errors=True)
        self.addCleanup(self.there.stop)
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-fetch-"))
        self.addCleanup(rmtree, self.folder, ignore_errors=True)
        World(self.folder, "example.test", 20_000, 0, {"alice": PASSWORD}).build(
            Clock()
        )
        password = self.folder / "password"
        password.touch(0o600)
        password.write_text(f"{PASSWORD}\n")
        self.config = self.folder / "fetch.toml"
        self.config.write_text(
            '[server]\nhostname = "mx.example.test"\ndomains = ["example.test"]\n'
            'directory = "."\nworkers = 0\nuser = ""\n'
            '[[listener]]\nprotocol = "smtp"\ntls = "none"\n'
            + "".join(
                _TABLE.format(speech=speech, port=self.there.port(speech))
                for speech in ("pop3", "pop2")
            )
        )

    def send(self, subject: str) -> None:
        """Messages for carol, there."""
        with smtplib.SMTP("localhost", self.there.port("smtp")) as smtp:
            for number in range(MESSAGES):
                text = f"Subject: {subject} {number}\r\n\r\nx\r\n"
                smtp.sendmail("bob@example.test", ["carol@example.test"], text)

    def fetch(self, name: str, seconds: float) -> bool:
        """Run it; whether it ended before it was killed."""
        command = [sys.executable, "-m", "mailapp.cli.main", "fetch", name]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--config", str(self.config)],
            env=environment,
            stdout=subprocess.DEVNULL,
        ) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(seconds) == 0
            process.kill()
        return False

    def found(self, subject: str) -> list[bytes]:
        """The subjects that have arrived, each as often as it did."""
        box = Path(os.fsdecode(account_path(os.fsencode(self.folder / "mail"), ALICE)))
        files = [*(box / "new").iterdir(), *(box / "cur").iterdir()]
        lines = [line for f in files for line in f.read_bytes().split(b"\r\n")]
        wanted = f"Subject: {subject} ".encode()
        return [line for line in lines if line.startswith(wanted)]

    @threat(114, 117)
    def test_kills(self) -> None:
        """Killed at any moment, with either protocol; then once to the end."""
        for name in ("pop3", "pop2"):
            for turn in range(rounds(1)):
                subject = f"{name} {turn}"
                self.send(subject)
                seconds = 0.6
                while not self.fetch(name, seconds):
                    # later and later, so that it comes to an end at some time
                    seconds += random.random() * 0.4  # noqa: S311 - no secret
                found = self.found(subject)
                self.assertEqual(MESSAGES, len(found))
                self.assertEqual(MESSAGES, len(set(found)))
                self.assertEqual([], self.there.stored("carol")[6:])
