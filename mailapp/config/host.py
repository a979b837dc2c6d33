"""Whether this host is as the configuration says: files, rights, users.

Looks only; nothing is made or changed. Ports are not tried: who holds them may be the
server that is running now.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mailapp.config.host_listeners import check_listeners
from mailapp.config.places import Path as Key
from mailapp.config.problems import Severity
from mailapp.config.read import Report
from mailapp.config.schema import Configuration
from mailapp.net.keyfiles import is_shared

RESOLV_CONF: Final = Path("/etc/resolv.conf")
"""Names the name servers of this host."""


def check_host(configuration: Configuration, report: Report) -> None:
    """Report what is missing, unreadable or readable by too many."""
    # OpenSSL takes long to load, and most commands do without
    from mailapp.config.host_certificates import check_certificates  # noqa: PLC0415

    _check_user(configuration, report)
    check_listeners(configuration.listeners, report)
    with _as_server(configuration):
        before = len(report.problems)
        _check_files(configuration, report)
        _check_outbound(configuration, report)
        if len(report.problems) == before:
            check_certificates(configuration, report)


def _check_files(configuration: Configuration, report: Report) -> None:
    for place, certificate in enumerate(configuration.tls.certificates):
        path: Key = ("tls", "certificate", place)
        _check_readable(certificate.chain, (*path, "chain"), report)
        _check_secret(certificate.key, (*path, "key"), report)
    for place, fetch in enumerate(configuration.fetches):
        path = ("fetch", place)
        _check_password(fetch.password_file, (*path, "password-file"), report)
        if fetch.authority is not None:
            _check_readable(fetch.authority, (*path, "authority"), report)
    if configuration.tls.client_authority is not None:
        _check_readable(
            configuration.tls.client_authority, ("tls", "client-authority"), report
        )
    _check_folder(configuration.server.directory, ("server", "directory"), report)
    if configuration.storage.root is not None:
        _check_folder(configuration.storage.root, ("storage", "root"), report)


def _check_outbound(configuration: Configuration, report: Report) -> None:
    _check_resolver(configuration, report)
    for place, route in enumerate(configuration.routes):
        if route.password_file is not None:
            key = ("route", place, "password-file")
            _check_password(route.password_file, key, report)
    authorities = configuration.relay.authorities
    if authorities is not None:
        _check_readable(authorities, ("relay", "authorities"), report)


def _check_resolver(configuration: Configuration, report: Report) -> None:
    """Somebody must know where the mail of other domains goes."""
    if configuration.resolver.servers or _needs_no_names(configuration):
        return
    try:
        text = RESOLV_CONF.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if any(line.split()[:1] == ["nameserver"] for line in text.split("\n")):
        return
    report.add(
        ("resolver", "servers"),
        "a name server, since mail for others is sent where the DNS says",
        f"none, nor one in {RESOLV_CONF}, so that 127.0.0.1 is asked",
        'Write servers = ["192.0.2.53"] with your own one; or send all mail to one host'
        " by its IP address, with a [[route]].",
        Severity.WARNING,
    )


def _needs_no_names(configuration: Configuration) -> bool:
    """All mail for others goes to one host that needs not be looked for."""
    for route in configuration.routes:
        if "*" in route.domains and route.host:
            try:
                return route.host.startswith("/") or bool(ip_address(route.host))
            except ValueError:
                return False
    return False


def _check_user(configuration: Configuration, report: Report) -> None:
    """As root there should be somebody to become (threat 121)."""
    if os.geteuid() != 0:
        return
    user, group = configuration.server.user, configuration.server.group
    if user and not _exists(user):
        report.add(
            ("server", "user"),
            "a user of this host, since the server is started as root",
            f'"{user}", whom it does not know',
            f"Run: useradd --system {user}",
        )
    elif not user or pwd.getpwnam(user).pw_uid == 0:
        report.add(
            ("server", "user"),
            "a user to become after the ports are open",
            "root, who may do everything",
            'Write user = "mailapp".',
            Severity.WARNING,
        )
    try:
        if group:
            grp.getgrnam(group)
    except KeyError:
        report.add(
            ("server", "group"),
            "a group of this host",
            f'"{group}", which it does not know',
            f"Run: groupadd --system {group}",
        )


@contextmanager
def _as_server(configuration: Configuration) -> Iterator[None]:
    """Look with the rights of the server, which does not stay root."""
    user = configuration.server.user
    if os.geteuid() != 0 or not user or not _exists(user):
        yield
        return
    entry = pwd.getpwnam(user)
    gid = entry.pw_gid
    with suppress(KeyError):
        gid = grp.getgrnam(configuration.server.group).gr_gid
    before = os.getgroups()
    os.setgroups(os.getgrouplist(user, gid))
    os.setegid(gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _check_readable(file: Path, key: Key, report: Report) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError as error:
        found = f"{file}: {(error.strerror or 'an error').lower()}"
        report.add(
            key, "a file that can be read", found, "Mend the path or its rights."
        )
        return False


def _check_password(file: Path, key: Key, report: Report) -> None:
    """The first line of a file that nobody else may read."""
    if not _check_secret(file, key, report):
        return
    with file.open("rb") as opened:
        if not opened.readline().strip():
            report.add(
                key,
                "a file with a password on its first line",
                f"nothing on that of {file}",
                "Write the password there.",
            )


def _check_secret(file: Path, key: Key, report: Report) -> bool:
    """Whether it can be read, by whoever else; that nobody else can is reported."""
    if not _check_readable(file, key, report):
        return False
    if is_shared(file):
        mode = stat.S_IMODE(file.stat().st_mode)
        report.add(
            key,
            "a file that only its owner may read",
            f"mode {mode:04o} of {file}",
            f"Run: chmod 600 {file}",
        )
    return True


def _check_folder(folder: Path, key: Key, report: Report) -> None:
    """It is a folder that can be written, or there is one to make it in."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        report.add(key, "a folder", f"{existing}, which is none", "Mend the path.")
    elif not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        report.add(
            key,
            "a folder that this user may write",
            f"{existing}, which it may not",
            "Mend its owner or rights, or name another one.",
        )
    elif stat.S_IMODE(existing.stat().st_mode) & stat.S_IWOTH and existing == folder:
        report.add(
            key,
            "a folder that only the server may write",
            f"{folder}, which everybody may",
            f"Run: chmod o-w {folder}",
            Severity.WARNING,
        )
