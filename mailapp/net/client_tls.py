"""TLS on connections that we make: who the server is, as far as we could find out.

Between mail servers encryption comes first: a certificate that nobody can verify still
keeps out who only listens (RFC 7672, section 1.3). So a handshake succeeds with any
certificate, and :meth:`ClientTLS.problem` says what is wrong with it; the one who needs
more closes.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from mailapp.net.tls import CIPHERS, BadCertificate, CertificateFiles


class _Trust:
    """What the verification of one chain has found."""

    def __init__(self) -> None:
        self.flaw = ""


_TRUST: Final[WeakKeyDictionary[SSL.Connection, _Trust]] = WeakKeyDictionary()
"""Of each connection; the one place for an object of ours in it is Twisted's."""


class ClientTLS:
    """The TLS of our client connections; one for all of them.

    Args:
        authorities: PEM file of the authorities to trust; None: those of the system.
        certificate: shown to servers that ask, for example for EXTERNAL.

    Raises:
        BadCertificate: a file is missing or broken.
    """

    def __init__(
        self,
        authorities: str | None = None,
        certificate: CertificateFiles | None = None,
    ) -> None:
        context = self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_cipher_list(CIPHERS)
        context.set_verify(SSL.VERIFY_PEER, _note)
        try:
            if authorities is None:
                context.set_default_verify_paths()
            else:
                context.load_verify_locations(authorities)
            if certificate is not None:
                context.use_certificate_chain_file(certificate.chain)
                context.use_privatekey_file(certificate.key)
                context.check_privatekey()
        except SSL.Error:
            files = authorities or "", certificate.chain if certificate else ""
            names = " or ".join([name for name in files if name])
            msg = f"{names} can't be used: it is missing, broken or does not fit"
            raise BadCertificate(msg) from None

    def to(self, name: str) -> _Creator:
        """What ``startTLS`` is given for a connection to this host."""
        return _Creator(self._context, _plain(name))

    @staticmethod
    def problem(handle: SSL.Connection, name: str) -> str:
        """Why this may not be ``name``; empty: its certificate was verified.

        RFC 9525, section 6: the name that we looked for, not one that we were told.
        """
        trust = _TRUST.get(handle)
        if trust is None:
            return "its certificate was not verified"
        if trust.flaw:
            return f"its certificate is not to be trusted: {trust.flaw}"
        name = _plain(name)
        try:
            if _is_address(name):
                verify_ip_address(handle, name)
            else:
                verify_hostname(handle, name)
        except (VerificationError, CertificateError):
            return f"its certificate is not for {name}"
        return ""


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    def __init__(self, context: SSL.Context, name: str) -> None:
        self._context = context
        self._name = name

    def clientConnectionForTLS(self, _protocol: object) -> SSL.Connection:  # noqa: N802
        """A connection that has not begun its handshake; for Twisted."""
        connection = SSL.Connection(self._context, None)
        _TRUST[connection] = _Trust()
        if not _is_address(self._name):
            # RFC 6066, section 3: "Literal IPv4 and IPv6 addresses are not permitted"
            connection.set_tlsext_host_name(self._name.encode("ascii"))
        return connection


def _note(
    connection: SSL.Connection, _certificate: Any, error: int, _depth: int, good: int
) -> bool:
    """Remember the first flaw, and go on."""
    trust = _TRUST.get(connection)
    if not good and trust is not None and not trust.flaw:
        trust.flaw = _FLAWS.get(error, f"OpenSSL error {error}")
    return True


_FLAWS: Final = {
    10: "it has expired",
    18: "it is self-signed",
    19: "its authority is not known",
    20: "its authority is not known",
    21: "its authority is not known",
}


def _plain(name: str) -> str:
    """An address literal as the address alone."""
    return name.strip("[]").removeprefix("IPv6:")


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
