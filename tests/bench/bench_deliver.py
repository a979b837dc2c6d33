"""Deliveries per second and CPU per message, beside a bare loop of the same calls.

Run it on the disk that matters: ``python -m tests.bench.bench_deliver DIRECTORY``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import react

from mailapp.net.threads import Pool
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId, Destination

BODY = (b"x" * 62 + b"\r\n") * 64
MAILBOXES = 100
MESSAGES = 3000
THREADS = (1, 4, 8, 16)


def bare(root: Path, threads: int) -> tuple[float, float]:
    """The calls alone, in plain threads."""
    paths = [os.fsencode(root / str(n)) for n in range(MAILBOXES)]
    for path in paths:
        os.makedirs(path + b"/tmp")
        os.makedirs(path + b"/new")
    numbers = count()

    def work() -> None:
        while (n := next(numbers)) < MESSAGES:
            path, name = paths[n % MAILBOXES], b"/%d" % n
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            fd = os.open(path + b"/tmp" + name, flags, 0o600)
            os.write(fd, BODY)
            os.fsync(fd)
            os.close(fd)
            os.rename(path + b"/tmp" + name, path + b"/new" + name)
            fd = os.open(path + b"/new", os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(fd)
            os.close(fd)

    def run() -> None:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return timed(run)


def timed(run: Callable[[], None]) -> tuple[float, float]:
    """Messages per second, CPU milliseconds per message."""
    wall, cpu = time.monotonic(), time.process_time()
    run()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return MESSAGES / wall, cpu / MESSAGES * 1000


async def ours(reactor: Any, root: Path, threads: int) -> tuple[float, float]:
    """The store, with as many sessions as threads."""
    pool = Pool(reactor, "write", threads)
    store = MaildirStore(root, pool.run, clock=reactor)
    accounts = [AccountId(f"u{n}@example.test") for n in range(MAILBOXES)]
    for account in accounts:
        await store.create(account)
    numbers: Iterator[int] = count()

    async def session() -> None:
        while (n := next(numbers)) < MESSAGES:
            sink = store.stage()
            await sink.write(BODY)
            destination = Destination(accounts[n % MAILBOXES])
            outcomes = await store.deliver(sink, [destination])
            assert outcomes == [None], outcomes

    wall, cpu = time.monotonic(), time.process_time()
    sessions = [Deferred.fromCoroutine(session()) for _ in range(threads)]
    await DeferredList(sessions, fireOnOneErrback=True)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    await store.close()
    await pool.stop()
    return MESSAGES / wall, cpu / MESSAGES * 1000


async def main(reactor: Any) -> None:
    """Print a line for each number of threads."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    root = Path(tempfile.mkdtemp(dir=where))
    try:
        for threads in THREADS:
            raw = bare(root / f"bare{threads}", threads)
            store = await ours(reactor, root / f"ours{threads}", threads)
            sys.stdout.write(
                f"{threads:2} threads: bare {raw[0]:6.0f}/s {raw[1]:.3f} ms CPU,"
                f" store {store[0]:6.0f}/s {store[1]:.3f} ms CPU,"
                f" ratio {store[0] / raw[0]:.2f} in speed,"
                f" {store[1] / raw[1]:.2f} in CPU\n"
            )
    finally:
        rmtree(root)


if __name__ == "__main__":
    react(main)
