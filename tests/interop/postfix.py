"""A Postfix of its own for tests: on loopback, in a folder, beside any other."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from unittest import SkipTest

from attrs import asdict, field, frozen

from tests.interop.served import wait_for

_SBIN: Final = Path("/usr/lib/postfix/sbin")
_OWNER: Final = "nobody"
_MAIN: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/lib
maillog_file = {folder}/log
maillog_file_prefixes = /
command_directory = /usr/sbin
daemon_directory = {sbin}
myhostname = mx.{domain}
myorigin = {domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtputf8_enable = yes
message_size_limit = 100000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = {domain} {old_domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_alias_maps = texthash:{folder}/etc/aliases
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
transport_maps = texthash:{folder}/etc/transport
smtp_dns_support_level = disabled
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificates}/server.pem
smtpd_tls_key_file = {certificates}/server.key
"""
_MASTER: Final = """\
{address}:{port} inet n - n - - smtpd
{old_address}:{port} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=dsn
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def need_postfix() -> None:
    """Skip a test where there can be none.

    Raises:
        SkipTest: it is not installed, or we are not root, as it has to be.
    """
    if not (_SBIN / "master").exists():
        raise SkipTest("postfix is not installed")
    if os.geteuid() != 0:
        raise SkipTest("postfix is started by root only")


@frozen(kw_only=True)
class Office:
    """What a Postfix is told.

    Attributes:
        domain: of its mailboxes.
        address: to listen on.
        old_domain: a second domain, of the same mailboxes.
        old_address: likewise; DSN is not offered there.
        port: of both addresses.
        users: the local parts of its mailboxes.
        aliases: the address of each, and where it leads.
        routes: a domain and the address whose port takes its mail.
        certificates: a folder with ``server.pem`` and ``server.key``.
    """

    domain: str
    address: str
    old_domain: str
    old_address: str
    port: int
    users: Sequence[str]
    aliases: Mapping[str, Sequence[str]] = field(factory=dict)
    routes: Mapping[str, str] = field(factory=dict)
    certificates: Path


class Postfix:
    """Start one; ``wait_ready`` and ``stop`` are to follow.

    Args:
        office: what it is told.
    """

    def __init__(self, office: Office) -> None:
        self.office = office
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-postfix-"))
        self.folder.chmod(0o755)
        for name, owner in {
            "etc": "",
            "queue": "",
            "lib": "postfix",
            "mail": _OWNER,
        }.items():
            (self.folder / name).mkdir(mode=0o755)
            if owner:
                shutil.chown(self.folder / name, owner)
        self._configure(office)
        self._process = subprocess.Popen(  # noqa: S603 - Debian's, on our own files
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), "start-fg"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _configure(self, office: Office) -> None:
        values = {
            **asdict(office),
            "folder": self.folder,
            "sbin": _SBIN,
            "owner": pwd.getpwnam(_OWNER).pw_uid,
        }
        boxes = [
            f"{user}@{domain} {user}/\n"
            for user in office.users
            for domain in (office.domain, office.old_domain)
        ]
        aliases = [f"{a} {', '.join(to)}\n" for a, to in office.aliases.items()]
        routes = [f"{d} smtp:[{a}]:{office.port}\n" for d, a in office.routes.items()]
        for name, text in {
            "main.cf": _MAIN.format(**values),
            "master.cf": _MASTER.format(**values),
            "mailboxes": "".join(boxes),
            "aliases": "".join(aliases),
            "transport": "".join(routes),
        }.items():
            (self.folder / "etc" / name).write_text(text, "utf-8")

    def wait_ready(self) -> None:
        """It listens.

        Raises:
            RuntimeError: not in time.
        """
        wait_for(self._listens, 20.0)

    @property
    def log(self) -> str:
        """All that it logged."""
        path = self.folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def stored(self, user: str) -> list[bytes]:
        """The messages of a mailbox, with the CRLF that they came with."""
        box = self.folder / "mail" / user / "new"
        if not box.is_dir():
            return []
        files = sorted(box.iterdir())
        return [file.read_bytes().replace(b"\n", b"\r\n") for file in files]

    def stop(self) -> None:
        """End it and remove its folder."""
        # the master is a session of its own, with all that it starts
        master = self.folder / "queue" / "pid" / "master.pid"
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.killpg(int(master.read_text()), signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        time.sleep(0.05)  # its children write no more
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            msg = f"postfix exited {self._process.returncode}:\n{self.log}"
            raise RuntimeError(msg)
        with (
            suppress(OSError),
            socket.create_connection((self.office.address, self.office.port)),
        ):
            return True
        return False
