"""What twisted.cred is asked to check, one interface per kind of claim."""

from __future__ import annotations

from attrs import field, frozen
from twisted.cred.credentials import ICredentials
from zope.interface import Attribute, implementer

from mailapp.core.secret import Secret
from mailapp.sasl.mechanism import Certificate, Claim, Digest, Password, Proof


class INamedCredentials(ICredentials):
    """Somebody says who they are."""

    name: str = Attribute("Whose credentials these are, as the client wrote it.")
    authzid: str = Attribute("Whom the client wants to act as; empty: the same.")


class IPassword(INamedCredentials):
    """A password: PLAIN, LOGIN, USER and PASS."""

    password: Secret = Attribute("As the client sent it.")


class IScramProof(INamedCredentials):
    """A SCRAM proof (RFC 5802, section 3)."""

    proof: Proof = Attribute("What was signed, and the signature.")


class IExternal(INamedCredentials):
    """A client certificate that TLS has verified; ``name`` is its identity."""


class IApopDigest(INamedCredentials):
    """An APOP digest (RFC 1939, section 7)."""

    digest: bytes = Attribute("32 hexadecimal digits.")
    timestamp: bytes = Attribute("That of the greeting.")


class ICramDigest(INamedCredentials):
    """A CRAM-MD5 digest (RFC 2195, section 2)."""

    digest: bytes = Attribute("32 hexadecimal digits.")
    challenge: bytes = Attribute("What was digested.")


@implementer(IPassword)
@frozen
class PasswordCredentials:
    """See :class:`IPassword`."""

    name: str
    authzid: str
    password: Secret


@implementer(IScramProof)
@frozen
class ScramCredentials:
    """See :class:`IScramProof`."""

    name: str
    authzid: str
    proof: Proof


@implementer(IExternal)
@frozen
class ExternalCredentials:
    """See :class:`IExternal`."""

    name: str
    authzid: str


@implementer(IApopDigest)
@frozen
class ApopCredentials:
    """See :class:`IApopDigest`."""

    name: str
    digest: bytes = field(repr=False)
    timestamp: bytes
    authzid: str = ""


@implementer(ICramDigest)
@frozen
class CramCredentials:
    """See :class:`ICramDigest`."""

    name: str
    authzid: str
    challenge: bytes
    digest: bytes = field(repr=False)


Credentials = (
    PasswordCredentials
    | ScramCredentials
    | ExternalCredentials
    | ApopCredentials
    | CramCredentials
)

INTERFACES: dict[type[Claim], type[INamedCredentials]] = {
    Password: IPassword,
    Proof: IScramProof,
    Certificate: IExternal,
    Digest: ICramDigest,
}
"""Which checker takes the claim of a SASL exchange."""


def credentials_of(claim: Claim) -> Credentials:
    """The credentials of a finished SASL exchange."""
    match claim:
        case Password(name, authzid, password):
            return PasswordCredentials(name, authzid, password)
        case Proof(name, authzid):
            return ScramCredentials(name, authzid, claim)
        case Certificate(name, authzid):
            return ExternalCredentials(name, authzid)
        case Digest(name, authzid, challenge, digest):
            return CramCredentials(name, authzid, challenge, digest)
