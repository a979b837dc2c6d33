"""Coroutines driven by hand: one that never waits costs no Deferred.

``Deferred.fromCoroutine`` costs 30 to 38 plain calls, ``coroutine.send`` five. Nearly
all that a session answers, it answers at once; so the driver sends the first step
itself and only what suspends gets a :class:`Run`.

What is awaited in the end must be a Deferred: its ``__await__`` yields the Deferred
itself while it has no result, and reads its result when it is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

_T = TypeVar("_T")
_NOTHING: Final = object()


class Gone(BaseException):
    """Raised where a coroutine waits when nobody wants its result any more.

    As with ``asyncio.CancelledError``, no ``except Exception`` catches it. ``finally``
    may still await: the rest is driven to its end.
    """


class Run:
    """A coroutine that waits for a Deferred, and for whom it does.

    Args:
        coroutine: was sent to once and gave ``awaited``.
        awaited: what it waits for.
        done: called once with what the coroutine returns.
        failed: called once with what it raises.
    """

    __slots__ = (
        "_asleep",
        "_awaited",
        "_coroutine",
        "_done",
        "_failed",
        "_fired",
        "_gone",
    )

    log: ClassVar = Logger()

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, _T],
        awaited: object,
        done: Callable[[_T], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._coroutine = coroutine
        self._done: Callable[[Any], None] = done
        self._failed = failed
        self._gone = False
        self._asleep = False
        self._fired: object = _NOTHING
        self._awaited: object = None
        self._wait(awaited)

    def cancel(self) -> None:
        """Nobody listens any more: raise :class:`Gone` where the coroutine waits.

        What it waits for is canceled too. Neither ``done`` nor ``failed`` is called
        afterwards. A second call does nothing.
        """
        if self._gone:
            return
        self._gone = True
        awaited, self._awaited = self._awaited, None
        self._wait(self._once(Gone()))
        if isinstance(awaited, Deferred):
            awaited.cancel()

    def _wait(self, awaited: object) -> None:
        """Go on when it fires; loop, and do not nest, over what has fired already."""
        while awaited is not None:
            if not isinstance(awaited, Deferred):
                problem = TypeError(f"awaited {awaited!r}, which is no Deferred")
                awaited = self._once(problem)
                continue
            self._awaited = awaited
            self._asleep = False
            self._fired = _NOTHING
            _ = awaited.addBoth(self._wake, awaited)
            if self._fired is _NOTHING:
                self._asleep = True
                return
            awaited = self._once(self._fired)

    def _wake(self, result: object, awaited: object) -> object:
        """Called by the Deferred; a failure is heard and so goes no further."""
        passed_on = None if isinstance(result, Failure) else result
        if self._awaited is not awaited:
            return passed_on  # canceled meanwhile
        self._awaited = None
        if self._asleep:
            self._wait(self._once(result))
        else:
            self._fired = result
        return passed_on

    def _once(self, result: object) -> object:
        """Resume the coroutine once.

        Returns:
            what it awaits now, or None: it has ended and its end was told.
        """
        coroutine = self._coroutine
        try:
            if isinstance(result, Failure):
                return coroutine.throw(cast(BaseException, result.value))
            if isinstance(result, BaseException):
                return coroutine.throw(result)
            return coroutine.send(result)
        except StopIteration as stop:
            if not self._gone:
                self._done(stop.value)
        except Gone:
            if not self._gone:
                raise
        except BaseException as problem:
            if not self._gone:
                self._failed(problem)
            else:
                self.log.failure(
                    "clean-up after a lost connection", event="steps.clean-up.failed"
                )
        return None


def run(
    coroutine: Coroutine[Any, Any, _T],
    done: Callable[[_T], None],
    failed: Callable[[BaseException], None],
) -> Run | None:
    """Drive a coroutine to its end.

    Args:
        coroutine: not yet started.
        done: called with what it returns, at once if it never waits.
        failed: called with the exception that it raises.

    Returns:
        None if it has ended already, else what can be canceled.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as stop:
        done(stop.value)
    except Exception as problem:
        failed(problem)
    else:
        return Run(coroutine, awaited, done, failed)
    return None


def nothing(_result: object) -> None:
    """Nobody waits for this result."""


async def undisturbed(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run to its end, even if the one who awaits this is broken off meanwhile."""
    finished: Deferred[_T] = Deferred()
    run(coroutine, finished.callback, lambda e: finished.errback(Failure(e)))
    return await finished


def finish(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Drive a coroutine that never waits, where there is no reactor.

    Raises:
        RuntimeError: it waits after all.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: _T = stop.value
        return result
    coroutine.close()
    msg = "the coroutine waits for something"
    raise RuntimeError(msg)
