"""Logins on behalf of a protocol: policy first, then throttle, then twisted.cred."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Final

from attrs import evolve
from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.logger import Logger
from zope.interface import Interface, implementer

from mailapp.auth.credentials import (
    INTERFACES,
    ApopCredentials,
    Credentials,
    IApopDigest,
    IPassword,
    PasswordCredentials,
    ScramCredentials,
)
from mailapp.auth.exchange import Exchange
from mailapp.auth.hashes import Decoys
from mailapp.auth.interfaces import (
    IAccountAvatar,
    IAuthenticator,
    IExchange,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.auth.throttle import Attempt, Throttle
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.core.secret import Secret
from mailapp.directory.interfaces import IVerifiers
from mailapp.sasl.mechanism import Channel, Verifier
from mailapp.sasl.table import MECHANISMS, Row

_CLEARTEXT: Final = Refused(Refusal.CLEARTEXT)
_MECHANISM: Final = Refused(Refusal.MECHANISM)


@implementer(IAuthenticator)
class Authenticator:
    """See :class:`IAuthenticator`.

    Args:
        portal: its checkers decide which mechanisms there are.
        interface: of the avatars that are asked for.
        directory: where verifiers are looked up.
        throttle: shared by all authenticators of a process.
        decoys: for names that do not exist.
        random: gives so many random octets.
        allow_cleartext: credentials are taken on connections without TLS, too.
        mechanisms: the SASL mechanisms that may be offered; None: all.
        folder_separator: what stands in a login name between the account and one of
            its mailboxes; empty: names are of accounts only.
        host_name: of this server, for challenges.
    """

    log: ClassVar = Logger()

    def __init__(  # noqa: PLR0913 - one place where it all meets
        self,
        portal: Portal,
        interface: type[Interface],
        directory: IVerifiers,
        throttle: Throttle,
        decoys: Decoys,
        *,
        random: Callable[[int], bytes],
        allow_cleartext: bool = False,
        mechanisms: Collection[str] | None = None,
        folder_separator: str = "",
        host_name: str = "localhost",
    ) -> None:
        self._portal = portal
        self._separator = folder_separator
        self._host_name = host_name
        self._interface = interface
        self._directory = directory
        self._throttle = throttle
        self._decoys = decoys
        self._random = random
        self._allow_cleartext = allow_cleartext
        served = portal.listCredentialsInterfaces()
        self._rows: dict[str, Row] = {
            name: row
            for name, row in MECHANISMS.items()
            if INTERFACES[row.claim] in served
            and (mechanisms is None or name in mechanisms)
        }
        self._takes_passwords = IPassword in served
        self._takes_apop = IApopDigest in served

    # ---- IAuthenticator

    def mechanisms(self, peer: Peer) -> Sequence[str]:
        """SASL mechanisms to announce to this peer, best first."""
        if not self._is_safe(peer):
            return ()
        return [name for name, row in self._rows.items() if _fits(row, peer)]

    def password_allowed(self, peer: Peer) -> bool:
        """May this peer send a password on this connection?"""
        return self._takes_passwords and self._is_safe(peer)

    def apop_allowed(self, peer: Peer) -> bool:
        """May this peer use APOP?"""
        return self._takes_apop and self._is_safe(peer)

    async def login(
        self, name: bytes, password: Secret, peer: Peer
    ) -> LoggedIn | Refused:
        """A name and a password outside SASL."""
        if not self._is_safe(peer):
            return _CLEARTEXT  # threat 29: before anything is looked at
        if not self._takes_passwords:
            return _MECHANISM
        credentials = PasswordCredentials(_text(name), "", password)
        return await self.admit(credentials, peer, "password")

    async def apop(
        self, name: bytes, digest: bytes, timestamp: bytes, peer: Peer
    ) -> LoggedIn | Refused:
        """APOP."""
        if not self._is_safe(peer):
            return _CLEARTEXT
        if not self._takes_apop:
            return _MECHANISM
        credentials = ApopCredentials(_text(name), digest, timestamp)
        return await self.admit(credentials, peer, "APOP")

    def exchange(self, mechanism: str, peer: Peer) -> IExchange | Refused:
        """Begin a SASL exchange."""
        name = mechanism.upper()
        row = self._rows.get(name)
        if row is None:
            return _MECHANISM
        if not self._is_safe(peer):
            return _CLEARTEXT
        if not _fits(row, peer):
            return _MECHANISM
        channel = Channel(
            bindings=peer.tls.bindings if peer.tls else {},
            plus_offered=any(
                other.needs_binding and _fits(other, peer)
                for other in self._rows.values()
            ),
            client_name=peer.tls.client_name if peer.tls else None,
            nonce=self._nonce,
            host_name=self._host_name,
        )
        return Exchange(name, row.begin(channel), peer, self)

    # ---- what an exchange asks for

    async def verifier(self, name: str, mechanism: str) -> Verifier:
        """The account's, or a decoy that no proof fits.

        Raises:
            TemporaryFailure: the directory can't be read now.
        """
        name, _ = self._split(name)
        decoy = self._decoys.verifier(self._directory.key(name) or name)
        found = await self._directory.verifiers(name)
        return found.scram.get(mechanism, decoy) if found else decoy

    async def attempt(self, name: str, peer: Peer) -> Attempt | None:
        """Wait for the throttle; None: refuse."""
        account, _ = self._split(name)
        return await self._throttle.admit(self._directory.key(account), peer)

    async def admit(
        self, credentials: Credentials, peer: Peer, mechanism: str
    ) -> LoggedIn | Refused:
        """Have credentials checked by the portal."""
        attempt: Attempt | None
        name, folder = self._split(credentials.name)
        authzid, other = self._split(credentials.authzid)
        credentials = evolve(credentials, name=name, authzid=authzid)
        if isinstance(credentials, ScramCredentials):
            # it has waited before its proof was looked at
            key = self._directory.key(name)
            attempt = self._throttle.waive(key, peer)
        else:
            attempt = await self.attempt(credentials.name, peer)
        if attempt is None:
            return self.refused(credentials.name, peer, mechanism, Refusal.THROTTLED)
        try:
            _, made, logout = await self._portal.login(
                credentials, peer, self._interface
            )
            avatar = IAccountAvatar(made)
            attempt.succeeded()
        except (LoginFailed, UnhandledCredentials):
            attempt.failed()
            return self.refused(credentials.name, peer, mechanism, Refusal.CREDENTIALS)
        except TemporaryFailure:
            return self.refused(credentials.name, peer, mechanism, Refusal.UNAVAILABLE)
        finally:
            attempt.close()
        self.log.info(
            "{account} logged in from {peer} by {mechanism}",
            event="auth.login.succeeded",
            account=avatar.account_id,
            peer=peer.address,
            session=peer.session,
            mechanism=mechanism,
        )
        return LoggedIn(avatar, logout, other or folder)

    def refused(
        self, name: str, peer: Peer, mechanism: str, reason: Refusal
    ) -> Refused:
        """Log a refusal. A name that no account may have could be a password."""
        self.log.info(
            "login as {account} from {peer} by {mechanism} refused: {reason}",
            event="auth.login.refused",
            account=self._directory.key(name) or "-",
            peer=peer.address,
            session=peer.session,
            mechanism=mechanism,
            reason=reason.name,
        )
        return Refused(reason)

    # ---- inside

    def _is_safe(self, peer: Peer) -> bool:
        return peer.tls is not None or self._allow_cleartext

    def _split(self, name: str) -> tuple[str, tuple[str, ...]]:
        """A login name as the account's and the mailbox's.

        ``alice/Archive``, ``alice/Archive@example.test`` and
        ``alice@example.test/Archive`` are the same.
        """
        if not self._separator or self._separator not in name:
            return name, ()
        account, _, folder = name.partition(self._separator)
        if "@" not in account and "@" in folder:
            folder, _, domain = folder.rpartition("@")
            account = f"{account}@{domain}"
        return account, tuple(folder.split(self._separator))

    def _nonce(self) -> str:
        return b64encode(self._random(18)).decode("ascii")


def _fits(row: Row, peer: Peer) -> bool:
    """Does the connection have what the mechanism needs?"""
    if row.needs_binding and not (peer.tls and peer.tls.bindings):
        return False
    return not row.needs_certificate or (
        peer.tls is not None and peer.tls.client_name is not None
    )


def _text(name: bytes) -> str:
    """A login name as text; what is none becomes a name that nobody has."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return ""
