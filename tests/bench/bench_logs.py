"""How long one event of the log takes, from the logger to the finished line.

    python -m tests.bench.bench_logs

Prints microseconds for the line that ends a POP3 session, in both forms, and how many
times as long Twisted's own text observer takes.
"""

from __future__ import annotations

import os
import time

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    Logger,
    formatEventAsClassicLogText,
)

from mailapp.app.lines import FORMATS
from mailapp.app.logs import LineObserver

EVENTS = 20_000
LIMIT = 15.0  # microseconds
REPEATS = 5


def microseconds(observe: ILogObserver) -> float:
    """The best of some runs: what the machine does besides only adds."""
    log = Logger("bench", observer=observe)
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(EVENTS):
            log.info(
                "{account}: retrieved {retrieved}, removed {removed}",
                event="pop3.session.ended",
                session="0123456789abcdef",
                peer="192.0.2.1",
                account="alice@example.test",
                retrieved=5,
                topped=0,
                removed=1,
                size_octets=5555,
                seconds=0.123,
            )
        best = min(best, time.perf_counter() - begin)
    return best / EVENTS * 1e6


def main() -> None:
    """Measure and print."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        theirs = microseconds(FileLogObserver(nowhere, formatEventAsClassicLogText))
    print(f"{'form':8} {'us':>6}  {'Twisted':>7}")  # noqa: T201 - its purpose
    for name, form in FORMATS.items():
        ours = microseconds(LineObserver(len, form=form))
        note = "" if ours < LIMIT else f"  more than {LIMIT:.0f}"
        print(f"{name:8} {ours:6.1f}  {theirs / ours:6.1f}x{note}")  # noqa: T201


if __name__ == "__main__":
    main()
