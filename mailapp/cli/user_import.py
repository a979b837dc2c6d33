"""Many accounts at once, from lines of names and passwords or hashes.

A line is ``name<TAB>password`` or ``name,password``. In place of a password may stand
an argon2 hash (``$argon2id$…``, also after ``{ARGON2ID}``) or a SCRAM verifier of RFC
5803 (``SCRAM-SHA-256$i:salt$StoredKey:ServerKey``); after tabs, one of each. Empty
lines and lines that begin with ``#`` are passed over.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, TextIO

from attrs import Factory, define, frozen
from rich.console import Console
from rich.progress import track

from mailapp.auth.hashes import Hashes, check_argon2, stored_form
from mailapp.auth.passwords import check_strength
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.directory.accounts import Accounts, NewPassword
from mailapp.directory.names import account_id
from mailapp.sasl import base64
from mailapp.sasl.mechanism import Verifier
from mailapp.sasl.scram import (
    DIGEST_OCTETS,
    ITERATIONS_LEAST,
    ITERATIONS_MOST,
    SHA_256,
)
from mailapp.storage.types import AccountId

BATCH: Final = 200  # accounts in one transaction
_SCHEME: Final = re.compile(r"\{[A-Z0-9.-]+\}", re.IGNORECASE)
_SCRAM: Final = re.compile(
    r"SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)"
)


@frozen
class Line:
    """One account of the file; ``password`` or ``new`` is given."""

    number: int
    name: AccountId
    password: Secret | None
    new: NewPassword


@define
class Result:
    """What became of the lines."""

    added: int = 0
    updated: int = 0
    problems: list[str] = Factory(list)


def import_accounts(  # noqa: PLR0913 - each is a choice of the user's
    lines: Sequence[str],
    accounts: Accounts,
    hashes: Hashes,
    *,
    domains: Sequence[str],
    now: float,
    update: bool,
    allow_weak: bool,
    screen: TextIO,
) -> Result:
    """Make the accounts; what can't be made is told and left out.

    Passwords are hashed on all cores. A progress bar is shown on a terminal only.
    """
    result = Result()
    good = [
        line
        for line in _good(
            lines, domains, allow_weak=allow_weak, problems=result.problems
        )
        if update or _is_new(line, accounts, result)
    ]
    console = Console(file=screen)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        made = pool.map(lambda line: _hashed(line, hashes), good)
        shown = track(
            zip(good, made, strict=True),
            description="accounts",
            total=len(good),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        while batch := list(islice(shown, BATCH)):
            _write(batch, accounts, result, now=now)
    finally:  # who interrupts it does not wait for passwords that nobody wants any more
        pool.shutdown(cancel_futures=True)
    return result


def _is_new(line: Line, accounts: Accounts, result: Result) -> bool:
    """Whether there is no such account, before its password takes its time."""
    if accounts.verifiers(line.name) is None:
        return True
    result.problems.append(
        f"line {line.number}: {line.name} exists already; use --update"
    )
    return False


def _good(
    lines: Iterable[str],
    domains: Sequence[str],
    *,
    allow_weak: bool,
    problems: list[str],
) -> Iterator[Line]:
    seen: set[AccountId] = set()
    for number, text in enumerate(lines, 1):
        if not text.strip() or text.startswith("#"):
            continue
        try:
            line = parse_line(number, text, domains)
            if line.password is not None:
                stored_form(line.password)
                if not allow_weak:
                    check_strength(line.password, line.name)
        except SyntaxProblem as problem:
            problems.append(f"line {number}: {problem.reason}")
            continue
        if line.name in seen:
            problems.append(f"line {number}: {line.name} is there twice")
            continue
        seen.add(line.name)
        yield line


def parse_line(number: int, text: str, domains: Sequence[str]) -> Line:
    """One line as a value.

    Raises:
        SyntaxProblem: the text says what is wrong, and quotes no password.
    """
    name_text, *values = _split(text)
    if not any(values):
        reason = "no password or hash, after a tab or comma"
        raise SyntaxProblem(reason)
    name = account_id(name_text.strip(), domains[0])
    domain = name.rpartition("@")[2]
    if domain not in domains:
        reason = f"{domain} is not in the configuration's server.domains"
        raise SyntaxProblem(reason)
    password, argon2, scram = None, "", {}
    for value in filter(None, values):
        bare = _SCHEME.sub("", value, count=1)
        if bare.startswith("$argon2"):
            argon2 = check_argon2(bare)
        elif bare.startswith(f"{SHA_256}$"):
            scram = {SHA_256: parse_scram(bare)}
        elif _SCHEME.match(value) and not value.upper().startswith("{PLAIN}"):
            reason = "a hash that is not supported; argon2 and SCRAM-SHA-256 are"
            raise SyntaxProblem(reason)
        elif password is not None or len(values) > 1:
            reason = "a password stands alone behind the name"
            raise SyntaxProblem(reason)
        else:
            plain = value.startswith(("{PLAIN}", "{plain}"))
            password = Secret((bare if plain else value).encode())
    return Line(number, name, password, NewPassword(argon2, scram))


def parse_scram(text: str) -> Verifier:
    """A verifier in the form of RFC 5803, section 2.

    Raises:
        SyntaxProblem: it is none, or its iteration count is out of bounds.
    """
    found = _SCRAM.fullmatch(text)
    if found is None:
        reason = "not a SCRAM-SHA-256 verifier"
        raise SyntaxProblem(reason)
    iterations = int(found[1])
    salt, stored_key, server_key = (base64.decode(found[n].encode()) for n in (2, 3, 4))
    if not ITERATIONS_LEAST <= iterations <= ITERATIONS_MOST:
        reason = "the iteration count of the verifier is out of bounds"
        raise SyntaxProblem(reason)
    if {len(stored_key), len(server_key)} != {DIGEST_OCTETS}:
        reason = "the keys of the verifier are not of 32 octets"
        raise SyntaxProblem(reason)
    return Verifier(salt, iterations, stored_key, server_key)


def _split(text: str) -> list[str]:
    """Name and values; a comma inside a hash is none between values."""
    if "\t" in text:
        return text.rstrip("\r\n").split("\t")
    name, _, rest = text.rstrip("\r\n").partition(",")
    if rest.startswith('"'):
        try:
            (rest, *more) = next(csv.reader([rest], strict=True))
        except csv.Error:
            reason = "a quote is not closed"
            raise SyntaxProblem(reason) from None
        return [name.strip('"'), rest, *more]
    return [name.strip('"'), rest]


def _hashed(line: Line, hashes: Hashes) -> NewPassword:
    return line.new if line.password is None else hashes.make(line.password)


def _write(
    batch: Sequence[tuple[Line, NewPassword]],
    accounts: Accounts,
    result: Result,
    *,
    now: float,
) -> None:
    new: list[tuple[AccountId, NewPassword]] = []
    for line, password in batch:
        if accounts.verifiers(line.name) is None:
            new.append((line.name, password))
        else:
            accounts.set_password(line.name, password)
            result.updated += 1
    accounts.add(new, now=now)
    result.added += len(new)
