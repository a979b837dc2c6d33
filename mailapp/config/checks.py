"""What no single setting can tell: settings that do not fit each other (pure)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from mailapp.config.kinds import Network
from mailapp.config.places import Path
from mailapp.config.problems import Severity
from mailapp.config.read import Report
from mailapp.config.schema import Configuration, Listener, Profile, Protocol, Security
from mailapp.config.sections import Mechanism


def check(configuration: Configuration, report: Report) -> None:
    """Report every combination that is refused, or deserves a warning."""
    _check_server(configuration, report)
    if not configuration.listeners:
        report.add(
            ("listener",),
            "at least one listener",
            "none",
            'Write [[listener]] and below it protocol = "smtp".',
        )
    for place, listener in enumerate(configuration.listeners):
        _check_listener(listener, place, configuration, report)
    _check_clashes(configuration.listeners, report)
    _check_relays(configuration, report)
    if (
        Mechanism.EXTERNAL not in configuration.auth.mechanisms
        and configuration.tls.client_authority is not None
    ):
        report.add(
            ("tls", "client-authority"),
            "EXTERNAL in auth.mechanisms",
            "a client authority that nothing uses",
            "Add EXTERNAL to auth.mechanisms, or remove client-authority.",
            Severity.WARNING,
        )


def _check_relays(configuration: Configuration, report: Report) -> None:
    """Half of the Internet is no network of ours: that is an open relay (threat 18)."""
    _check_width(
        configuration.smtp.relay_networks,
        ("smtp", "relay-networks"),
        "from which anybody could send",
        report,
    )
    for place, listener in enumerate(configuration.listeners):
        _check_width(
            listener.proxy_from,
            ("listener", place, "proxy-from"),
            "so that anybody could claim to come from anywhere",
            report,
        )
    for account in configuration.submission.send_as_anybody:
        domain = account.rpartition("@")[2]
        if domain not in configuration.server.domains:
            report.add(
                ("submission", "send-as-anybody"),
                "accounts in one of server.domains",
                f'the domain "{domain}"',
                "Name an account of this server.",
            )


def _check_width(
    networks: Sequence[Network], path: Path, harm: str, report: Report
) -> None:
    for network in networks:
        if network.prefixlen < _WIDEST[network.version]:
            report.add(
                path,
                "networks of your own",
                f'"{network}", {harm}',
                "Name only those that you trust.",
            )


def _check_server(configuration: Configuration, report: Report) -> None:
    server = configuration.server
    if "." not in server.hostname:
        report.add(
            ("server", "hostname"),
            "a full name such as mail.example.org",
            f'the short name "{server.hostname}"',
            "Other servers refuse mail from a short name: write the domain too.",
        )
    if server.postmaster is not None:
        domain = server.postmaster.rpartition("@")[2]
        if domain not in server.domains:
            report.add(
                ("server", "postmaster"),
                "an account in one of server.domains",
                f'the domain "{domain}"',
                "Name an account of this server.",
            )
    for place, domain in enumerate(server.domains):
        if domain in server.domains[:place]:
            report.add(
                ("server", "domains"),
                "each domain once",
                f'"{domain}" twice',
                "Remove one.",
                Severity.WARNING,
            )


def _check_listener(
    listener: Listener, place: int, configuration: Configuration, report: Report
) -> None:
    path = ("listener", place)
    if listener.tls is not Security.NONE and not configuration.tls.certificates:
        report.add(
            (*path, "tls"),
            "a certificate for it",
            "none",
            'Write [[tls.certificate]] with chain and key, or tls = "none" here.',
        )
    if listener.unix is not None and listener.port is not None:
        report.add(
            (*path, "unix"),
            "a Unix socket or a port",
            "both",
            "Make two listeners of them.",
        )
    if len(os.fsencode(listener.unix or "")) > _LONGEST_SOCKET:
        report.add(
            (*path, "unix"),
            f"a path of at most {_LONGEST_SOCKET} octets, or nobody could connect",
            f"one of {len(os.fsencode(listener.unix or ''))}",
            "Write a shorter one.",
        )
    if listener.profile is not Profile.STANDARD and listener.protocol not in _FETCHING:
        report.add(
            (*path, "profile"),
            '"standard", or protocol "pop2" or "pop3"',
            f'"{listener.profile}"',
            "Remove profile: it is for those who fetch mail.",
        )
    if listener.protocol is Protocol.LMTP:
        _check_lmtp(listener, path, report)
    if listener.protocol is Protocol.POP2:
        _check_pop2(listener, path, report)
        return
    if listener.is_private:
        fix = 'Write tls = "implicit"; or on loopback allow-cleartext = true.'
        _check_login(listener, path, report, fix)
        return
    if listener.allow_cleartext:
        # threats 29, 51: whoever is on the way reads the passwords
        report.add(
            (*path, "allow-cleartext"),
            "false, since this address can be reached from other hosts",
            "true",
            'Set address = "127.0.0.1", or remove allow-cleartext and use TLS.',
        )
    else:
        _check_login(listener, path, report, 'Write tls = "implicit".')


def _check_login(
    listener: Listener, path: tuple[str, int], report: Report, fix: str
) -> None:
    """Passwords are not taken in the clear unless that is said, on loopback, too."""
    if (
        listener.protocol in _LOGIN_ONLY
        and listener.tls is Security.NONE
        and not listener.takes_cleartext
    ):
        report.add(
            (*path, "tls"),
            '"starttls" or "implicit", since this protocol begins with a login',
            '"none", so nobody can log in',
            fix,
            Severity.WARNING,
        )


def _check_lmtp(listener: Listener, path: tuple[str, int], report: Report) -> None:
    """It is for mail servers that we know (RFC 2033, section 5)."""
    if listener.unix is None and listener.port_number == _MAIL_PORT:
        report.add(
            (*path, "port"),
            "any port but 25, on which nothing but SMTP is spoken",
            "25",
            "Write port = 24.",
        )
    if not listener.is_private:
        report.add(
            (*path, "address"),
            "a Unix socket or a loopback address",
            "an address that can be reached from other hosts, which nobody checks",
            'Set address = "127.0.0.1" or unix = "/run/mailapp/lmtp", unless a'
            " firewall lets only your mail servers in.",
            Severity.WARNING,
        )


def _check_pop2(listener: Listener, path: tuple[str, int], report: Report) -> None:
    """It has no STLS: TLS from the beginning, or none at all (threat 51)."""
    if listener.tls is Security.STARTTLS:
        report.add(
            (*path, "tls"),
            '"implicit" or "none", since POP2 has no command to start TLS',
            '"starttls"',
            'Write tls = "implicit"; or on loopback tls = "none".',
        )
    elif listener.exposes_passwords:
        report.add(
            (*path, "allow-cleartext"),
            "false, since this address can be reached from other hosts",
            "true, so that whoever is on the way reads the passwords",
            'Set address = "127.0.0.1", or use tls = "implicit".',
            Severity.WARNING,
        )
    elif listener.tls is Security.NONE and not listener.takes_cleartext:
        report.add(
            (*path, "tls"),
            '"implicit", since this address can be reached from other hosts',
            '"none"',
            'Write tls = "implicit", or set address = "127.0.0.1"; in a network that'
            " you trust with your passwords, allow-cleartext = true.",
        )


def _check_clashes(listeners: tuple[Listener, ...], report: Report) -> None:
    for place, listener in enumerate(listeners):
        for other in listeners[:place]:
            if _clash(listener, other):
                report.add(
                    ("listener", place),
                    "a port that no other listener has",
                    f"the place of {other.name}",
                    "Change one of them, or remove it.",
                )
                break


def _clash(one: Listener, other: Listener) -> bool:
    if one.unix is not None or other.unix is not None:
        return one.unix == other.unix
    if one.port_number != other.port_number:
        return False
    if one.port_number == 0:  # two ports, but sockets are found by their names
        return one.name == other.name
    if one.address == other.address:
        return True
    # "::" takes IPv4 connections too
    addresses = {one.address, other.address}
    families = {ip_address(address).version for address in addresses}
    if "::" in addresses:
        return True
    return _EVERY_IPV4 in addresses and families == {4}


_MAIL_PORT: Final = 25
_LONGEST_SOCKET: Final = 107
"""unix(7): ``sun_path`` has 108 octets, one of them a NUL."""
_WIDEST: Final = {4: 8, 6: 16}
_FETCHING: Final = frozenset({Protocol.POP2, Protocol.POP3})
_LOGIN_ONLY: Final = frozenset({Protocol.POP3, Protocol.IMAP, Protocol.SUBMISSION})
_EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104 - compared with, not listened on
