"""The world of ``mailapp demo``: its configuration, certificates, accounts, mail."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.app.certificates import make_demo_certificates
from mailapp.app.samples import sample_messages
from mailapp.auth.hashes import Hashes
from mailapp.auth.keys import KEY_FILE, load_key
from mailapp.config.load import load_text
from mailapp.config.schema import STANDARD_PORTS, Configuration, Listener, Protocol
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts, NewPassword
from mailapp.directory.names import account_id
from mailapp.net.steps import finish
from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId, Destination

CONFIGURATION_FILE: Final = "mailapp.toml"

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
class World:
    """A demo's data folder.

    Attributes:
        folder: everything lies here; what is there already is reused.
        domain: of all accounts.
        port_base: added to each standard port.
        workers: 0 is one process.
        passwords: account name without domain to password; shown on the screen.
    """

    folder: Path
    domain: str
    port_base: int
    workers: int
    passwords: Mapping[str, str] = field(factory=dict)

    @property
    def path(self) -> Path:
        """Of the configuration."""
        return self.folder / CONFIGURATION_FILE

    def build(self, clock: IReactorTime) -> Configuration:
        """Make what is missing.

        Raises:
            OSError, SyntaxProblem: the folder, or a name or password, is not usable.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        text = self._configuration_text()
        self.path.write_text(text, encoding="utf-8")
        configuration = load_text(text, str(self.path))
        names = ["localhost", "127.0.0.1", "::1", configuration.server.hostname]
        make_demo_certificates(self.folder, names)
        self._make_accounts(configuration)
        self._make_mail(configuration, clock)
        return configuration

    def ports(self, listeners: Sequence[Listener]) -> dict[str, int]:
        """Label (``smtp``, ``pop3s`` …) to port."""
        return {listener.label: listener.port_number for listener in listeners}

    def _configuration_text(self) -> str:
        text = _CONFIGURATION.format(domain=self.domain, workers=self.workers)
        for (protocol, tls), port in STANDARD_PORTS.items():
            if (protocol, str(tls)) in _SERVED:
                text += _LISTENER.format(
                    protocol=protocol, port=self.port_base + port, tls=tls
                )
        return text

    def _make_accounts(self, configuration: Configuration) -> None:
        """Accounts that are there get the password they were called with."""
        load_key(self.folder / KEY_FILE)
        hashes = Hashes(inline)
        made: dict[str, NewPassword] = {}
        accounts = Accounts(configuration.server.accounts)
        try:
            fresh = []
            for name, password in self.passwords.items():
                if password not in made:
                    # demo accounts that share a password share its hash too
                    made[password] = hashes.make(Secret(password.encode()))
                account = account_id(name, self.domain)
                if accounts.verifiers(account) is None:
                    fresh.append((account, made[password]))
                else:
                    accounts.set_password(account, made[password])
            accounts.add(fresh, now=time.time())
        finally:
            accounts.close()

    def _make_mail(self, configuration: Configuration, clock: IReactorTime) -> None:
        """A mailbox for every account; alice's, if it is new, with five messages."""
        store = MaildirStore(configuration.mail_root, inline, clock=clock)
        alice = configuration.mail_root / self.domain / "alice"
        is_new = "alice" in self.passwords and not alice.exists()
        for name in self.passwords:
            finish(store.create(account_id(name, self.domain)))
        if is_new:
            for message in sample_messages(self.domain, "alice", time.time()):
                finish(_deliver(store, account_id("alice", self.domain), message))


# Submission and the rest come with their protocols.
_SERVED: Final = {
    (Protocol.SMTP, "starttls"),
    (Protocol.POP3, "starttls"),
    (Protocol.POP3, "implicit"),
}


async def _deliver(store: MaildirStore, account: AccountId, message: bytes) -> None:
    sink = store.stage()
    await sink.write(message)
    (failure,) = await store.deliver(sink, [Destination(account)])
    if failure is not None:
        raise failure


def new_password() -> str:
    """Easy to type, hard to guess."""
    return "-".join(secrets.token_hex(2) for _ in range(3))
