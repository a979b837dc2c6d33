"""The world of ``mailapp demo``: its configuration, certificates, accounts, mail."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.app.demo.certificates import make_demo_certificates
from mailapp.app.demo.outside import HOST as OUTSIDE_HOST
from mailapp.app.demo.outside import NAMES_PORT
from mailapp.app.demo.outside import PORT as OUTSIDE_PORT
from mailapp.app.demo.passwords import FILE as PASSWORDS_FILE
from mailapp.app.demo.passwords import (
    Keyring,
    new_password,
    read_passwords,
    write_passwords,
)
from mailapp.app.demo.samples import sample_messages
from mailapp.auth.keys import KEY_FILE, load_key
from mailapp.config.load import load_text
from mailapp.config.schema import STANDARD_PORTS, Configuration, Protocol
from mailapp.directory.accounts import Accounts
from mailapp.directory.names import account_id
from mailapp.net.steps import finish
from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId, Destination

CONFIGURATION_FILE: Final = "mailapp.toml"

_AT_ONCE: Final = 16  # mailboxes that are made
_CONFIGURATION: Final = """\
# Written by "mailapp demo". The server of a demo is an ordinary one: this file
# works with "twistd mailapp --config" too.

[server]
hostname = "mx.{domain}"
domains = ["{domain}"]
directory = "."
workers = {workers}
user = ""
drain = "5 s"

[[tls.certificate]]
chain = "server.pem"
key = "server.key"

[limits]
trusted = ["127.0.0.0/8", "::1/128"]

[submission]
messages-per-hour = 0
messages-per-day = 0
recipients-per-hour = 0
recipients-per-day = 0

# Other servers are found in the demo's own DNS, and nowhere else.
[resolver]
servers = ["127.0.0.1"]
port = {names_port}

[relay]
port = {outside_port}
authorities = "ca.pem"

[queue]
first-retry = "1 min"

[imap]
separator = "{separator}"
"""

_LISTENER: Final = """
[[listener]]
protocol = "{protocol}"
address = "127.0.0.1"
port = {port}
tls = "{tls}"
allow-cleartext = true
"""


@frozen
class Built:
    """A world that is there.

    Attributes:
        text: the configuration as it was written.
        accounts: all that were asked for, in order.
        passwords: of those whose password is known; others set theirs themselves.
    """

    configuration: Configuration
    text: str
    accounts: Sequence[AccountId]
    passwords: Mapping[str, str]

    @property
    def ports(self) -> dict[str, int]:
        """Label (``smtp``, ``pop3s`` …) to port."""
        return {
            listener.label: listener.port_number
            for listener in self.configuration.listeners
        }


@frozen
class World:
    """A demo's data folder.

    Attributes:
        folder: everything lies here; what is there already is reused.
        domain: of all accounts.
        port_base: added to each standard port.
        workers: 0 is one process.
        named: accounts without domain, and their passwords; an empty one is the one
            that the account has, or a new one.
        numbered: so many more accounts, ``u000`` and so on.
        shared: the password of those, likewise.
        separator: of the levels of mailbox names in IMAP.
    """

    folder: Path
    domain: str
    port_base: int
    workers: int
    named: Mapping[str, str] = field(factory=lambda: {"alice": "", "bob": ""})
    numbered: int = 0
    shared: str = ""
    separator: str = "/"

    @property
    def path(self) -> Path:
        """Of the configuration."""
        return self.folder / CONFIGURATION_FILE

    def account(self, name: str) -> AccountId:
        """An account here.

        Raises:
            SyntaxProblem: none may have this name.
        """
        return account_id(name, self.domain)

    def build(self, clock: IReactorTime) -> Built:
        """Make what is missing.

        Raises:
            OSError, SyntaxProblem: the folder, or a name or password, is not usable.
            AccountsFileProblem, KeyProblem: what is in the folder can't be used.
        """
        wishes = self._wishes()
        self.folder.mkdir(parents=True, exist_ok=True)
        text = self._configuration_text()
        self.path.write_text(text, encoding="utf-8")
        configuration = load_text(text, str(self.path))
        hosts = [configuration.server.hostname, OUTSIDE_HOST]
        names = ["localhost", "127.0.0.1", "::1", *hosts]
        make_demo_certificates(self.folder, names)
        load_key(configuration.server.directory / KEY_FILE)
        passwords = self._make_accounts(configuration, wishes)
        self._make_mail(configuration, clock, wishes)
        return Built(configuration, text, tuple(wishes), passwords)

    def _wishes(self) -> dict[AccountId, str]:
        """Every account with the password that it must have, or an empty one."""
        wishes = {self.account(name): wish for name, wish in self.named.items()}
        for number in range(self.numbered):
            wishes.setdefault(self.account(f"u{number:03d}"), self.shared)
        return wishes

    def _configuration_text(self) -> str:
        text = _CONFIGURATION.format(
            domain=self.domain,
            workers=self.workers,
            names_port=self.port_base + NAMES_PORT,
            outside_port=self.port_base + OUTSIDE_PORT,
            separator=self.separator,
        )
        for (protocol, tls), port in STANDARD_PORTS.items():
            if (protocol, str(tls)) in _SERVED:
                text += _LISTENER.format(
                    protocol=protocol, port=self.port_base + port, tls=tls
                )
        return text

    def _make_accounts(
        self, configuration: Configuration, wishes: Mapping[AccountId, str]
    ) -> dict[str, str]:
        """Accounts that are there keep their password, unless another is wished."""
        file = self.folder / PASSWORDS_FILE
        known = read_passwords(file)
        named = {self.account(name) for name in self.named}
        # one password for all that have a number: one hash, however many they are
        shared = known.get(self.account("u000")) or new_password()
        accounts = Accounts(configuration.server.accounts)
        try:
            keyring = Keyring(accounts, known)
            for account, wish in wishes.items():
                otherwise = new_password() if account in named else shared
                keyring.settle(account, wish, otherwise)
            keyring.add(now=time.time())
        finally:
            accounts.close()
        kept = {**known, **keyring.passwords}
        if kept != known:
            write_passwords(file, kept)
        return keyring.passwords

    def _make_mail(
        self,
        configuration: Configuration,
        clock: IReactorTime,
        wishes: Iterable[AccountId],
    ) -> None:
        """A mailbox for every account; alice's, if it is new, with five messages."""
        root = configuration.mail_root
        store = MaildirStore(root, inline, clock=clock)
        missing = [account for account in wishes if not _folder(root, account).is_dir()]

        def create(account: AccountId) -> None:
            finish(MaildirStore(root, inline, clock=clock).create(account))

        # each waits for the disk some seven times, and the disk serves many at once
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(create, missing))
        alice = self.account("alice")
        if alice in missing:
            for message in sample_messages(self.domain, "alice", time.time()):
                finish(_deliver(store, alice, message))


_SERVED: Final = {
    (Protocol.SMTP, "starttls"),
    (Protocol.SUBMISSION, "starttls"),
    (Protocol.SUBMISSION, "implicit"),
    (Protocol.LMTP, "none"),
    (Protocol.POP2, "none"),
    (Protocol.POP3, "starttls"),
    (Protocol.POP3, "implicit"),
    (Protocol.IMAP, "starttls"),
    (Protocol.IMAP, "implicit"),
}


def _folder(root: Path, account: AccountId) -> Path:
    local_part, _, domain = account.rpartition("@")
    return root / domain / local_part


async def _deliver(store: MaildirStore, account: AccountId, message: bytes) -> None:
    sink = store.stage()
    await sink.write(message)
    (failure,) = await store.deliver(sink, [Destination(account)])
    if failure is not None:
        raise failure
