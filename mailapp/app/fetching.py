"""Fetching mail from elsewhere, put together from the configuration.

:func:`fetch_service` is for the postman, :func:`fetch_once` for ``mailapp fetch``.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from mailapp.app import once
from mailapp.app.parts import Parts
from mailapp.app.password_file import first_line
from mailapp.config.fetching import Fetch
from mailapp.config.schema import Configuration
from mailapp.core.secret import Secret
from mailapp.delivery.local import LocalDelivery
from mailapp.fetch.dialogue import connector
from mailapp.fetch.service import Appointment, FetchService
from mailapp.fetch.session import Fetcher, Surroundings
from mailapp.fetch.tally import Watch
from mailapp.fetch.types import Bounds, FetchProblem, Keeping, Report, Source
from mailapp.net.keyfiles import is_shared
from mailapp.storage.files import Files

FOLDER: Final = "fetch"
"""In ``server.directory``: the ledgers."""

Watcher = Callable[[str], Watch]
"""Gives, for the name of a source, who is told how far its run is."""


def load_source(table: Fetch) -> Source:
    """The source of a table, with the password that its file has now.

    Raises:
        FetchProblem: the file can't be used.
    """
    return Source(
        name=table.name,
        speech=table.protocol,
        host=table.host,
        port=table.port_number,
        user=table.user,
        password=_read_password(table.password_file),
        into=table.into,
        folder=table.folder,
        mailbox=table.mailbox,
        protection=table.tls,
        login=table.login,
        authority=table.authority,
        verify=table.verify,
        keeping=Keeping(table.keep, table.keep_days),
        bounds=Bounds(table.message_size, table.messages, table.timeout),
    )


def make_fetcher(parts: Parts) -> Fetcher:
    """A fetcher over the parts of a process."""
    server = parts.configuration.server
    delivery = LocalDelivery(
        parts.store,
        parts.directory,
        server.hostname,
        detail_folders=True,
        events=parts.journal,
    )
    around = Surroundings(
        store=parts.store,
        delivery=delivery,
        directory=parts.directory,
        connect=connector(parts.reactor),
        clock=parts.reactor,
        in_thread=parts.writes.run,
        files=Files(),
        folder=os.fsencode(server.directory / FOLDER),
        now=time.time,
        token=parts.message_names,
        nonce=partial(secrets.token_hex, 16),
    )
    return Fetcher(around)


def fetch_service(parts: Parts) -> FetchService | None:
    """What fetches for as long as the process runs; None where nothing is to be.

    Start it after the parts, and stop it before them.
    """
    tables = parts.configuration.fetches
    if not any(table.every for table in tables):
        return None
    appointments = [
        Appointment(table.name, table.every, partial(load_source, table))
        for table in tables
    ]
    return FetchService(make_fetcher(parts), appointments, parts.reactor, random.random)


async def fetch_once(
    parts: Parts, tables: Sequence[Fetch], watcher: Watcher, *, dry: bool
) -> list[Report]:
    """Fetch from each of these, one after the other; what each run did."""
    fetcher = make_fetcher(parts)
    reports = []
    for table in tables:
        try:
            source = load_source(table)
        except FetchProblem as problem:
            reports.append(Report(table.name, problem=str(problem), lasting=True))
            continue
        watch = watcher(table.name)
        reports.append(await fetcher.run(source, dry=dry, watch=watch))
    return reports


def run_once(
    configuration: Configuration,
    reactor: Any,
    tables: Sequence[Fetch],
    watcher: Watcher,
    *,
    dry: bool,
) -> list[Report]:
    """The same with a reactor that runs only for it.

    Raises:
        Exception: what went wrong that should not.
    """

    def work(parts: Parts) -> Awaitable[list[Report]]:
        return fetch_once(parts, tables, watcher, dry=dry)

    return once.run_once(configuration, reactor, "fetch", work)


def _read_password(path: Path) -> Secret:
    try:
        if is_shared(path):
            msg = f"{path} may be read by others than its owner; run: chmod 600 {path}"
            raise FetchProblem(msg, lasting=True)
        password = first_line(path)
    except OSError as error:
        raise FetchProblem(f"{path}: {error.strerror}", lasting=True) from error
    if not password.reveal():
        msg = f"{path}: the first line has no password"
        raise FetchProblem(msg, lasting=True)
    return password
