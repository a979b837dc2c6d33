"""A process with a queue, to be killed: ``python -m tests.crash.queue_process FOLDER``.

It commits messages and carries them, two recipients each, the second deferred at first.
What it was told is durable, and what the next server took, it writes to files that it
syncs before it goes on: ``acked`` and ``taken``, a line each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.internet.task import Clock

from mailapp.queue.interfaces import Consignment
from mailapp.queue.types import Attempt, Outcome
from mailapp.storage.files import Files
from tests.unit.queue.postman import BEGIN, Post, attempt, envelope


def note(path: Path, line: str) -> None:
    """Write a line that lasts."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, line.encode() + b"\n")
    os.close(fd)


def main(folder: Path, name: str, count: int) -> None:
    """Commit and carry some messages; then say so."""
    clock = Clock()
    clock.advance(BEGIN)
    post = Post(folder / "queue", Files(), clock)
    late = False

    def answer(consignment: Consignment, place: int) -> Attempt:
        entry = consignment.entry
        if place and not late:
            return attempt(Outcome.DEFERRED, clock.seconds())
        note(folder / "taken", f"{entry.id} {place}")
        return attempt(Outcome.RELAYED, clock.seconds())

    post.carrier.answer = answer
    post.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for number in range(count):
        entry_id = f"{name}-{number}"
        post.put(envelope(entry_id, "a@a.test", "b@b.test"))
        note(folder / "acked", entry_id)
    late = True
    for _ in range(20):
        clock.advance(600)
    post.end()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
