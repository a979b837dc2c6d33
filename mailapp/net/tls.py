"""TLS for listeners: certificates by name, reload while serving, no old tricks.

TLS 1.2 or later (RFC 8996 deprecates what came before), no compression (CRIME), no
renegotiation, and a session-id context per service, so that a session or ticket of
one service is no key to another (RFC 9325, section 3.4 and ALPACA).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar, Final

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from mailapp.core.peer import TLS
from mailapp.net.keyfiles import is_shared

_END_POINT: Final = "tls-server-end-point"
_EXPORTER: Final = "tls-exporter"
_EXPORTER_LABEL: Final = b"EXPORTER-Channel-Binding"
_EXPORTER_SIZE: Final = 32
_OPTIONS: Final = (
    SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_CIPHER_SERVER_PREFERENCE
    | SSL.OP_SINGLE_DH_USE
    | SSL.OP_SINGLE_ECDH_USE
)
CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!eNULL:!PSK"
"""For TLS 1.2: forward secrecy and AEAD only (RFC 9325, section 4.2)."""


class BadCertificate(Exception):
    """A certificate or key can't be used; the text names the file and the fix."""


@frozen
class CertificateFiles:
    """Where a certificate lies.

    Attributes:
        chain: PEM file: the server's certificate first, then intermediates.
        key: PEM file of the private key; readable by nobody but its owner.
    """

    chain: str
    key: str


class _Loaded:
    """One certificate as a context, the names it is good for, and its hash."""

    def __init__(self, context: SSL.Context, certificate: x509.Certificate) -> None:
        self.context: Final = context
        self.names: Final = tuple(_names(certificate))
        self.expires: Final = certificate.not_valid_after_utc.timestamp()
        self.end_point: Final = _end_point(certificate)


