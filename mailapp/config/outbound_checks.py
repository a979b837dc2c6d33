"""Whether ``[relay]`` and ``[[route]]`` fit each other and the rest (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from mailapp.config.outbound import Relay, Route, RouteSecurity
from mailapp.config.places import Path
from mailapp.config.problems import Severity
from mailapp.config.read import Report

_IMPLICIT_PORT: Final = 465


def check_outbound(
    relay: Relay, routes: Sequence[Route], domains: Sequence[str], report: Report
) -> None:
    """Report every combination that is refused, or deserves a warning.

    Args:
        relay: ``[relay]``.
        routes: all of them.
        domains: ours.
        report: takes the problems.
    """
    if relay.forwarding_domain not in {None, *domains}:
        report.add(
            ("relay", "forwarding-domain"),
            "one of server.domains, where bounces come back to",
            f'"{relay.forwarding_domain}"',
            "Name a domain of this server.",
        )
    _check_sources(relay.sources, ("relay", "sources"), report)
    for place, route in enumerate(routes):
        path = ("route", place)
        _check_others(route, routes[:place], path, report)
        _check_ours(route, domains, path, report)
        _check_login(route, path, report)
        _check_security(route, path, report)
        _check_sources(route.sources, (*path, "sources"), report)


def _check_others(
    route: Route, before: Sequence[Route], path: Path, report: Report
) -> None:
    if any(other.name == route.name for other in before):
        report.add(
            (*path, "name"),
            "a name that no other [[route]] has",
            f'"{route.name}" again',
            "Give it another name.",
        )
    taken = {domain for other in before for domain in other.domains}
    for domain in route.domains:
        if domain in taken:
            report.add(
                (*path, "domains"),
                "domains that no other [[route]] has",
                f'"{domain}" again',
                "Remove it here or there.",
            )


def _check_ours(
    route: Route, domains: Sequence[str], path: Path, report: Report
) -> None:
    for domain in route.domains:
        if domain in domains:
            report.add(
                (*path, "domains"),
                "domains of other servers",
                f'"{domain}", whose mail is delivered here and never takes this route',
                "Remove it here, or from server.domains.",
                Severity.WARNING,
            )


def _check_login(route: Route, path: Path, report: Report) -> None:
    """A login needs a name, a password, and one server that is told them."""
    if route.user and route.password_file is None:
        report.add(
            (*path, "user"),
            "password-file beside it",
            "a name to log in with, but no password",
            "Write password-file, or remove user.",
        )
    if route.password_file is not None and not route.user:
        report.add(
            (*path, "password-file"),
            "user beside it",
            "a password without a name to log in with",
            "Write user, or remove password-file.",
        )
    if route.user and not route.host:
        report.add(
            (*path, "user"),
            "host beside it",
            "a login for whatever server the DNS names",
            "Write host, or remove user.",
        )


def _check_security(route: Route, path: Path, report: Report) -> None:
    if route.implicit_tls and route.tls is RouteSecurity.NONE:
        report.add(
            (*path, "tls"),
            "no tls beside implicit-tls, or another one",
            '"none"',
            'Write "opportunistic" or more, or remove implicit-tls.',
        )
    if route.port == _IMPLICIT_PORT and not route.implicit_tls:
        report.add(
            (*path, "port"),
            "implicit-tls = true beside it, since servers there begin with TLS",
            "465 alone",
            "Write implicit-tls = true, or port = 587.",
            Severity.WARNING,
        )


def _check_sources(sources: Sequence[str], path: Path, report: Report) -> None:
    versions = [ip_address(source).version for source in sources]
    for version in sorted({v for v in versions if versions.count(v) > 1}):
        report.add(
            path,
            "one IPv4 address and one IPv6 address at most",
            f"{versions.count(version)} of IPv{version}, of which the first is used",
            "Remove the others.",
            Severity.WARNING,
        )
