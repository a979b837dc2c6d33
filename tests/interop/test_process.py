"""The server as a process: twistd, signals, workers, systemd, privileges."""

from __future__ import annotations

import contextlib
import os
import poplib
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.certificates import make_demo_certificates
from tests.interop.served import ROOT, Served, Setup, begin, start, wait_for
from tests.interop.wire import Wire, serve_good_client
from tests.rows import rows, tabled
from tests.threats import threat

NOBODY: Final = "nobody"
_UPGRADES: Final = (
    ("smtp", b"EHLO client.example.test", b"STARTTLS"),
    ("pop3", b"STLS"),
    ("imap", b"a STARTTLS"),
)
_V2: Final = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"
    + socket.inet_aton("192.0.2.7")
    + socket.inet_aton("198.51.100.1")
    + (4242).to_bytes(2, "big")
    + (25).to_bytes(2, "big")
)


class ProcessCase(SynchronousTestCase):
    """Starts servers and leaves nothing of them."""

    def start(self, setup: Setup) -> Served:
        """A server for this test."""
        server = start(setup)
        self.addCleanup(shutil.rmtree, server.data, ignore_errors=True)
        self.addCleanup(server.stop)
        return server

    def fail_to_start(self, setup: Setup, folder: Path) -> tuple[int, str]:
        """The exit code and the last words of a server that can't start."""
        server = begin(setup, folder)
        self.addCleanup(server.stop)
        code = server.process.wait(30)
        return code, server.words() + server.log


