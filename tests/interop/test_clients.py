"""Real clients send and fetch real messages, over TLS, through a started server."""

from __future__ import annotations

import os
import poplib
import shutil
import smtplib
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.demo import PASSWORD, DemoServer, start_demo

ALICE = "alice@example.test"
EIGHT_BIT = (
    "From: bob@example.test\r\nTo: alice@example.test\r\nSubject: {subject}\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n"
    "Grüße — 8-bit\r\n.a dot line\r\n..two dots\r\n.\r\n\r\nlast line\r\n"
)


def needs(program: str) -> Callable[[Any], Any]:
    """Skip a test where its client is not installed."""

    def mark(test: Any) -> Any:
        if shutil.which(program) is None:
            test.skip = f"{program} is not installed"
        return test

    return mark


class ClientTests(SynchronousTestCase):
    """One server for all; every test sends under a subject of its own."""

    server: ClassVar[DemoServer]

    @classmethod
    def setUpClass(cls) -> None:
        """Start the server once."""
        cls.server = start_demo()

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it; it leaves with success."""
        code = cls.server.stop()
        shutil.rmtree(cls.server.data, ignore_errors=True)
        if code != 0:
            msg = f"the demo exited {code}:\n" + "\n".join(cls.server.output)
            raise AssertionError(msg)

    def setUp(self) -> None:
        """Make a folder for the client."""
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-client-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.subject = f"for {self.id().rpartition('.')[2]}"
        self.message = EIGHT_BIT.format(subject=self.subject).encode()

    # ---- what the tests share

    def run_client(self, *command: str, stdin: bytes = b"") -> bytes:
        """Run a client; fail with its words if it fails."""
        environment = {**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(  # noqa: S603 - clients under test
            command,
            input=stdin,
            capture_output=True,
            timeout=60,
            cwd=self.folder,
            env=environment,
            check=False,
        )
        words = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.assertEqual(done.returncode, 0, f"{command}: {words}")
        return done.stdout

    def write(self, name: str, text: str) -> str:
        """A configuration file that only its owner may read."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def send(self) -> None:
        """Bring the message into alice's mailbox by smtplib over STARTTLS."""
        context = ssl.create_default_context(cafile=str(self.server.ca))
        with smtplib.SMTP("localhost", self.server.port("smtp")) as smtp:
            smtp.starttls(context=context)
            smtp.sendmail("bob@example.test", [ALICE], self.message, ["BODY=8BITMIME"])

    def assert_stored_once(self, body: bytes) -> None:
        """One of alice's files ends in exactly these octets."""
        stored = self.server.stored("alice")
        found = [octets for octets in stored if self.subject.encode() in octets]
        self.assertEqual(len(found), 1, f"{len(found)} copies")
        self.assertTrue(found[0].endswith(body), found[0])

    def assert_fetched(self, messages: list[bytes]) -> None:
        """The client's copy has the message's lines, all of them and in order.

        Clients write their own line ends, so lines are compared.
        """
        want = self.message.replace(b"\r\n", b"\n")
        have = [m.replace(b"\r\n", b"\n") for m in messages]
        found = [m for m in have if self.subject.encode() in m]
        self.assertEqual(len(found), 1, f"{len(found)} of {len(messages)}")
        body = want.partition(b"\n\n")[2]
        self.assertEqual(found[0].partition(b"\n\n")[2].rstrip(), body.rstrip())

    # ---- sending

    def test_smtplib(self) -> None:
        """What smtplib sends lies in the Maildir octet for octet."""
        self.send()
        self.assert_stored_once(self.message)

    def test_smtplib_utf8_address(self) -> None:
        """A sender with a UTF-8 local part is taken with SMTPUTF8 (RFC 6531)."""
        context = ssl.create_default_context(cafile=str(self.server.ca))
        with smtplib.SMTP("localhost", self.server.port("smtp")) as smtp:
            smtp.starttls(context=context)
            smtp.ehlo()
            smtp.sendmail(
                "jürgen@example.test",
                [ALICE],
                self.message,
                ["SMTPUTF8", "BODY=8BITMIME"],
            )
        self.assert_stored_once(self.message)
        stored = [m for m in self.server.stored("alice") if self.subject.encode() in m]
        self.assertIn("Return-Path: <jürgen@example.test>".encode(), stored[0])

    @needs("curl")
    def test_curl_sends(self) -> None:
        """Curl sends over STARTTLS and verifies the certificate."""
        path = self.folder / "message.eml"
        path.write_bytes(self.message)
        self.run_client(
            *("curl", "-sS", "--ssl-reqd", "--cacert", str(self.server.ca)),
            *("--mail-from", "bob@example.test", "--mail-rcpt", ALICE),
            *("-T", str(path)),
            f"smtp://localhost:{self.server.port('smtp')}/client.example.test",
        )
        self.assert_stored_once(self.message)

    @needs("swaks")
    def test_swaks_sends(self) -> None:
        """Swaks sends over STARTTLS, with and without PIPELINING."""
        for extra in ([], ["--pipeline"]):
            self.run_client(
                *("swaks", "--server", f"localhost:{self.server.port('smtp')}"),
                *("--tls", "--tls-ca-path", str(self.server.ca), "--tls-verify"),
                *("--from", "bob@example.test", "--to", ALICE, *extra),
                *("--h-Subject", f"{self.subject} {len(extra)}"),
            )
        stored = [m for m in self.server.stored("alice") if self.subject.encode() in m]
        self.assertEqual(len(stored), 2)

    @needs("msmtp")
    def test_msmtp_sends(self) -> None:
        """Msmtp sends over STARTTLS and verifies the certificate."""
        rc = self.write(
            "msmtprc",
            f"account default\nhost localhost\nport {self.server.port('smtp')}\n"
            "from bob@example.test\ntls on\ntls_starttls on\n"
            f"tls_trust_file {self.server.ca}\n",
        )
        self.run_client("msmtp", "-C", rc, ALICE, stdin=self.message)
        self.assert_stored_once(self.message.partition(b"\r\n\r\n")[2])

    # ---- fetching

    def test_poplib(self) -> None:
        """Poplib reads it back octet for octet, over STLS and over POP3S."""
        self.send()
        context = ssl.create_default_context(cafile=str(self.server.ca))
        for implicit in (False, True):
            port = self.server.port("pop3s" if implicit else "pop3")
            pop: poplib.POP3
            if implicit:
                pop = poplib.POP3_SSL("localhost", port, context=context)
            else:
                pop = poplib.POP3("localhost", port)
                pop.stls(context)
            pop.user("alice")
            pop.pass_(PASSWORD)
            count, octets = pop.stat()
            texts = [b"\r\n".join([*pop.retr(n + 1)[1], b""]) for n in range(count)]
            self.assertEqual(sum(map(len, texts)), octets)
            found = [m for m in texts if self.subject.encode() in m]
            self.assertEqual(len(found), 1)
            self.assertTrue(found[0].endswith(self.message))
            pop.quit()

    @needs("curl")
    def test_curl_fetches(self) -> None:
        """Curl lists and retrieves over STLS and over POP3S."""
        self.send()
        pop3 = f"pop3://localhost:{self.server.port('pop3')}/"
        pop3s = f"pop3s://localhost:{self.server.port('pop3s')}/"
        common = (
            *("curl", "-sS", "--ssl-reqd", "--cacert", str(self.server.ca)),
            *("-u", f"alice:{PASSWORD}"),
        )
        for url in (pop3, pop3s):
            numbers = [
                line.split()[0].decode()
                for line in self.run_client(*common, url).split(b"\n")
                if line.strip()
            ]
            texts = [self.run_client(*common, url + number) for number in numbers]
            self.assert_fetched(texts)

    @needs("mpop")
    def test_mpop(self) -> None:
        """Mpop fetches once; its second run finds all UIDLs known."""
        self.send()
        box = self._maildir()
        for port, starttls in (("pop3", "on"), ("pop3s", "off")):
            rc = self.write(
                "mpoprc",
                f"account default\nhost localhost\nport {self.server.port(port)}\n"
                f"user alice\npassword {PASSWORD}\ntls on\ntls_starttls {starttls}\n"
                f"tls_trust_file {self.server.ca}\nauth on\nkeep on\n"
                f"uidls_file {self.folder}/uidls\ndelivery maildir {box}\n",
            )
            self.run_client("mpop", "-C", rc, "-q")
            self.assert_fetched(self._fetched(box))

    @needs("fetchmail")
    def test_fetchmail(self) -> None:
        """Fetchmail fetches over STLS and over POP3S."""
        self.send()
        for port, tls in (("pop3", "sslproto tls1.2+"), ("pop3s", "ssl")):
            out = self.folder / port
            out.mkdir()
            rc = self.write(
                "fetchmailrc",
                "set no bouncemail\n"
                f"poll localhost proto pop3 port {self.server.port(port)} "
                f'user "alice" password "{PASSWORD}" {tls} sslcertck '
                f'sslcertfile "{self.server.ca}" keep fetchall '
                f'mda "cat > {out}/$$.$(date +%s%N)"\n',
            )
            self.run_client(
                *("fetchmail", "-f", rc, "--nosyslog"),
                *("--pidfile", str(self.folder / "pid")),
                *("-i", str(self.folder / "ids")),
            )
            self.assert_fetched([file.read_bytes() for file in out.iterdir()])

    @needs("getmail")
    def test_getmail(self) -> None:
        """Getmail fetches over POP3S; it refuses to be root."""
        self.send()
        box = self._maildir()
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.server.ca.read_bytes())
        rc = self.write(
            "getmailrc",
            "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\n"
            f"port = {self.server.port('pop3s')}\nusername = alice\n"
            f"password = {PASSWORD}\nca_certs = {ca}\n"
            f"[destination]\ntype = Maildir\npath = {box}/\n"
            "[options]\nread_all = false\ndelete = false\n",
        )
        become: tuple[str, ...] = ()
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                self.skipTest("getmail refuses root and setpriv is not installed")
            self.folder.chmod(0o755)
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "nobody", "nogroup")
            become = (
                *("setpriv", "--reuid", "nobody", "--regid", "nogroup"),
                "--clear-groups",
            )
        self.run_client(
            *become, "getmail", f"--getmaildir={self.folder}", f"--rcfile={rc}"
        )
        self.assert_fetched(self._fetched(box))

    def _maildir(self) -> Path:
        box = self.folder / "box"
        for name in ("cur", "new", "tmp"):
            (box / name).mkdir(parents=True)
        return box

    def _fetched(self, box: Path) -> list[bytes]:
        return [
            file.read_bytes()
            for name in ("new", "cur")
            for file in (box / name).iterdir()
        ]
