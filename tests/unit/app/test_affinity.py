"""Which processors a worker runs on."""

from __future__ import annotations

import os
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.affinity import EVERYWHERE, pin, roam


class AffinityTests(SynchronousTestCase):
    """Each test in a thread of its own: that is what is moved."""

    def setUp(self) -> None:
        """Note where the thread may run."""
        self.places: list[set[int]] = []

    def note(self) -> None:
        """Where this thread may run now."""
        self.places.append(os.sched_getaffinity(0))

    def run_in_thread(self, *steps: object) -> None:
        """Call these in one thread; a number is pinned."""

        def work() -> None:
            for step in steps:
                pin(step) if isinstance(step, int) else roam()
                self.note()

        thread = Thread(target=work)
        thread.start()
        thread.join()

    def test_pin(self) -> None:
        """Workers take one processor each, in turn, and begin again at the end."""
        count = len(EVERYWHERE)
        self.run_in_thread(*range(count + 1))
        self.assertTrue(all(len(place) == 1 for place in self.places))
        self.assertEqual(set().union(*self.places), set(EVERYWHERE))
        self.assertEqual(self.places[0], self.places[count])

    def test_roam(self) -> None:
        """A thread that was pinned may run anywhere again."""
        self.run_in_thread(0, "roam")
        self.assertEqual(self.places[1], set(EVERYWHERE))

    def test_processor_gone(self) -> None:
        """A processor that is not there any more stops nobody."""
        self.patch(os, "sched_setaffinity", self.refuse)
        pin(0)

    def refuse(self, _thread: int, _cpus: object) -> None:
        """As the kernel does when no wanted processor is left."""
        raise OSError(22, "Invalid argument")
