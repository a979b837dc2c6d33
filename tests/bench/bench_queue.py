"""What the queue costs for a message that is delivered at the first attempt.

Run: python -m tests.bench.bench_queue [messages]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from zope.interface import implementer

from mailapp.core.envelope import Envelope
from mailapp.events.interfaces import Unheard
from mailapp.net.steps import run
from mailapp.net.threads import Pool
from mailapp.queue.carrying import Services
from mailapp.queue.custody import Custody
from mailapp.queue.dispatch import Dispatcher
from mailapp.queue.interfaces import Consignment, ICarrier
from mailapp.queue.spool import Spool
from mailapp.queue.types import Attempt, Outcome
from mailapp.storage.files import Files
from tests.unit.queue.postman import FakeReporter, domain_of, envelope

TEXT = b"Subject: x\r\n\r\n" + 50 * (b"x" * 78 + b"\r\n")


@implementer(ICarrier)
class SlowCarrier:
    """Takes everything, one turn of the reactor later."""

    def __init__(self, reactor: object, count: int) -> None:
        self.reactor = reactor
        self.left = count
        self.done: Deferred[None] = Deferred()

    async def carry(self, consignment: Consignment) -> Sequence[Attempt]:
        """See :class:`ICarrier`."""
        await consignment.content.read(0, 65536)
        turn: Deferred[None] = Deferred()
        self.reactor.callLater(0, turn.callback, None)  # type: ignore[attr-defined]
        await turn
        self.left -= 1
        if not self.left:
            self.done.callback(None)
        return [Attempt(Outcome.RELAYED, 0.0, "2.0.0", "ok", "mx")]


async def measure(reactor: object, count: int) -> None:
    """Commit and carry; CPU and wall time of each message."""
    pool = Pool(reactor, "write", 8)  # type: ignore[arg-type]
    for carried in (False, True):
        folder = Path(tempfile.mkdtemp(prefix="mailapp-bench-"))
        spool = Spool(folder / "queue", pool.run, Files(), reactor)  # type: ignore[arg-type]
        custody = Custody(spool)
        await custody.take()
        carrier = SlowCarrier(reactor, count)
        services = Services(carrier, FakeReporter(), Unheard(), domain_of)
        dispatcher = Dispatcher(custody, services)
        began, before = time.perf_counter(), os.times()
        if carried:
            spool.arrived = dispatcher.accept
            dispatcher.start()
        await _commit_all(spool, envelope(), count)
        if carried:
            await carrier.done
            await dispatcher.drain()
        took = (time.perf_counter() - began) / count * 1e6
        user = (os.times().user - before.user) / count * 1e6
        system = (os.times().system - before.system) / count * 1e6
        what = "commit, carry, remove" if carried else "commit"
        sys.stdout.write(
            f"{what}: {user:.0f} us user, {system:.0f} us system, {took:.0f} us each\n"
        )
        custody.give_up()
        shutil.rmtree(folder)
    await pool.stop()


async def _commit_all(spool: Spool, model: Envelope, count: int) -> None:
    """Fifty sessions commit one message after the other."""
    numbers = iter(range(count))
    left = 50
    finished: Deferred[None] = Deferred()

    async def session() -> None:
        for number in numbers:
            body = spool.stage()
            await body.write(TEXT)
            await body.commit(evolve(model, id=f"m{number}"))

    def ended(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            finished.callback(None)

    for _ in range(50):
        run(session(), ended, finished.errback)
    await finished


def main(reactor: object) -> Deferred[None]:
    """Measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    done: Deferred[None] = Deferred()
    run(measure(reactor, count), done.callback, done.errback)
    return done


if __name__ == "__main__":
    react(main)
