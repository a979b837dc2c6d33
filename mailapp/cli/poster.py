"""What ``mailapp demo`` shows: where to connect, who is there, and lines to try."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from mailapp.app.demo.outside import DOMAIN, MOODS
from mailapp.app.demo.roundtrip import Finding
from mailapp.app.demo.serving import Demo
from mailapp.cli.screen import Colour, Screen
from mailapp.core.failures import SyntaxProblem
from mailapp.pop2.grammar import quote
from mailapp.storage.types import AccountId

_WHAT: Final = {
    "smtp": "SMTP with STARTTLS",
    "submission": "Submission, STARTTLS",
    "submissions": "Submission over TLS",
    "lmtp": "LMTP (RFC 2033)",
    "pop2": "POP2 (RFC 937)",
    "pop3": "POP3 with STLS",
    "pop3s": "POP3 over TLS",
    "imap": "IMAP with STARTTLS",
    "imaps": "IMAP over TLS",
}
_TRY: Final = {
    "smtp": "printf 'Subject: hello\\r\\n\\r\\nHello!\\r\\n' | curl -sS --ssl-reqd "
    "--cacert {ca} --mail-from bob@{domain} --mail-rcpt {account} "
    "-T - smtp://localhost:{port}",
    "submission": "swaks --server localhost:{port} -tls --tls-verify "
    "--tls-ca-path {ca} --auth-user {account} --auth-password {password} "
    "--from {account} --to bob@{domain} --h-Subject hello",
    "submissions": "printf 'From: {account}\\r\\nSubject: hello\\r\\n\\r\\n"
    "Hello!\\r\\n' | curl -sS --cacert {ca} -u {full_login} --mail-from {account} "
    "--mail-rcpt bob@{domain} -T - smtps://localhost:{port}",
    "lmtp": "swaks --server localhost:{port} --protocol LMTP "
    "--from bob@{domain} --to {account} --h-Subject hello",
    "pop2": "printf {pop2} | curl -sS telnet://localhost:{port}",
    "pop3": "curl -sS --ssl-reqd --cacert {ca} -u {login} pop3://localhost:{port}/1",
    "pop3s": "curl -sS --cacert {ca} -u {login} pop3s://localhost:{port}/1",
    "imap": "curl -sS --ssl-reqd --cacert {ca} -u {login} "
    "'imap://localhost:{port}/INBOX;MAILINDEX=1'",
    "imaps": "curl -sS --cacert {ca} -u {login} "
    "'imaps://localhost:{port}/INBOX;MAILINDEX=1'",
}
_MOST: Final = 10  # accounts that are shown one by one


def describe(demo: Demo, screen: Screen, *, kept: bool) -> Iterator[str]:
    """All lines, up to ``mailapp ready``; ``kept``: the folder stays at the end."""
    yield from _protocols(demo, screen)
    yield ""
    yield from _accounts(demo, screen)
    yield ""
    yield from _outside(demo, screen)
    yield ""
    folder = demo.world.folder
    yield f"Mail    {demo.built.configuration.mail_root}"
    yield f"CA      {demo.ca_file}"
    yield f"Log     {demo.log_file}"
    config = f"--config {shlex.quote(str(demo.world.path))}"
    yield f"Manage  mailapp user list {config}"
    yield f"Queue   mailapp queue list {config}"
    yield f"Story   mailapp why {config} {demo.built.accounts[0]}"
    yield ""
    yield "On this loopback address passwords are taken without TLS too."
    yield (
        f"Ctrl-C ends it; {folder} stays."
        if kept
        else "Ctrl-C ends it and removes everything."
    )
    yield "mailapp ready"


def show_finding(finding: Finding, screen: Screen) -> None:
    """One line with a tick and a time, and another one for a problem."""
    mark = (
        screen.paint("✗", Colour.BAD)
        if finding.problem
        else screen.paint("✓", Colour.GOOD)
    )
    screen.line(
        f"{mark} {finding.protocol:11} {finding.seconds * 1000:6.0f} ms  {finding.what}"
    )
    if finding.problem:
        screen.line(f"  {finding.problem}")


def _protocols(demo: Demo, screen: Screen) -> Iterator[str]:
    """Protocol and address, and below each a line to copy."""
    account = demo.built.accounts[0]
    name = account.partition("@")[0]
    password = demo.built.passwords.get(account)
    # without a password curl asks for it
    login = shlex.quote(name if password is None else f"{name}:{password}")
    full_login = shlex.quote(account if password is None else f"{account}:{password}")
    width = max(map(len, _WHAT.values()))
    for label, port in demo.built.ports.items():
        what = screen.paint(f"{_WHAT[label]:{width}}", Colour.STRONG)
        yield f"{what}  localhost:{port}"
        yield "    " + _TRY[label].format(
            ca=shlex.quote(str(demo.ca_file)),
            domain=demo.world.domain,
            account=account,
            login=login,
            full_login=full_login,
            password=shlex.quote(password or "PASSWORD"),
            pop2=_pop2_session(name, password),
            port=port,
        )


def _pop2_session(name: str, password: str | None) -> str:
    """What to type to read the first message, for printf and the shell."""
    try:
        word = quote((password or "").encode(), spaces=False).decode()
    except SyntaxProblem:
        word = "PASSWORD"  # there is none, or none that POP2 can carry
    login = f"HELO {name} {word}".replace("\\", r"\\").replace("%", "%%")
    return shlex.quote(rf"{login}\r\nREAD 1\r\nRETR\r\nACKS\r\nQUIT\r\n")


def _outside(demo: Demo, screen: Screen) -> Iterator[str]:
    """Whom one can write to elsewhere, by which way mail goes through the queue."""
    yield screen.paint(f"{DOMAIN} is another host. Mail for", Colour.STRONG)
    width = max(map(len, MOODS)) + len(DOMAIN) + 1
    for name, fate in MOODS.items():
        yield f"  {f'{name}@{DOMAIN}':{width}}  {fate}"
    yield f"It keeps what it takes in {shlex.quote(str(demo.world.folder / 'outside'))}"


def _accounts(demo: Demo, screen: Screen) -> Iterator[str]:
    """Account and password; those that have a number in one row."""
    accounts = demo.built.accounts
    named = len({demo.world.account(name) for name in demo.world.named})
    rows: list[tuple[str, AccountId]] = [(a, a) for a in accounts[:named][:_MOST]]
    left = named - len(rows)
    numbered = accounts[named:]
    if numbered:
        rows.append((f"{numbered[0].partition('@')[0]} to {numbered[-1]}", numbered[0]))
    width = max(len(shown) for shown, _ in rows)
    for shown, account in rows:
        password = demo.built.passwords.get(account, "(set by other means)")
        yield f"{screen.paint(f'{shown:{width}}', Colour.STRONG)}  {password}"
    if left:
        yield f"and {left} more"
