"""mailapp.queue.carrying: the next begins behind what only waits for its last word."""

from __future__ import annotations

from mailapp.queue.lane import LaneLimits
from mailapp.queue.lanes import Limits
from mailapp.queue.types import Outcome
from tests.unit.queue.postman import PostCase, envelope


class SentTests(PostCase):
    """A place of a lane is a connection, which two may share."""

    limits = Limits(lane=LaneLimits(first=1, most=1))

    def begin(self, *names: str) -> None:
        """These entries come, and the carrier keeps what it gets."""
        self.post.carrier.held = True
        for name in names:
            self.post.put(envelope(name))

    def under_way(self) -> list[str]:
        """What the carrier has."""
        return [one.entry.id for one, _ in self.post.carrier.waiting]

    def test_shared(self) -> None:
        """With one connection, the second goes when the first is sent; no third."""
        self.begin("m1", "m2", "m3")
        self.assertEqual(self.under_way(), ["m1"])
        first = self.post.carrier.waiting[0][0]
        first.sent()
        self.assertEqual(self.under_way(), ["m1", "m2"])
        first.sent()
        self.assertEqual(self.under_way(), ["m1", "m2"])
        self.post.carrier.release()
        self.assertEqual(self.under_way(), ["m2"])
        self.post.carrier.release()
        self.assertEqual(self.under_way(), ["m3"])
        self.post.carrier.release()
        self.assertEqual(self.left(), [])
        self.assertEqual(len(self.post.dispatcher.carrying.waiting.lanes), 0)

    def test_nothing_waits(self) -> None:
        """What comes later does not find its place: the window stays what it is."""
        self.begin("m1")
        self.post.carrier.waiting[0][0].sent()
        self.post.put(envelope("m2"))
        self.assertEqual(self.under_way(), ["m1"])

    def test_doubtful(self) -> None:
        """Where the last one failed, one goes at a time."""
        self.always(Outcome.DEFERRED, "4.4.1")
        self.begin("m1", "m2", "m3")
        self.post.carrier.release()
        self.assertEqual(self.under_way(), ["m2"])
        self.post.carrier.waiting[0][0].sent()
        self.assertEqual(self.under_way(), ["m2"])
