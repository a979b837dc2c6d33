"""Puts the parts of authentication together, for the composition root and for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from attrs import field, frozen
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime
from zope.interface import Interface

from mailapp.auth.app_passwords import AppPasswords, NoteUse
from mailapp.auth.authenticator import Authenticator
from mailapp.auth.checkers import (
    ApopChecker,
    CramChecker,
    ExternalChecker,
    PasswordChecker,
    ScramChecker,
)
from mailapp.auth.hashes import Decoys, Hashes
from mailapp.auth.keys import InstallationKey
from mailapp.auth.realm import Realm
from mailapp.auth.recent import RecentLogins, Token
from mailapp.auth.throttle import Throttle
from mailapp.directory.resolve import Directory
from mailapp.sasl.scram import ITERATIONS
from mailapp.storage.interfaces import IMailStore


@frozen
class Authentication:
    """All that authenticators of one process share.

    Attributes:
        store: where avatars find the mail.
        directory: accounts and their verifiers.
        key: of the installation.
        hashes: checks passwords, in its own thread.
        throttle: one for the process.
        clock: for the age of good logins.
        remember_seconds: how long a good login spares the next one its check.
        apop: legacy APOP is served to accounts that opted in.
        cram_md5: the same for legacy CRAM-MD5.
        hostname: in its challenges.
        random: gives so many random octets.
        note_use: told when an app password was used for the first time in a day.
        observe_good: told of each password found good, for the other processes.
        recent: good logins, here and in other processes.
    """

    store: IMailStore
    directory: Directory
    key: InstallationKey
    hashes: Hashes
    throttle: Throttle
    clock: IReactorTime
    remember_seconds: float
    apop: bool = False
    cram_md5: bool = False
    hostname: str = "localhost"
    random: Callable[[int], bytes] = os.urandom
    note_use: NoteUse | None = None
    observe_good: Callable[[Token], None] | None = None
    recent: RecentLogins = field(init=False)
    portal: Portal = field(init=False)
    decoys: Decoys = field(init=False)

    @recent.default
    def _make_recent(self) -> RecentLogins:
        key = self.key.derive(b"recent logins")
        return RecentLogins(key, self.remember_seconds, observe=self.observe_good)

    @portal.default
    def _make_portal(self) -> Portal:
        portal = Portal(Realm(self.store, self.directory))
        portal.registerChecker(
            PasswordChecker(
                self.directory,
                self.hashes,
                self.recent,
                self.clock,
                AppPasswords(self.key, self.note_use),
            )
        )
        portal.registerChecker(ScramChecker(self.directory))
        portal.registerChecker(ExternalChecker(self.directory))
        if self.apop:
            portal.registerChecker(ApopChecker(self.directory, self.key))
        if self.cram_md5:
            portal.registerChecker(CramChecker(self.directory, self.key))
        return portal

    @decoys.default
    def _make_decoys(self) -> Decoys:
        return Decoys(self.key.derive(b"decoys"), ITERATIONS)

    def authenticator(
        self,
        interface: type[Interface],
        *,
        allow_cleartext: bool = False,
        mechanisms: Collection[str] | None = None,
        folder_separator: str = "",
    ) -> Authenticator:
        """One for a listener: which avatars, and what it allows."""
        return Authenticator(
            self.portal,
            interface,
            self.directory,
            self.throttle,
            self.decoys,
            random=self.random,
            allow_cleartext=allow_cleartext,
            mechanisms=mechanisms,
            folder_separator=folder_separator,
            host_name=self.hostname,
        )
