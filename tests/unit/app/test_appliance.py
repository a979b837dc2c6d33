"""The whole server in this process, on loopback, and why it may not start."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import Mock

from twisted.internet import defer, threads
from twisted.internet import reactor as installed  # noqa: TID251, TID253 - the whole
from twisted.trial.unittest import TestCase

from mailapp.app.appliance import LOCK_FILE, Appliance, lock_folder
from mailapp.app.demo.certificates import make_demo_certificates
from mailapp.app.logs import Log
from mailapp.app.starting import CannotStart
from tests.threats import threat

_TEXT = """\
[server]
hostname = "mx.example.test"
domains = ["example.test"]
directory = "."
workers = 0
user = ""
drain = "2 s"

[[tls.certificate]]
chain = "server.pem"
key = "server.key"
"""
_LISTENER = """
[[listener]]
protocol = "{protocol}"
address = "127.0.0.1"
port = 0
tls = "starttls"
"""


class ApplianceTests(TestCase):
    """One process, begun and stopped."""

    timeout = 30

    def setUp(self) -> None:
        """A folder with a configuration."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "mailapp.toml"
        self.path.write_text(
            _TEXT + "".join(_LISTENER.format(protocol=p) for p in ("smtp", "pop3"))
        )
        make_demo_certificates(self.folder, ["localhost"])

    def make(self) -> Appliance:
        """A server of it."""
        log_file = Log(str(self.folder / "mailapp.log"))
        self.addCleanup(log_file.close)
        text = self.path.read_text()
        return Appliance(text, str(self.path), installed, log_file)

    def begin(self) -> Appliance:
        """A server that serves; it is stopped at the end."""
        made = self.make()
        made.open()
        self.addCleanup(made.stopService)
        made.begin()
        return made

    def greeting(self, appliance: Appliance, number: int) -> Any:
        """What a client hears first, of the listener of this number."""
        name = appliance.configuration.listeners[number].name
        return threads.deferToThread(_greeting, appliance.sockets.port(name))

    def refusal(self) -> CannotStart:
        """Why it does not start."""
        made = self.make()
        made.open()
        self.addCleanup(made.sockets.close)
        refused: CannotStart = self.assertRaises(CannotStart, made.begin)
        return refused

    @defer.inlineCallbacks
    def test_serves(self) -> Any:
        """Both protocols greet; port 0 is any free port."""
        appliance = self.begin()
        smtp = yield self.greeting(appliance, 0)
        pop3 = yield self.greeting(appliance, 1)
        self.assertTrue(smtp.startswith(b"220 mx.example.test "))
        self.assertTrue(pop3.startswith(b"+OK "))

    @defer.inlineCallbacks
    def test_stops(self) -> Any:
        """After the stop nobody listens, and the folder is free for the next."""
        made = self.make()
        made.open()
        made.begin()
        name = made.configuration.listeners[0].name
        yield made.stopService()
        with self.assertRaises(ConnectionRefusedError):
            yield threads.deferToThread(_greeting, made.sockets.port(name))
        os.close(lock_folder(self.folder / LOCK_FILE))

    def test_ready(self) -> None:
        """Readiness is told once all listen."""
        told: list[bool] = []
        made = self.make()
        made.on_ready = lambda: told.append(True)
        made.open()
        self.addCleanup(made.stopService)
        self.assertEqual(told, [])
        made.begin()
        self.assertEqual(told, [True])

    def test_new_folder(self) -> None:
        """The folder of the data is made, where it may be."""
        self.path.write_text(self.path.read_text().replace('"."', '"var/lib/mail"'))
        self.begin()
        self.assertTrue((self.folder / "var/lib/mail" / LOCK_FILE).exists())

    def test_folder_at_reload(self) -> None:
        """The data of a server that runs stays where it is."""
        appliance = self.make()
        reloads: list[str] = []
        appliance._supervisor = Mock(reload=lambda: reloads.append("reload"))
        appliance.reload()
        self.assertEqual(reloads, ["reload"])
        self.addCleanup(appliance.sockets.close)
        self.path.write_text(self.path.read_text().replace('"."', '"other"'))
        appliance.reload()
        self.assertEqual(reloads, ["reload"])
        self.assertEqual(appliance.configuration.server.directory, self.folder)

    def test_folder_taken(self) -> None:
        """Two servers never serve one folder: exit code 75."""
        held = lock_folder(self.folder / LOCK_FILE)
        self.addCleanup(os.close, held)
        refused = self.refusal()
        self.assertEqual(refused.code, 75)
        self.assertIn("another mailapp is running there", str(refused))

    @threat(36)
    def test_bad_certificate(self) -> None:
        """A certificate that can't be used is a matter of the configuration: 78."""
        (self.folder / "server.key").chmod(0o644)
        refused = self.refusal()
        self.assertEqual(refused.code, 78)
        self.assertIn("server.key", str(refused))

    def test_bad_key(self) -> None:
        """A damaged key of the installation is said in one line: 71."""
        (self.folder / "auth.key").write_bytes(b"short")
        (self.folder / "auth.key").chmod(0o600)
        refused = self.refusal()
        self.assertEqual(refused.code, 71)
        self.assertIn("auth.key", str(refused))

    def test_bad_accounts(self) -> None:
        """So is an accounts file that is none."""
        (self.folder / "accounts.sqlite").write_bytes(b"no database" * 100)
        self.assertIn("accounts.sqlite", str(self.refusal()))

    @threat(121)
    def test_unknown_user(self) -> None:
        """As root it does not start for a user who is not there."""
        self.patch(os, "geteuid", lambda: 0)
        text = self.path.read_text().replace('user = ""', 'user = "mailapp-nobody"')
        self.path.write_text(text)
        self.assertIn("server.user", str(self.refusal()))

    @defer.inlineCallbacks
    def test_reload(self) -> Any:
        """SIGHUP reads certificates again and opens the log again; all goes on."""
        appliance = self.begin()
        log_file = self.folder / "mailapp.log"
        log_file.rename(self.folder / "moved")
        appliance.reload()
        self.assertTrue(log_file.exists())
        (self.folder / "server.pem").write_text("nonsense")
        appliance.reload()
        self.path.write_text("nonsense")
        appliance.reload()
        greeting = yield self.greeting(appliance, 0)
        self.assertTrue(greeting.startswith(b"220 "))


def _greeting(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        return connection.recv(1000)
