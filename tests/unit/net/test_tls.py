"""TLS in memory: our server side against the client of the standard library."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.peer import TLS
from mailapp.net.tls import BadCertificate, CertificateFiles, ServerTLS
from tests.certificates import Made, make_ca, make_cert
from tests.rows import rows, tabled
from tests.threats import threat


class _Link:
    """A client and a server whose octets we carry."""

    def __init__(
        self,
        tls: ServerTLS,
        context: ssl.SSLContext,
        name: str | None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._to_client, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(
            self._to_client, self._to_server, server_hostname=name, session=session
        )
        self.tls = tls
        self.server = tls.serverConnectionForTLS(None)
        self.server.set_accept_state()

    def shake(self) -> _Link:
        """Do the whole handshake."""
        steps: list[Callable[[], object]] = [
            self.client.do_handshake,
            self.server.do_handshake,
        ]
        for _ in range(4):
            for step in steps:
                self._try(step)
                self._carry()
        self._try(lambda: self.server.send(b"hello"))
        self._carry()
        self._try(lambda: self.client.read(5))
        return self

    def facts(self) -> TLS:
        return self.tls.facts(self.server)

    @property
    def shown(self) -> bytes | None:
        """The server's certificate."""
        return self.client.getpeercert(binary_form=True)

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except (ssl.SSLWantReadError, SSL.WantReadError):
            pass
        except SSL.Error as error:
            self._carry()
            if not error.args or not error.args[0]:
                return
            raise

    def _carry(self) -> None:
        octets = self._to_server.read()
        if octets:
            self.server.bio_write(octets)
        try:
            while True:
                self._to_client.write(self.server.bio_read(65536))
        except SSL.WantReadError:
            pass


def _files(made: Made) -> CertificateFiles:
    return CertificateFiles(str(made.chain), str(made.key))


class _TLSCase(SynchronousTestCase):
    def setUp(self) -> None:
        """An authority and two certificates."""
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.ca = make_ca(self.folder)
        self.first = make_cert(["mail.example.test"], self.folder, self.ca)
        self.second = make_cert(["other.test", "*.wild.test"], self.folder, self.ca)
        self.tls = self.server()

    def server(self, service: bytes = b"smtp", *alpn: bytes, **more: Any) -> ServerTLS:
        """The listener's side."""
        return ServerTLS(
            [_files(self.first), _files(self.second)], service, alpn, **more
        )

    def client(self, **options: Any) -> ssl.SSLContext:
        """A client that trusts our authority."""
        context = ssl.create_default_context(cafile=str(self.ca.path))
        context.check_hostname = False
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def link(self, name: str | None = "mail.example.test", **options: Any) -> _Link:
        """A finished handshake."""
        return _Link(self.tls, self.client(**options), name).shake()


