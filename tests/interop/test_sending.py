"""Real clients send real messages over TLS through a started server."""

from __future__ import annotations

import smtplib
import ssl
from typing import ClassVar

from tests.interop.client_case import ALICE, EIGHT_BIT, ClientCase, needs


class SendingTests(ClientCase):
    """Sending to a server of one process."""

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


class WorkersTests(ClientCase):
    """Sending to a server of several processes."""

    arguments: ClassVar = ("--workers", "2")

    def test_smtplib(self) -> None:
        """Whichever worker takes it: it lies in the Maildir octet for octet."""
        for number in range(4):
            self.subject = f"for worker, {number}"
            self.message = EIGHT_BIT.format(subject=self.subject).encode()
            self.send()
            self.assert_stored_once(self.message)
