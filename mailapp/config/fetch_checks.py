"""Whether the ``[[fetch]]`` tables fit each other and the rest (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.config.fetching import Fetch
from mailapp.config.problems import Severity
from mailapp.config.read import Report
from mailapp.config.units import MINUTE
from mailapp.fetch.types import Protection, Speech


def check_fetching(
    tables: Sequence[Fetch], domains: Sequence[str], report: Report
) -> None:
    """Report every combination that is refused, or deserves a warning.

    Args:
        tables: all of them.
        domains: ours.
        report: takes the problems.
    """
    for place, table in enumerate(tables):
        path = ("fetch", place)
        _check_others(table, tables[:place], path, report)
        _check_security(table, path, report)
        _check_words(table, path, report)
        domain = table.into.rpartition("@")[2]
        if domain not in domains:
            report.add(
                (*path, "into"),
                "an account in one of server.domains",
                f'the domain "{domain}"',
                "Name an account of this server.",
            )


def _check_others(
    table: Fetch, before: Sequence[Fetch], path: tuple[str, int], report: Report
) -> None:
    if any(other.name == table.name for other in before):
        report.add(
            (*path, "name"),
            "a name that no other [[fetch]] has",
            f'"{table.name}" again',
            "Give it another name.",
        )
    if any(_account(other) == _account(table) for other in before):
        report.add(
            (*path, "user"),
            "an account that no other [[fetch]] fetches from",
            "the same account again, of which each message comes once",
            "Remove one of them, and share the mail with an alias.",
        )


def _account(table: Fetch) -> tuple[Speech, str, str, str]:
    return table.protocol, table.host, table.user, table.mailbox


def _check_security(table: Fetch, path: tuple[str, int], report: Report) -> None:
    if table.protocol is Speech.POP2 and table.tls is Protection.STARTTLS:
        report.add(
            (*path, "tls"),
            '"implicit" or "none", since POP2 has no command to start TLS',
            '"starttls"',
            'Write tls = "implicit"; or on loopback tls = "none".',
        )
    elif table.tls is Protection.NONE and not table.is_private:
        # threats 29, 51: whoever is on the way reads the password
        report.add(
            (*path, "tls"),
            '"implicit" or "starttls", since the server is another host',
            '"none", so that whoever is on the way reads the password',
            'Write tls = "implicit"; or allow-cleartext = true, if you must.',
            Severity.WARNING if table.allow_cleartext else Severity.ERROR,
        )
    elif table.tls is not Protection.NONE and not table.verify:
        report.add(
            (*path, "verify"),
            "true, or else anybody on the way can be the server",
            "false",
            "Name the authority of its certificate in authority.",
            Severity.WARNING,
        )


def _check_words(table: Fetch, path: tuple[str, int], report: Report) -> None:
    if table.mailbox and table.protocol is not Speech.POP2:
        report.add(
            (*path, "mailbox"),
            "nothing, since only pop2 can name a mailbox",
            f'"{table.mailbox}"',
            "Remove it.",
        )
    if table.keep_days and not table.keep:
        report.add(
            (*path, "keep-days"),
            "keep = true beside it",
            "messages that are deleted at once",
            "Write keep = true, or remove keep-days.",
        )
    if 0 < table.every < MINUTE:
        report.add(
            (*path, "every"),
            '"0 s", or at least "1 min"',
            "a shorter time",
            'Write "1 min": many servers lock out who comes too often.',
        )