@tabled
class ServerTLSTests(_TLSCase):
    """Certificates, names, versions, reload."""

    def test_keeps_the_interface(self) -> None:
        """Twisted can use it."""
        verifyObject(IOpenSSLServerConnectionCreator, self.tls)

    @rows(
        first=("mail.example.test", 0),
        second=("other.test", 1),
        case=("OTHER.test", 1),
        wildcard=("a.wild.test", 1),
        wildcard_is_one_label=("a.b.wild.test", 0),
        wildcard_itself=("wild.test", 0),
        unknown=("unknown.test", 0),
        none=(None, 0),
    )
    @threat(34)
    def test_certificate_by_name(self, name: str | None, index: int) -> None:
        """The exact name, a wildcard of one label, else the first."""
        expected = (self.first, self.second)[index].certificate
        self.assertEqual(self.link(name).shown, expected.public_bytes(Encoding.DER))

    @threat(34)
    @given(name=st.binary(min_size=1, max_size=250).filter(lambda n: b"\0" not in n))
    @settings(max_examples=50, deadline=None)
    def test_any_name(self, name: bytes) -> None:
        """Whatever octets a client names, it gets the default certificate."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        client = SSL.Connection(context, None)
        client.set_connect_state()
        client.set_tlsext_host_name(name)
        server = self.tls.serverConnectionForTLS(None)
        server.set_accept_state()
        for source, sink in ((client, server), (server, client)):
            try:
                source.do_handshake()
            except SSL.WantReadError:
                sink.bio_write(source.bio_read(65536))
        try:
            client.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error:
            return
        shown = client.get_peer_certificate(as_cryptography=True)
        self.assertEqual(shown, self.first.certificate)

    def test_facts(self) -> None:
        """What was negotiated, for the session."""
        facts = self.link("Mail.Example.TEST").facts()
        self.assertEqual(facts.version, "TLSv1.3")
        self.assertEqual(facts.server_name, "mail.example.test")
        self.assertIn("AES", facts.cipher + "CHACHA-AES")
        self.assertIsNone(facts.client_name)

    def test_bindings(self) -> None:
        """RFC 9266 for TLS 1.3, RFC 5929 for our certificate, whichever was shown."""
        bindings = self.link("other.test").facts().bindings
        self.assertEqual(len(bindings["tls-exporter"]), 32)
        der = self.second.certificate.public_bytes(Encoding.DER)
        self.assertEqual(bindings["tls-server-end-point"], sha256(der).digest())
        self.assertRaises(KeyError, lambda: bindings["tls-unique"])

    def test_no_exporter_before_tls_1_3(self) -> None:
        """RFC 9266, section 4.2: not without the extended master secret."""
        link = self.link(maximum_version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(link.facts().version, "TLSv1.2")
        self.assertEqual(list(link.facts().bindings), ["tls-server-end-point"])

    @threat(31)
    def test_tls_1_2_is_modern(self) -> None:
        """Forward secrecy, AEAD, no compression."""
        link = self.link(maximum_version=ssl.TLSVersion.TLSv1_2)
        self.assertRegex(link.facts().cipher, "^ECDHE-.*(GCM|CHACHA20)")
        self.assertIsNone(link.client.compression())

    @threat(31)
    def test_no_renegotiation(self) -> None:
        """A client that asks for it hears no, and the server goes on."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client = SSL.Connection(context, None)
        client.set_connect_state()
        server = self.tls.serverConnectionForTLS(None)
        server.set_accept_state()
        ends = [(client, server), (server, client)] * 3
        for source, sink in ends:
            self._step(source.do_handshake, source, sink)
        client.renegotiate()
        self._step(client.do_handshake, client, server)
        self.assertRaises(SSL.WantReadError, server.recv, 1)
        client.bio_write(server.bio_read(65536))
        problem = self.assertRaises(SSL.Error, client.do_handshake)
        self.assertIn("renegotiation", str(problem))

    def _step(
        self, step: Callable[[], object], source: SSL.Connection, sink: SSL.Connection
    ) -> None:
        with contextlib.suppress(SSL.WantReadError):
            step()
        with contextlib.suppress(SSL.WantReadError):
            sink.bio_write(source.bio_read(65536))

    @rows(
        one=([b"pop3"], ["pop3"], "pop3"),
        ours_first=([b"a", b"b"], ["b", "a"], "a"),
        silent=([b"pop3"], [], None),
        not_offered=([], ["h2"], None),
    )
    @threat(32)
    def test_application_protocol(
        self, ours: list[bytes], theirs: list[str], expected: str | None
    ) -> None:
        """Selected from what the listener speaks; silence is taken."""
        self.tls = self.server(b"x", *ours)
        context = self.client()
        if theirs:
            context.set_alpn_protocols(theirs)
        link = _Link(self.tls, context, "other.test").shake()
        self.assertEqual(link.client.selected_alpn_protocol(), expected)

    @threat(32)
    def test_foreign_application_protocol(self) -> None:
        """A client of another protocol does not get through the handshake."""
        self.tls = self.server(b"x", b"pop3")
        context = self.client()
        context.set_alpn_protocols(["http/1.1"])
        link = _Link(self.tls, context, "other.test")
        self.assertRaises(SSL.Error, link.shake)

    @threat(33)
    def test_sessions_of_one_service_only(self) -> None:
        """A session is resumed by the service that gave it, and by no other."""
        other = self.server(b"imap")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.client(maximum_version=version)
            session = _Link(self.tls, context, "other.test").shake().client.session
            same = _Link(self.tls, context, "other.test", session).shake()
            self.assertTrue(same.client.session_reused)
            elsewhere = _Link(other, context, "other.test", session).shake()
            self.assertFalse(elsewhere.client.session_reused)

    @threat(37)
    def test_reload(self) -> None:
        """New connections see new files, those under way keep what they have."""
        begun = _Link(self.tls, self.client(), "mail.example.test")
        before = self.first.certificate.public_bytes(Encoding.DER)
        renewed = make_cert(["mail.example.test"], self.folder, self.ca).certificate
        self.assertEqual(self.link().shown, before)
        self.tls.reload()
        self.assertEqual(self.link().shown, renewed.public_bytes(Encoding.DER))
        self.assertEqual(begun.shake().shown, before)

    @threat(37)
    def test_reload_in_the_middle_of_a_renewal(self) -> None:
        """A new certificate with the old key is refused; all old ones stay in use."""
        before = self.first.certificate.public_bytes(Encoding.DER)
        old_key = self.first.key.read_bytes()
        make_cert(["mail.example.test"], self.folder, self.ca)
        self.first.key.write_bytes(old_key)
        self.assertRaises(BadCertificate, self.tls.reload)
        self.assertEqual(self.link().shown, before)

    @threat(37)
    def test_expiry(self) -> None:
        """Whoever watches can see when the first one ends."""
        ends = self.first.certificate.not_valid_after_utc.timestamp()
        self.assertLessEqual(self.tls.expires, ends)

    def test_rsa(self) -> None:
        """RSA keys serve as well."""
        self.first = make_cert(["rsa.test"], self.folder, self.ca, use_rsa=True)
        self.tls = self.server()
        self.assertEqual(self.link("rsa.test").facts().version, "TLSv1.3")

    def test_client_certificate(self) -> None:
        """It is asked for, verified, and gives the name for EXTERNAL."""
        self.tls = self.server(client_authority=str(self.ca.path))
        mine = make_cert(["alice"], self.folder, self.ca, email="alice@example.test")
        context = self.client()
        context.load_cert_chain(mine.chain, mine.key)
        link = _Link(self.tls, context, "other.test").shake()
        self.assertEqual(link.facts().client_name, "alice@example.test")
        self.assertIsNone(self.link().facts().client_name)

    def test_client_certificate_of_a_stranger(self) -> None:
        """One that another authority signed does not get through."""
        self.tls = self.server(client_authority=str(self.ca.path))
        stranger = make_cert(["mallory"], self.folder)
        context = self.client()
        context.load_cert_chain(stranger.chain, stranger.key)
        link = _Link(self.tls, context, "other.test")
        self.assertRaises(SSL.Error, link.shake)


