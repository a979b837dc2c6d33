"""A thread pool for work that blocks: durable writes, file reads, password hashes.

The pool of Twisted costs 38 to 125 microseconds a trip, mostly for its locks and for
waking the reactor once per job. Here a job wakes one thread, and the reactor is woken
once for all jobs that finished meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE

InThread = Callable[..., Awaitable[Any]]
"""Runs ``callable(*args)`` where it may block; awaited for what it returns or raises.

:meth:`Pool.run` is one, :func:`inline` is the one for tests.
"""


class PoolFull(TemporaryFailure):
    """Too much work waits already, or the pool was stopped: try again later."""

    def __init__(self) -> None:
        super().__init__(SYSTEM_TROUBLE)


async def inline(function: Callable[..., Any], *args: Any) -> Any:
    """Call at once, here: for tests, and for work that is known not to block."""
    return function(*args)


class _Job:
    """One call and the Deferred that hears of it."""

    __slots__ = ("args", "deferred", "function")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function: Callable[..., Any] | None = function
        self.args = args
        self.deferred: Deferred[Any] = Deferred(self._forget)

    def _forget(self, _deferred: Deferred[Any]) -> None:
        """Canceled: it is not begun any more. What has begun runs to its end."""
        self.function = None


class Pool:
    """A fixed number of threads and a bounded queue.

    Args:
        reactor: told from the threads that something finished.
        name: of the threads, as ``ps -T`` and a traceback show it.
        threads: how many at most; they are started as work comes in.
        limit: jobs queued and running together; more raise :class:`PoolFull`.
        first: called once in each new thread.
    """

    def __init__(
        self,
        reactor: IReactorFromThreads,
        name: str,
        threads: int,
        limit: int = 1000,
        *,
        first: Callable[[], object] = lambda: None,
    ) -> None:
        self.name: Final = name
        self.limit: Final = limit
        self._reactor = reactor
        self._threads_wanted = threads
        self._first = first
        self._threads_started = 0
        self._outstanding = 0
        self._jobs: deque[_Job | None] = deque()
        self._resting: list[Lock] = []
        self._finished: deque[tuple[_Job | None, Any]] = deque()
        self._woken = False
        self._stopped: Deferred[None] | None = None

    @property
    def outstanding(self) -> int:
        """Jobs queued or running, those included that were canceled meanwhile."""
        return self._outstanding

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call ``function(*args)`` in a thread.

        A Deferred that is canceled fails at once: the call is left out if it has not
        begun, else it runs to its end unheard.

        Raises:
            PoolFull: the limit is reached or the pool was stopped.
        """
        if self._outstanding >= self.limit or self._stopped is not None:
            raise PoolFull
        self._outstanding += 1
        if (
            self._outstanding > self._threads_started
            and self._threads_started < self._threads_wanted
        ):
            self._start_thread()
        job = _Job(function, args)
        self._put(job)
        return job.deferred

    def start(self) -> None:
        """Start all threads now, so that the first jobs find them."""
        while self._threads_started < self._threads_wanted:
            self._start_thread()

    def stop(self) -> Deferred[None]:
        """Take no more work; fires when what was queued is done. Stop once."""
        stopped = self._stopped = Deferred()
        for _ in range(self._threads_started):
            self._put(None)
        if not self._threads_started:
            stopped.callback(None)
        return stopped

    def _start_thread(self) -> None:
        self._threads_started += 1
        name = f"{self.name}-{self._threads_started}"
        Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        """The life of one thread."""
        self._first()
        take, finish = self._jobs.popleft, self._finished.append
        rest = Lock()
        rest.acquire()
        while True:
            try:
                job = take()
            except IndexError:
                self._rest(rest)
                continue
            if job is None:
                break
            result: Any = None
            function = job.function
            if function is not None:
                try:
                    result = function(*job.args)
                except BaseException:
                    result = Failure()
            finish((job, result))
            self._wake()
        finish((None, None))
        self._wake()

    def _put(self, job: _Job | None) -> None:
        self._jobs.append(job)
        self._rouse()

    def _rest(self, until: Lock) -> None:
        """In a thread: wait until there may be a job."""
        self._resting.append(until)
        if self._jobs:  # one came before that
            self._rouse()
        until.acquire()

    def _rouse(self) -> None:
        """Wake the thread that came to rest last, and no other, if one rests."""
        with suppress(IndexError):
            self._resting.pop().release()

    def _wake(self) -> None:
        """Have the reactor collect, unless it is about to anyway.

        No lock is needed: the result was appended before the flag is read, and
        ``_collect`` clears the flag before it looks at the results.
        """
        if not self._woken:
            self._woken = True
            self._reactor.callFromThread(self._collect)

    def _collect(self) -> None:
        """In the reactor: tell the awaiters of all that has finished."""
        self._woken = False
        take = self._finished.popleft
        while self._finished:
            job, result = take()
            if job is None:
                self._threads_started -= 1
                continue
            self._outstanding -= 1
            if not job.deferred.called:
                job.deferred.callback(result)
        stopped = self._stopped
        if stopped is not None and not self._threads_started and not stopped.called:
            stopped.callback(None)
