"""Real clients log in and hand in real messages, over STARTTLS and implicit TLS."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

from tests.interop.case import TRUSTING, ServedCase
from tests.interop.client_case import ALICE, ClientCase, needs
from tests.interop.demo import PASSWORD
from tests.interop.served import Setup
from tests.rows import rows, tabled
from tests.threats import threat

BOB = "bob@example.test"
_ROOT = Path(__file__).parents[2]


class SubmissionCase(ClientCase):
    """Bob hands in messages for alice."""

    @property
    def context(self) -> ssl.SSLContext:
        """Trusts the demo's certificate."""
        return ssl.create_default_context(cafile=str(self.server.ca))

    def dial(self, label: str) -> smtplib.SMTP:
        """A connection that TLS protects; closed after the test."""
        port = self.server.port(label)
        client: smtplib.SMTP
        if label == "submissions":
            client = smtplib.SMTP_SSL("localhost", port, context=self.context)
        else:
            client = smtplib.SMTP("localhost", port)
            client.starttls(context=self.context)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def message_file(self) -> str:
        """The message, for clients that read files."""
        path = self.folder / "message.eml"
        path.write_bytes(self.message)
        return str(path)

    def app_password(self, *words: str) -> str:
        """Run ``mailapp user app-password``; what it printed."""
        command = [sys.executable, "-m", "mailapp.cli.main", "user", "app-password"]
        config = ["--config", str(self.server.data / "mailapp.toml")]
        done = subprocess.run(  # noqa: S603 - our own program
            [*command, *words, *config],
            capture_output=True,
            cwd=_ROOT,
            timeout=60,
            check=True,
        )
        return done.stdout.decode().strip()


@tabled
class SubmissionTests(SubmissionCase):
    """Clients and mechanisms, on both ports."""

    @rows(
        starttls_plain=("submission", "PLAIN"),
        starttls_login=("submission", "LOGIN"),
        implicit_plain=("submissions", "PLAIN"),
        implicit_login=("submissions", "LOGIN"),
    )
    def test_smtplib(self, label: str, mechanism: str) -> None:
        """Smtplib logs in; body and header arrive as they were, and Date is there."""
        client = self.dial(label)
        client.user, client.password = BOB, PASSWORD
        client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
        client.sendmail(BOB, [ALICE], self.message, ["BODY=8BITMIME"])
        self.assert_stored_once(self.message)
        (stored,) = self.found()
        self.assertIn(b"with ESMTPSA id", stored)
        self.assertIn(b"\r\nDate: ", stored)
        self.assertIn(b"\r\nMessage-ID: <", stored)

    @rows(
        starttls_plain=("submission", "smtp", "PLAIN"),
        starttls_login=("submission", "smtp", "LOGIN"),
        implicit_plain=("submissions", "smtps", "PLAIN"),
        implicit_login=("submissions", "smtps", "LOGIN"),
    )
    @needs("curl")
    def test_curl(self, label: str, scheme: str, mechanism: str) -> None:
        """Curl logs in and hands in."""
        self.run_client(
            *("curl", "-sS", "--ssl-reqd", "--cacert", str(self.server.ca)),
            *("-u", f"{BOB}:{PASSWORD}", "--login-options", f"AUTH={mechanism}"),
            *("--mail-from", BOB, "--mail-rcpt", ALICE, "-T", self.message_file()),
            f"{scheme}://localhost:{self.server.port(label)}/client.example.test",
        )
        self.assert_stored_once(self.message)

    @rows(
        starttls_plain=("submission", "--tls", "PLAIN"),
        starttls_login=("submission", "--tls", "LOGIN"),
        implicit_plain=("submissions", "--tls-on-connect", "PLAIN"),
        implicit_login=("submissions", "--tls-on-connect", "LOGIN"),
    )
    @needs("swaks")
    def test_swaks(self, label: str, tls: str, mechanism: str) -> None:
        """Swaks logs in and hands in."""
        self.run_client(
            *("swaks", "--server", f"localhost:{self.server.port(label)}", tls),
            *("--tls-ca-path", str(self.server.ca), "--tls-verify"),
            *("--auth", mechanism, "--auth-user", BOB, "--auth-password", PASSWORD),
            *("--from", BOB, "--to", ALICE, "--h-Subject", self.subject),
        )
        self.assertEqual(len(self.found()), 1)

    @rows(
        starttls_plain=("submission", "on", "plain"),
        starttls_login=("submission", "on", "login"),
        starttls_scram=("submission", "on", "scram-sha-256"),
        implicit_scram=("submissions", "off", "scram-sha-256"),
    )
    @needs("msmtp")
    def test_msmtp(self, label: str, starttls: str, mechanism: str) -> None:
        """Msmtp logs in, by SCRAM too, and hands in."""
        rc = self.write(
            "msmtprc",
            f"account default\nhost localhost\nport {self.server.port(label)}\n"
            f"from {BOB}\ntls on\ntls_starttls {starttls}\n"
            f"tls_trust_file {self.server.ca}\nauth {mechanism}\nuser {BOB}\n"
            f"password {PASSWORD}\n",
        )
        self.run_client("msmtp", "-C", rc, ALICE, stdin=self.message)
        self.assert_stored_once(self.message.partition(b"\r\n\r\n")[2])

    def found(self) -> list[bytes]:
        """Alice's messages under this subject."""
        mark = f"Subject: {self.subject}".encode()
        return [octets for octets in self.server.stored("alice") if mark in octets]

    @threat(18, 28, 29)
    def test_refused(self) -> None:
        """Nobody sends without a login, in the clear, or as somebody else."""
        client = self.dial("submission")
        self.assertEqual(client.mail(BOB)[0], 530)
        self.assertEqual(client.docmd("AUTH", "PLAIN AGJvYgB3cm9uZw==")[0], 535)
        client.login(BOB, PASSWORD)
        self.assertEqual(client.mail(ALICE)[0], 550)
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            client.sendmail(BOB, [ALICE], b"From: alice@example.test\r\n\r\nhi\r\n")
        self.assertEqual(caught.exception.smtp_code, 550)
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            client.sendmail(BOB, [ALICE], b"From: nobody\r\n\r\nhi\r\n")
        self.assertEqual(caught.exception.smtp_code, 554)

    @threat(48)
    def test_app_password(self) -> None:
        """It logs in at once, and its removal ends what it opened."""
        label = self.id().rpartition(".")[2]
        password = self.app_password("add", BOB, label)
        client = self.dial("submissions")
        client.login(BOB, password)
        client.sendmail(BOB, [ALICE], self.message, ["BODY=8BITMIME"])
        self.assert_stored_once(self.message)
        self.assertIn(label, self.app_password("list", BOB))
        self.app_password("remove", BOB, label)
        self.assertEqual(client.mail(BOB)[0], 421)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.dial("submissions").login(BOB, password)