@tabled
class FilesTests(_TLSCase):
    """Files that can not be used."""

    @rows(group=0o640, others=0o604, execute=0o701)
    @threat(36)
    def test_key_that_others_may_read(self, mode: int) -> None:
        """It is refused, and the text says what to do."""
        self.first.key.chmod(mode)
        problem = self.assertRaises(BadCertificate, self.server)
        self.assertIn(f"chmod 600 {self.first.key}", str(problem))

    @rows(
        missing_key=("key", None, "No such file"),
        missing_chain=("chain", None, "No such file"),
        broken_key=("key", b"x", "is not the PEM private key for"),
        broken_chain=("chain", b"x", "holds no PEM certificate"),
    )
    def test_bad_files(self, which: str, content: bytes | None, text: str) -> None:
        """The text names the file."""
        path: Path = getattr(self.first, which)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        problem = self.assertRaises(BadCertificate, self.server)
        self.assertIn(text, str(problem))
        self.assertIn(str(path), str(problem))

    def test_none(self) -> None:
        """TLS without a certificate is a mistake."""
        self.assertRaises(BadCertificate, ServerTLS, [], b"smtp")

    def test_bad_client_authority(self) -> None:
        """The text names the file."""
        problem = self.assertRaises(
            BadCertificate, self.server, client_authority=str(self.first.key)
        )
        self.assertIn(str(self.first.key), str(problem))
