"""Certificates for tests: EC P-256, made in a millisecond, worth nothing elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


@frozen
class Authority:
    """A certificate authority.

    Attributes:
        path: PEM file of its certificate, for clients to trust.
        certificate: the same, parsed.
        key: it signs with.
    """

    path: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@frozen
class Made:
    """A certificate and its key, in PEM files.

    Attributes:
        chain: the certificate.
        key: readable by its owner only.
        certificate: the same, parsed.
    """

    chain: Path
    key: Path
    certificate: x509.Certificate


def make_ca(folder: str | Path, name: str = "test CA") -> Authority:
    """Make an authority; writes ``<name>.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_subject(name), _subject(name), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = Path(folder, f"{name.replace(' ', '-')}.pem")
    path.write_bytes(certificate.public_bytes(_PEM))
    return Authority(path, certificate, key)


def make_cert(
    names: Sequence[str],
    folder: str | Path,
    authority: Authority | None = None,
    *,
    use_rsa: bool = False,
    email: str = "",
) -> Made:
    """Make a certificate; writes ``<first name>.pem`` and ``.key``.

    Args:
        names: DNS names; the first is the common name too.
        folder: to write to; files of the same name are replaced.
        authority: signs it; without one it signs itself.
        use_rsa: 2048 bits instead of P-256; slow to make.
        email: an address the certificate is for, as clients have.
    """
    key: Any = (
        rsa.generate_private_key(65537, 2048)
        if use_rsa
        else ec.generate_private_key(ec.SECP256R1())
    )
    subject = _subject(names[0])
    issuer = subject if authority is None else authority.certificate.subject
    general: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    if email:
        general = [x509.RFC822Name(email)]
    certificate = (
        _builder(subject, issuer, key.public_key())
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .sign(key if authority is None else authority.key, hashes.SHA256())
    )
    stem = names[0].replace("*", "_")
    chain, secret = Path(folder, f"{stem}.pem"), Path(folder, f"{stem}.key")
    chain.write_bytes(certificate.public_bytes(_PEM))
    secret.touch(0o600)
    secret.write_bytes(
        key.private_bytes(
            _PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Made(chain, secret, certificate)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: Any
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )
