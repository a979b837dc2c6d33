"""The checkers of twisted.cred: does the claim hold?

Each gives the account's id, or fails with UnauthorizedLogin without saying why. What an
unknown name costs is what a wrong password costs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from mailapp.auth.app_passwords import AppPasswords
from mailapp.auth.credentials import (
    IApopDigest,
    ICramDigest,
    IExternal,
    INamedCredentials,
    IPassword,
    IScramProof,
)
from mailapp.auth.hashes import Hashes
from mailapp.auth.keys import InstallationKey
from mailapp.auth.recent import RecentLogins, Token
from mailapp.core.secret import Secret
from mailapp.directory.interfaces import IVerifiers
from mailapp.directory.types import Verifiers
from mailapp.sasl.prepare import prepared_password
from mailapp.sasl.scram import proves

AvatarId = Deferred[bytes | tuple[()]]


async def _avatar_id(
    directory: IVerifiers,
    credentials: INamedCredentials,
    found: Verifiers,
    app_password: bytes = b"",
) -> bytes:
    """The avatar's id (see the realm) if it may log in as whom it wants to be.

    Threat 41: an authzid is the account itself in some spelling, or refused.
    """
    if not found.account.enabled:
        raise UnauthorizedLogin
    if credentials.authzid and directory.key(credentials.authzid) != found.account.id:
        raise UnauthorizedLogin
    account = found.account.id.encode()
    return b"%b\0%b" % (account, app_password) if app_password else account


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Checks passwords: argon2 once, then the recent good logins for a while.

    Args:
        directory: where verifiers are looked up.
        hashes: checks what is not recent.
        recent: good logins.
        clock: for their age.
        app_passwords: knows those; they cost no argon2.
    """

    credentialInterfaces: tuple[type[Interface], ...] = (IPassword,)

    def __init__(
        self,
        directory: IVerifiers,
        hashes: Hashes,
        recent: RecentLogins,
        clock: IReactorTime,
        app_passwords: AppPasswords,
    ) -> None:
        self._directory = directory
        self._hashes = hashes
        self._recent = recent
        self._clock = clock
        self._app_passwords = app_passwords
        self._waiting: dict[Token, list[Deferred[bool]]] = {}

    def requestAvatarId(self, credentials: IPassword) -> AvatarId:
        """The account's id. Fails with UnauthorizedLogin or TemporaryFailure."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: IPassword) -> bytes | tuple[()]:
        password = prepared_password(credentials.password.reveal())
        found = await self._directory.verifiers(credentials.name)
        if found is None:
            await self._hashes.matches(None, password)
            raise UnauthorizedLogin
        app_password = self._app_passwords.find(found, password)
        if app_password is not None:
            digest = app_password.digest
            avatar_id = await _avatar_id(self._directory, credentials, found, digest)
            self._app_passwords.used(found.account.id, app_password)
            return avatar_id
        token = self._recent.token(found, password)
        if self._recent.has(token, self._clock.seconds()):
            return await _avatar_id(self._directory, credentials, found)
        if not await self._matches(token, found, password):
            raise UnauthorizedLogin
        avatar_id = await _avatar_id(self._directory, credentials, found)
        self._recent.add(token, self._clock.seconds())
        return avatar_id

    def _matches(
        self, token: Token, found: Verifiers, password: bytes
    ) -> Deferred[bool]:
        """One check for all that ask the same at the same time.

        A mail program opens four or five connections at once.
        """
        answer: Deferred[bool] = Deferred()
        waiting = self._waiting.setdefault(token, [])
        waiting.append(answer)
        if len(waiting) == 1:
            check = Deferred.fromCoroutine(self._hashes.matches(found, password))
            _: Deferred[None] = check.addBoth(self._tell, token)
        return answer

    def _tell(self, result: bool | Failure, token: Token) -> None:  # noqa: FBT001
        for answer in self._waiting.pop(token):
            if not answer.called:
                answer.callback(result)


@implementer(ICredentialsChecker)
class ScramChecker:
    """Compares a proof with the verifier that the account has now."""

    credentialInterfaces: tuple[type[Interface], ...] = (IScramProof,)

    def __init__(self, directory: IVerifiers) -> None:
        self._directory = directory

    def requestAvatarId(self, credentials: IScramProof) -> AvatarId:
        """The account's id. Fails with UnauthorizedLogin or TemporaryFailure."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: IScramProof) -> bytes | tuple[()]:
        found = await self._directory.verifiers(credentials.name)
        proof = credentials.proof
        verifier = found.scram.get(proof.mechanism) if found else None
        if found is None or verifier is None or not proves(proof, verifier):
            raise UnauthorizedLogin
        return await _avatar_id(self._directory, credentials, found)


