"""The demo's certificate authority."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo.certificates import make_demo_certificates
from tests.threats import threat

NAMES = ("localhost", "127.0.0.1", "::1", "mx.example.test")


class CertificateTests(SynchronousTestCase):
    """Made once, verified by a client."""

    def setUp(self) -> None:
        """A folder with all of them."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        make_demo_certificates(self.folder, NAMES)

    def shake(self, name: str, *, trust: bool = True) -> None:
        """A handshake in memory; raises what the client's verification raises."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        ca = self.folder / "ca.pem" if trust else None
        client = ssl.create_default_context(cafile=ca)
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = client.wrap_bio(to_client, to_server, server_hostname=name)
        theirs = server.wrap_bio(to_server, to_client, server_side=True)
        for step in (ours, theirs, ours, theirs):
            try:
                step.do_handshake()
            except ssl.SSLWantReadError:
                continue

    def test_every_name(self) -> None:
        """A client that trusts the CA verifies each name and address."""
        for name in NAMES:
            self.shake(name)

    def test_other_name(self) -> None:
        """Another name does not verify."""
        self.assertRaises(ssl.SSLCertVerificationError, self.shake, "other.test")

    def test_trusted_by_nobody(self) -> None:
        """Without the CA nothing verifies."""
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.shake("localhost", trust=False)

    def test_again(self) -> None:
        """What is there stays; what is not whole is made anew."""
        files = ("ca.pem", "server.pem", "server.key")
        before = [(self.folder / name).read_bytes() for name in files]
        make_demo_certificates(self.folder, NAMES)
        self.assertEqual(before, [(self.folder / name).read_bytes() for name in files])
        (self.folder / "server.pem").unlink()
        make_demo_certificates(self.folder, NAMES)
        self.shake("localhost")

    @threat(36)
    def test_private(self) -> None:
        """The server's key is for the owner; the CA's is not written anywhere."""
        mode = (self.folder / "server.key").stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        self.assertEqual(
            sorted(os.listdir(self.folder)), ["ca.pem", "server.key", "server.pem"]
        )

    def test_kinds(self) -> None:
        """One may sign and not serve, the other serve and not sign."""
        ca, server = (
            x509.load_pem_x509_certificate((self.folder / name).read_bytes())
            for name in ("ca.pem", "server.pem")
        )
        for certificate, signs in ((ca, True), (server, False)):
            basic = certificate.extensions.get_extension_for_class(
                x509.BasicConstraints
            )
            self.assertEqual(basic.value.ca, signs)