class _Bindings(Mapping[str, bytes]):
    """Channel bindings that are computed when a mechanism asks for them."""

    __slots__ = ("_end_point", "_handle")

    def __init__(self, handle: SSL.Connection, end_point: bytes) -> None:
        self._handle = handle
        self._end_point = end_point

    def __getitem__(self, kind: str) -> bytes:
        if kind not in self._kinds:
            raise KeyError(kind)
        if kind == _END_POINT:
            return self._end_point
        return self._handle.export_keying_material(_EXPORTER_LABEL, _EXPORTER_SIZE, b"")

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def _kinds(self) -> Sequence[str]:
        # RFC 9266, section 4.2: with TLS 1.2 only if the extended master secret was
        # negotiated, which is not to be seen here; so TLS 1.3 only.
        if self._handle.get_protocol_version() >= SSL.TLS1_3_VERSION:
            return (_END_POINT, _EXPORTER)
        return (_END_POINT,)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """The TLS of one service: what ``startTLS`` is given.

    Args:
        certificates: the first is shown to clients that name nobody we know.
        service: sets sessions of this service apart from those of others.
        alpn: protocol names to select from (RFC 7301), for example ``(b"imap",)``. A
            client that offers only others is refused, one that offers none is not.
        client_authority: PEM file of the authorities whose client certificates are
            asked for and verified, for EXTERNAL; None to ask for none.

    Raises:
        BadCertificate: a file is missing, broken, does not fit, or a key may be read
            by others.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        certificates: Sequence[CertificateFiles],
        service: bytes,
        alpn: Sequence[bytes] = (),
        client_authority: str | None = None,
    ) -> None:
        if not certificates:
            msg = "no certificate is configured; TLS needs at least one"
            raise BadCertificate(msg)
        self.layer: object | None = None
        """What the transports keep here: it is the same for all connections."""
        self.certificates: Final = tuple(certificates)
        self.service: Final = service
        self.alpn: Final = tuple(alpn)
        self.client_authority: Final = client_authority
        # RFC 5246, section 7.4.1.3 has no room for more than 32 octets.
        self._session_context = hashlib.sha256(service + os.urandom(16)).digest()
        self._default: _Loaded
        self._exact: dict[str, _Loaded] = {}
        self._wildcard: dict[str, _Loaded] = {}
        self.reload()

    def reload(self) -> None:
        """Read all files again; new connections get what they say.

        Either all of them are taken or none is. Connections under way keep theirs.

        Raises:
            BadCertificate: what was loaded before stays in use.
        """
        loaded = [self._load(files) for files in self.certificates]
        exact: dict[str, _Loaded] = {}
        wildcard: dict[str, _Loaded] = {}
        for one in loaded:
            for name in one.names:
                if name.startswith("*."):
                    wildcard.setdefault(name[2:], one)
                else:
                    exact.setdefault(name, one)
        self._default, self._exact, self._wildcard = loaded[0], exact, wildcard

    @property
    def expires(self) -> float:
        """When the first certificate expires: seconds since 1970."""
        every = [self._default, *self._exact.values(), *self._wildcard.values()]
        return min(one.expires for one in every)

    def is_for(self, name: str) -> bool:
        """Whether a certificate is for this name."""
        return name in self._exact or name.partition(".")[2] in self._wildcard

    def serverConnectionForTLS(self, _protocol: object) -> SSL.Connection:  # noqa: N802 - Twisted calls it
        """A connection that has not begun its handshake; for Twisted."""
        connection = SSL.Connection(self._default.context, None)
        connection.set_app_data(None)
        return connection

    def facts(self, handle: SSL.Connection) -> TLS:
        """What a finished handshake has negotiated."""
        name = _asked_name(handle)
        certificate = handle.get_peer_certificate() if self.client_authority else None
        return TLS(
            version=handle.get_protocol_version_name(),
            cipher=handle.get_cipher_name() or "",
            server_name=name,
            bindings=_Bindings(handle, self._find(name).end_point),
            client_name=None if certificate is None else _client_name(certificate),
        )

    def _find(self, name: str) -> _Loaded:
        """By exact name, else by a wildcard of one label (RFC 9525, section 6.3)."""
        found = self._exact.get(name)
        if found is None:
            found = self._wildcard.get(name.partition(".")[2])
        return self._default if found is None else found

    def _load(self, files: CertificateFiles) -> _Loaded:
        _refuse_shared_key(files.key)
        _refuse_locked_key(files.key)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(_OPTIONS)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_cipher_list(CIPHERS)
        context.set_session_id(self._session_context)
        context.set_tlsext_servername_callback(self._named)
        if self.alpn:
            context.set_alpn_select_callback(self._select)
        if self.client_authority is not None:
            _ask_for_certificate(context, self.client_authority)
        certificate = _first_certificate(files.chain)
        try:
            context.use_certificate_chain_file(files.chain)
        except SSL.Error:
            raise BadCertificate(
                f"{files.chain} is no chain of PEM certificates"
            ) from None
        try:
            context.use_privatekey_file(files.key)
            context.check_privatekey()
        except SSL.Error:
            raise BadCertificate(
                f"{files.key} is not the PEM private key for {files.chain}; "
                "name the key that this certificate was made for"
            ) from None
        return _Loaded(context, certificate)

    def _named(self, connection: SSL.Connection) -> None:
        """The client has named a server (RFC 6066, section 3)."""
        found = self._find(_asked_name(connection))
        if found is not self._default:
            connection.set_context(found.context)

    def _select(self, _connection: SSL.Connection, offered: list[bytes]) -> bytes:
        """Choose the protocol, or refuse: RFC 7301, section 3.2."""
        for name in self.alpn:
            if name in offered:
                return name
        raise WrongProtocol


class WrongProtocol(SSL.Error):
    """The client offers only protocols that this service does not speak.

    Twisted takes an ``SSL.Error`` for the end of a handshake and reads its arguments.
    """

    def __init__(self) -> None:
        super().__init__([("mailapp", "", "no application protocol in common")])


def _asked_name(connection: SSL.Connection) -> str:
    """The name the client asked for, in lower case; empty for none or nonsense."""
    name = connection.get_servername() or b""
    try:
        return name.decode("ascii").lower()
    except UnicodeDecodeError:
        return ""


def _refuse_shared_key(path: str) -> None:
    try:
        shared = is_shared(path)
    except OSError as error:
        raise BadCertificate(f"{path}: {error.strerror}") from None
    if shared:
        raise BadCertificate(
            f"{path} may be read by others than its owner; run: chmod 600 {path}"
        )


def _refuse_locked_key(path: str) -> None:
    """A server has nobody to ask for a password; OpenSSL would ask the terminal."""
    with suppress(ValueError, UnsupportedAlgorithm):  # OpenSSL says what it is
        try:
            serialization.load_pem_private_key(_read(path), None)
        except TypeError:
            raise BadCertificate(
                f"{path} has a password; run: openssl pkey -in {path} -out NEW"
            ) from None


def _first_certificate(path: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read(path))[0]
    except ValueError:
        raise BadCertificate(f"{path} holds no PEM certificate") from None


def _ask_for_certificate(context: SSL.Context, authority: str) -> None:
    """A client that has none is let in; one that is not verified is not."""
    if not _read(authority).count(b"-----BEGIN CERTIFICATE-----"):
        raise BadCertificate(f"{authority} holds no PEM certificate")
    try:
        context.load_verify_locations(authority)
    except SSL.Error:
        raise BadCertificate(f"{authority} holds a broken certificate") from None
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_CLIENT_ONCE)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadCertificate(f"{path}: {error.strerror}") from None


def _names(certificate: x509.Certificate) -> Iterator[str]:
    """DNS names of the certificate; the common name only if it has none.

    RFC 9525, section 2 takes no common names; here one only chooses a certificate.
    """
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    if not names:
        names = [str(a.value) for a in _common_names(certificate)]
    return (name.lower() for name in names)


def _common_names(certificate: x509.Certificate) -> list[x509.NameAttribute[str]]:
    return certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)  # type: ignore[return-value]


def _end_point(certificate: x509.Certificate) -> bytes:
    """The hash of our certificate: RFC 5929, section 4.1.

    The hash function of its signature, but SHA-256 where that is MD5 or SHA-1 or
    where the signature has none (Ed25519).
    """
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)


def _client_name(certificate: crypto.X509) -> str | None:
    """Who the client is: the first e-mail address, else the common name."""
    parsed = certificate.to_cryptography()
    try:
        emails = parsed.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        emails = []
    if emails:
        return emails[0]
    names = _common_names(parsed)
    return str(names[0].value) if names else None