@implementer(ICredentialsChecker)
class ExternalChecker:
    """The certificate was verified by TLS; its name must be an account's."""

    credentialInterfaces: tuple[type[Interface], ...] = (IExternal,)

    def __init__(self, directory: IVerifiers) -> None:
        self._directory = directory

    def requestAvatarId(self, credentials: IExternal) -> AvatarId:
        """The account's id. Fails with UnauthorizedLogin or TemporaryFailure."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: IExternal) -> bytes | tuple[()]:
        found = await self._directory.verifiers(credentials.name)
        if found is None:
            raise UnauthorizedLogin
        return await _avatar_id(self._directory, credentials, found)


class _SecretChecker:
    """Checks digests of the password itself, for those accounts that opted in.

    Register one only where that is wanted.

    Args:
        directory: where the sealed secrets are looked up.
        key: unseals them.
    """

    def __init__(self, directory: IVerifiers, key: InstallationKey) -> None:
        self._directory = directory
        self._key = key
        self._decoy = Secret(key.derive(b"apop decoy"))

    async def _check(
        self, credentials: INamedCredentials, matches: Callable[[Secret], bool]
    ) -> bytes | tuple[()]:
        found = await self._directory.verifiers(credentials.name)
        secret = None
        if found is not None and found.sealed is not None:
            secret = self._key.unseal(found.sealed, found.account.id)
        good = matches(secret or self._decoy)
        if found is None or secret is None or not good:
            raise UnauthorizedLogin
        return await _avatar_id(self._directory, credentials, found)


@implementer(ICredentialsChecker)
class ApopChecker(_SecretChecker):
    """APOP (RFC 1939, section 7)."""

    credentialInterfaces: tuple[type[Interface], ...] = (IApopDigest,)

    def requestAvatarId(self, credentials: IApopDigest) -> AvatarId:
        """The account's id. Fails with UnauthorizedLogin or TemporaryFailure."""

        def matches(secret: Secret) -> bool:
            return apop_matches(secret, credentials.timestamp, credentials.digest)

        return Deferred.fromCoroutine(self._check(credentials, matches))


@implementer(ICredentialsChecker)
class CramChecker(_SecretChecker):
    """CRAM-MD5 (RFC 2195, section 2)."""

    credentialInterfaces: tuple[type[Interface], ...] = (ICramDigest,)

    def requestAvatarId(self, credentials: ICramDigest) -> AvatarId:
        """The account's id. Fails with UnauthorizedLogin or TemporaryFailure."""

        def matches(secret: Secret) -> bool:
            return cram_matches(secret, credentials.challenge, credentials.digest)

        return Deferred.fromCoroutine(self._check(credentials, matches))


def cram_matches(secret: Secret, challenge: bytes, digest: bytes) -> bool:
    """RFC 2195, section 2: HMAC-MD5 of the challenge, in lower case."""
    expected = hmac.new(secret.reveal(), challenge, "md5").hexdigest()
    return hmac.compare_digest(expected.encode(), digest)


def apop_matches(secret: Secret, timestamp: bytes, digest: bytes) -> bool:
    """RFC 1939, section 7: the MD5 of timestamp and secret, in lower case."""
    octets = timestamp + secret.reveal()
    expected = hashlib.md5(octets, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(expected.encode(), digest)
