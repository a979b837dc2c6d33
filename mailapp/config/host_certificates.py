"""Whether certificates can be used, as a serving process will try to."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from mailapp.config.places import Path as Key
from mailapp.config.problems import Severity
from mailapp.config.read import Report
from mailapp.config.schema import Certificate, Configuration, Security
from mailapp.net.client_tls import ClientTLS
from mailapp.net.tls import BadCertificate, CertificateFiles, ServerTLS


def check_certificates(configuration: Configuration, report: Report) -> None:
    """Report what can't be used, is out of date, or is for other names."""
    good: list[Certificate] = []
    for place, certificate in enumerate(configuration.tls.certificates):
        key: Key = ("tls", "certificate", place)
        if _check_one(certificate, key, report):
            good.append(certificate)
    authority = configuration.tls.client_authority
    if good and authority is not None:
        try:
            _load(good, authority=str(authority))
        except BadCertificate as problem:
            _add_unusable(("tls", "client-authority"), problem, report)
    uses_tls = any(one.tls is not Security.NONE for one in configuration.listeners)
    if good and uses_tls and len(good) == len(configuration.tls.certificates):
        _check_name(_load(good), configuration.server.hostname, report)
    authorities = configuration.relay.authorities
    if authorities is not None:
        try:
            ClientTLS(str(authorities))
        except BadCertificate as problem:
            _add_unusable(("relay", "authorities"), problem, report)


def _load(certificates: list[Certificate], authority: str | None = None) -> ServerTLS:
    files = [CertificateFiles(str(one.chain), str(one.key)) for one in certificates]
    return ServerTLS(files, b"check", client_authority=authority)


def _check_one(certificate: Certificate, key: Key, report: Report) -> bool:
    try:
        loaded = _load([certificate])
    except BadCertificate as problem:
        _add_unusable(key, problem, report)
        return False
    if loaded.expires <= time.time():
        day = datetime.fromtimestamp(loaded.expires, UTC).date()
        report.add(
            (*key, "chain"),
            "a certificate that is still valid",
            f"one that expired on {day}, which clients refuse",
            "Renew it, and reload the server.",
            Severity.WARNING,
        )
    return True


def _check_name(loaded: ServerTLS, hostname: str, report: Report) -> None:
    """Other servers and most clients connect to the name that MX records give."""
    if not loaded.is_for(hostname):
        report.add(
            ("tls", "certificate"),
            f"a certificate for server.hostname, {hostname}",
            "only others",
            "Get one, unless clients and MX records use those other names.",
            Severity.WARNING,
        )


def _add_unusable(key: Key, problem: BadCertificate, report: Report) -> None:
    report.add(
        key, "PEM files that TLS can use", str(problem), "Mend the file or the path."
    )