class WorkersTests(SubmissionCase):
    """The same in several processes."""

    arguments: ClassVar = ("--workers", "2")

    def test_smtplib(self) -> None:
        """Whichever worker takes it."""
        for _ in range(4):
            client = self.dial("submissions")
            client.login(BOB, PASSWORD)
            client.sendmail(BOB, [ALICE], self.message, ["BODY=8BITMIME"])
        bodies = [m for m in self.server.stored("alice") if m.endswith(self.message)]
        self.assertEqual(len(bodies), 4)


class LimitTests(ServedCase):
    """What one account may send, in all processes together."""

    setup: ClassVar = Setup(
        workers=2, tables=f"{TRUSTING}[submission]\nmessages-per-hour = 2\n"
    )

    def dial_in(self) -> smtplib.SMTP_SSL:
        """Bob, logged in at one of the workers."""
        context = ssl.create_default_context(cafile=str(self.server.ca))
        port = self.server.port("submissions")
        client = smtplib.SMTP_SSL("localhost", port, context=context)
        self.addCleanup(client.close)
        client.login(BOB, PASSWORD)
        return client

    def test_shared(self) -> None:
        """After two messages no worker takes a third; the reply says when one will."""
        message = f"From: {BOB}\r\n\r\nhello\r\n".encode()
        client = self.dial_in()
        for _ in range(2):
            client.sendmail(BOB, [BOB], message)
        code, text = client.mail(BOB)
        self.assertEqual(code, 450)
        self.assertIn(b"4.7.1 you have sent too many messages; try again in 6", text)
        refused, deadline = 0, time.monotonic() + 20.0
        while refused < 6 and time.monotonic() < deadline:
            # more in a row than go to one worker by chance
            refused = refused + 1 if self.dial_in().mail(BOB)[0] == 450 else 0
        self.assertEqual(refused, 6)