@tabled
class StartTests(ProcessCase):
    """What there is to a start."""

    @rows(one=(0,), many=(2,))
    @threat(121)
    def test_no_privileges(self, workers: int) -> None:
        """As root it becomes the user it was told, in all processes and for good."""
        if os.geteuid() != 0:
            self.skipTest("only root has privileges to lose")
        if not _may_run_python(NOBODY):
            self.skipTest(f"{NOBODY} may not run this Python")
        server = self.start(Setup(workers=workers, user=NOBODY))
        count = workers + 2 if workers else 1  # a supervisor and a postman
        uid = pwd.getpwnam(NOBODY).pw_uid
        self.assertEqual(server.status("Uid"), [uid] * count)
        self.assertEqual(server.status("CapEff"), [0] * count)
        self.assertEqual(server.status("CapPrm"), [0] * count)
        self.assertEqual(server.status("NoNewPrivs"), [1] * count)
        serve_good_client(server, "without privileges")

    def test_bad_configuration(self) -> None:
        """Exit code 78 (EX_CONFIG), and a line that says where and what."""
        folder = Path(tempfile.mkdtemp(prefix="mailapp-served-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        code, words = self.fail_to_start(Setup(tables="[limitz]\nx = 1"), folder)
        self.assertEqual(code, 78)
        self.assertIn(f"{folder}/mailapp.toml:", words)
        self.assertIn("limitz", words)
        self.assertNotIn("Traceback", words)

    def test_folder_is_taken(self) -> None:
        """A second server on the same data is refused; the first does not notice."""
        first = self.start(Setup())
        code, words = self.fail_to_start(Setup(), first.data)
        self.assertEqual(code, 75)  # EX_TEMPFAIL
        self.assertIn("another mailapp is running there", words)
        self.assertNotIn("Traceback", words)
        serve_good_client(first, "beside a second server")

    def test_port_is_taken(self) -> None:
        """Exit code 71 (EX_OSERR), and which port it is."""
        first = self.start(Setup())
        port = f'[[listener]]\nprotocol = "smtp"\nport = {first.port("smtp")}\n'
        folder = Path(tempfile.mkdtemp(prefix="mailapp-served-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        make_demo_certificates(folder, ["localhost"])
        code, words = self.fail_to_start(Setup(tables=port), folder)
        self.assertEqual(code, 71)
        self.assertIn(f"{first.port('smtp')}: Address already in use", words)
        self.assertNotIn("Traceback", words)

    def test_socket_of_systemd(self) -> None:
        """A socket that is passed by name is served in place of the configured one."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = self.start(Setup(socket=listening.fileno()))
            with Wire(listening.getsockname()[1]) as wire:
                self.assertEqual(wire.begin().ask(b"x\r\n.")[:3], b"250")
            with self.assertRaises(ConnectionRefusedError):
                Wire(server.port("smtp"))

    def test_notify(self) -> None:
        """Systemd hears of ready, of reloads with the time, and of the stop."""
        folder = Path(tempfile.mkdtemp(prefix="mailapp-served-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(folder / "notify"))
            systemd.settimeout(20)
            environment = {"NOTIFY_SOCKET": str(folder / "notify")}
            server = self.start(Setup(environment=environment, workers=1))
            self.assertIn(b"READY=1", _next(systemd))
            server.process.send_signal(signal.SIGHUP)
            told = _next(systemd)
            self.assertIn(b"RELOADING=1\nMONOTONIC_USEC=", told)
            self.assertIn(b"READY=1", _next(systemd))
            server.process.terminate()
            self.assertIn(b"STOPPING=1", _next(systemd))


@tabled
class SignalTests(ProcessCase):
    """Stop and reload while clients are there."""

    @rows(one=(0,), many=(2,))
    def test_drain(self, workers: int) -> None:
        """A message that was begun is taken before the end; all others are told."""
        server = self.start(Setup(workers=workers, drain="20 s"))
        wire = Wire(server.port("smtp")).begin()
        self.addCleanup(wire.socket.close)
        wire.send(b"Subject: in the middle\r\n\r\n")
        idle = Wire(server.port("smtp"))
        self.addCleanup(idle.socket.close)
        idle.reply()
        shaking = [self.amid_handshake(server, *each) for each in _UPGRADES]
        server.process.terminate()
        self.assertEqual(idle.reply()[:9], b"421 4.3.2")
        farewells = [each.secure(server.ca).line()[:5] for each in shaking]
        self.assertEqual(farewells, [b"421 4", b"-ERR ", b"* BYE"])
        time.sleep(0.2)
        self.assertIsNone(server.process.poll())
        wire.send(b"done\r\n.\r\n")
        self.assertEqual(wire.reply()[:3], b"250")
        self.assertEqual(wire.reply()[:9], b"421 4.3.2")
        server.process.wait(10)
        found = [m for m in server.stored("alice") if b"in the middle" in m]
        self.assertEqual(len(found), 1)

    def amid_handshake(self, server: Served, protocol: str, *commands: bytes) -> Wire:
        """A client that may begin its TLS handshake."""
        wire = Wire(server.port(protocol))
        self.addCleanup(wire.socket.close)
        wire.reply()
        wire.ask(*commands)
        return wire

    @rows(one=(0,), many=(2,))
    @threat(37)
    def test_new_certificate(self, workers: int) -> None:
        """SIGHUP brings it to new connections; one that is open keeps its own."""
        server = self.start(Setup(workers=workers))
        old = Wire(server.port("pop3s")).secure(server.ca)
        self.addCleanup(old.socket.close)
        for name in ("ca.pem", "server.pem", "server.key"):
            (server.data / name).unlink()
        make_demo_certificates(server.data, ["localhost"])
        before = set(server.pids[1:])
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: _verifies(server))
        wait_for(lambda: not before & set(server.pids))
        serve_good_client(server, "with a new certificate")
        self.assertEqual(old.line()[:3], b"+OK")

    def test_reload_of_nonsense(self) -> None:
        """A configuration with errors changes nothing, and the log says so."""
        server = self.start(Setup(workers=2))
        (server.data / "mailapp.toml").write_text("[server\n", "utf-8")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "server.reload.refused" in server.log)
        serve_good_client(server, "after a reload of nonsense")

    @threat(37)
    def test_reload_loses_nobody(self) -> None:
        """Two reloads under some 300 connections a second: each one is greeted."""
        server = self.start(
            Setup(workers=2, tables='[limits]\ntrusted = ["127.0.0.0/8"]\n')
        )
        calling = Calling(server.port("smtp"))
        with contextlib.closing(calling):
            for number in range(2):
                before = set(server.pids)
                server.process.send_signal(signal.SIGHUP)
                wait_for(lambda: server.log.count("reloaded") > number)  # noqa: B023
                wait_for(lambda: len(set(server.pids) - before) == 3)  # noqa: B023
                wait_for(lambda: len(server.pids) == 4)
        self.assertEqual(calling.lost, [])
        self.assertGreater(calling.greeted, 100)
        serve_good_client(server, "after two reloads")

    def test_new_account(self) -> None:
        """An account made beside a running server gets mail at once, and logs in."""
        server = self.start(Setup(workers=2))
        command = [sys.executable, "-m", "mailapp.cli.main", "user", "add", "carol"]
        subprocess.run(  # noqa: S603 - our own command
            [*command, "--stdin", "--config", str(server.data / "mailapp.toml")],
            input=b"correct horse battery\n",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
        with smtplib.SMTP("127.0.0.1", server.port("smtp")) as smtp:
            smtp.sendmail("x@example.org", ["carol@example.test"], "Subject: x\n\nhi\n")
        pop = poplib.POP3("127.0.0.1", server.port("pop3"))
        pop.user("carol")
        pop.pass_("correct horse battery")
        self.assertIn(b"hi", pop.retr(1)[1])
        pop.quit()

    def test_pinned(self) -> None:
        """Each worker keeps to one processor, unless the configuration says no."""
        server = self.start(Setup(workers=2))
        for pid in server.workers:
            self.assertEqual(len(os.sched_getaffinity(pid)), 1)
        server = self.start(Setup(workers=2, pin=False))
        for pid in server.pids[1:]:
            self.assertEqual(os.sched_getaffinity(pid), os.sched_getaffinity(0))

    def test_dead_worker(self) -> None:
        """One that is killed is replaced; who comes meanwhile waits and is served."""
        server = self.start(Setup(workers=2))
        for pid in server.pids[1:]:
            os.kill(pid, signal.SIGKILL)
        serve_good_client(server, "after all were killed")
        wait_for(lambda: len(server.pids) == 4)

    def test_hanging_worker(self) -> None:
        """One that is stopped is killed after its time, and all are served again."""
        if not os.environ.get("MAILAPP_SLOW_TESTS"):
            self.skipTest("takes 25 seconds; set MAILAPP_SLOW_TESTS to run it")
        server = self.start(Setup(workers=1))
        hanging = server.workers[0]
        os.kill(hanging, signal.SIGSTOP)
        wait_for(lambda: "worker.process.hung" in server.log, 40)
        serve_good_client(server, "after one hung")
        self.assertNotIn(hanging, server.pids)


@tabled
class ProxyTests(ProcessCase):
    """Behind a load balancer."""

    @rows(
        v1=(b"PROXY TCP4 192.0.2.7 198.51.100.1 4242 25\r\n", b"[192.0.2.7]"),
        v2=(_V2, b"[192.0.2.7]"),
        v1_six=(b"PROXY TCP6 2001:db8::7 ::1 4242 25\r\n", b"[IPv6:2001:db8::7]"),
    )
    def test_client_is_named(self, preamble: bytes, name: bytes) -> None:
        """The Received field names the client, not the balancer."""
        server = self.start(Setup(listener='proxy-from = ["127.0.0.1/32"]'))
        for slowly in (False, True):
            with Wire(server.port("smtp")) as wire:
                (wire.send_slowly if slowly else wire.send)(preamble)
                self.assertEqual(
                    wire.begin().ask(b"Subject: by proxy\r\n\r\nx\r\n.")[:3], b"250"
                )
        found = [m for m in server.stored("alice") if b"by proxy" in m]
        self.assertEqual(len(found), 2)
        for message in found:
            self.assertIn(name, message.partition(b"\r\n\r\n")[0])
        # from anywhere else it is a command, and none that we know
        with Wire(server.port("smtp"), source="127.0.0.2") as wire:
            wire.reply()
            self.assertEqual(wire.ask(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1")[:3], b"500")
        # and without a preamble a balancer gets no word
        with Wire(server.port("smtp")) as wire:
            wire.send(b"EHLO x\r\n")
            self.assertEqual(wire.rest(), b"")


class Calling:
    """Connects, is greeted and quits, over and over, in four threads."""

    def __init__(self, port: int) -> None:
        self.greeted = 0
        self.lost: list[str] = []
        self._port = port
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Call no more."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._ending.wait(0.01):
            try:
                with Wire(self._port) as wire:
                    greeting = wire.reply()
                    # one that drains may take nobody in, but says so
                    reply = wire.ask(b"QUIT")
            except OSError as problem:
                self.lost.append(repr(problem))
                continue
            if greeting[:3] == b"220" and reply[:3] in {b"221", b"421"}:
                self.greeted += 1
            else:
                self.lost.append(f"{greeting!r} {reply!r}")


def _next(systemd: socket.socket) -> bytes:
    """What systemd is told next, but for signs of life."""
    while (told := systemd.recv(4096)) == b"WATCHDOG=1":
        pass
    return told


def _verifies(server: Served) -> bool:
    try:
        with Wire(server.port("pop3s")) as wire:
            return wire.secure(server.ca).line()[:3] == b"+OK"
    except ssl.SSLError:
        return False


def _may_run_python(user: str) -> bool:
    """Whether the user can start this Python and import us."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import mailapp.app.worker"],
            user=user,
            group=pwd.getpwnam(user).pw_gid,
            extra_groups=[],
            cwd="/",
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0
