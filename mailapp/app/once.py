"""The parts of a process for one piece of work: what a command does by itself."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailapp.app.parts import Parts
from mailapp.config.schema import Configuration

_T = TypeVar("_T")


def run_once(
    configuration: Configuration,
    reactor: Any,
    name: str,
    work: Callable[[Parts], Awaitable[_T]],
) -> _T:
    """Do it with a reactor that runs only for it; what it returns.

    Args:
        configuration: of the installation.
        reactor: not running.
        name: of the process in the journal; its number is added.
        work: is done while the parts are started.

    Raises:
        Exception: what the work raises.
        KeyboardInterrupt: it was broken off.
    """
    parts = Parts(configuration, reactor, f"{name}{os.getpid()}")
    outcome: list[Any] = []

    async def whole() -> None:
        parts.start()
        try:
            outcome.append(await work(parts))
        finally:
            await parts.stop()

    def begin() -> None:
        done = Deferred.fromCoroutine(whole())
        _ = done.addErrback(outcome.append).addBoth(lambda _result: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if not outcome:
        raise KeyboardInterrupt
    result = outcome[-1]
    if isinstance(result, Failure):
        result.raiseException()
    value: _T = result
    return value
