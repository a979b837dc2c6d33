"""The collector of cycles: what it looks at, and when."""

from __future__ import annotations

import gc
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.garbage import Garbage


class GarbageTests(SynchronousTestCase):
    """Nothing is looked at twice while somebody is connected."""

    def setUp(self) -> None:
        """A clock that says of each pass that it took an hour."""
        thresholds = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *thresholds)
        self.addCleanup(gc.unfreeze)
        self.garbage = Garbage(count(step=3600).__next__)
        self.garbage.start()
        self.addCleanup(self.garbage.stop)

    def test_spared(self) -> None:
        """What has survived a long pass is not looked at again."""
        kept = [[n] for n in range(1000)]
        gc.collect()
        self.assertEqual(len(kept), 1000)
        self.assertLess(len(gc.get_objects()), 1000)

    def test_rest(self) -> None:
        """Cycles that were spared are found later, when nobody is connected."""
        rings: list[list[object]] = [[] for _ in range(gc.get_freeze_count() + 1000)]
        for ring in rings:
            ring.append(ring)
        gc.collect()
        spared = gc.get_freeze_count()
        del rings, ring
        self.garbage.tend(1)
        self.assertGreaterEqual(gc.get_freeze_count(), spared - 2)
        self.garbage.tend(0)
        self.assertLess(gc.get_freeze_count(), spared * 0.7)
