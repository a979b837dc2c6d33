"""``mailapp user app-password``: a password for one program, shown once."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from mailapp.auth import app_passwords
from mailapp.cli.codes import OK
from mailapp.cli.manual import explain
from mailapp.cli.work import Refusal, Work
from mailapp.directory.app_passwords import (
    LABEL_LIMIT,
    AppPasswordExists,
    AppPasswordTable,
    NoSuchAppPassword,
)

_NEVER: Final = "never"


def add(work: Work) -> int:
    """Make an app password and print it."""
    name, label = work.account(), _label(work)
    password = app_passwords.generate()
    digest = app_passwords.digest(work.site.load_key(), name, password.reveal())
    if digest is None:
        msg = "a generated password is none"
        raise AssertionError(msg)
    try:
        _table(work).add(name, label, digest, work.now())
    except AppPasswordExists:
        text = f"{name} has an app password {label!r}; remove it first"
        raise Refusal(text) from None
    work.terminal.say(password.reveal().decode("ascii"))
    work.terminal.complain(
        f"This is the password of {label!r} for {name}. It is shown only now.\n"
        "It works wherever a program sends the password itself (PLAIN, LOGIN, USER);"
        " SCRAM takes the main password only."
    )
    return OK


def show(work: Work) -> int:
    """List an account's app passwords."""
    name = work.account()
    rows = [
        {
            "label": found.label,
            "created": _day(found.created_at),
            "last_used": _day(found.used_at) if found.used_at is not None else None,
        }
        for found in work.found(name).app_passwords
    ]
    if work.arguments.json:
        work.terminal.say(json.dumps(rows, indent=2, ensure_ascii=False))
        return OK
    for row in rows:
        used = row["last_used"] or _NEVER
        work.terminal.say(f"{row['label']}  created {row['created']}  last used {used}")
    return OK


def remove(work: Work) -> int:
    """Remove an app password; sessions that it opened end."""
    name, label = work.account(), _label(work)
    try:
        _table(work).remove(name, label)
    except NoSuchAppPassword:
        text = f"{name} has no app password {label!r}"
        raise Refusal(text) from None
    work.terminal.say(f"{name}: app password {label!r} removed")
    return OK


def add_parser(commands: Any) -> None:
    """Put ``app-password`` and its commands below ``user``."""
    parser = commands.add_parser(
        "app-password",
        help="passwords for single programs",
        description="Manage passwords that are made for one program each.",
    )
    examples = (
        ("mailapp user app-password add alice@example.org phone", "printed once"),
        ("mailapp user app-password add alice 'old printer'", "in the first domain"),
        ("mailapp user app-password list alice", "made and last used on which day"),
        ("mailapp user app-password remove alice phone", "it was lost"),
    )
    explain(
        parser,
        "A program logs in with the name of the account and its own password. It works"
        " wherever the password itself is sent (PLAIN, LOGIN, USER and PASS). Sessions"
        " that it opened are closed within a minute when it is removed.",
        examples=examples,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for word, does in (("add", add), ("list", show), ("remove", remove)):
        text = (does.__doc__ or "").rstrip(".")
        action = actions.add_parser(
            word, help=text[0].lower() + text[1:], description=does.__doc__
        )
        action.set_defaults(does=does)
        action.add_argument("name", help="user@domain, or user alone")
        if does is show:
            action.add_argument("--json", action="store_true", help="for programs")
        else:
            action.add_argument("label", help='what it is for, such as "phone"')
        explain(action, examples=[row for row in examples if f" {word} " in row[0]])


def _label(work: Work) -> str:
    """The label on the command line.

    Raises:
        Refusal: it is none.
    """
    label: str = work.arguments.label.strip()
    if not label or not label.isprintable() or len(label) > LABEL_LIMIT:
        text = f"a label has 1 to {LABEL_LIMIT} printable characters"
        raise Refusal(text)
    return label


def _table(work: Work) -> AppPasswordTable:
    return AppPasswordTable(work.site.accounts)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
