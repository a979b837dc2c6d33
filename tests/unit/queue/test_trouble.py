"""Deadlines, and a disk that does not take what has to be recorded."""

from __future__ import annotations

import errno

from mailapp.core.envelope import DeliverBy
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_FULL
from mailapp.events.record import Kind
from mailapp.queue.types import Attempt, Outcome
from tests.threats import threat
from tests.unit.queue.postman import BEGIN, PostCase, attempt, envelope
from tests.unit.storage.maildir_case import Faulty


class DeadlineTests(PostCase):
    """RFC 2852."""

    def test_returned(self) -> None:
        """Mode R: at the deadline it fails, without another attempt."""
        self.always(Outcome.DEFERRED)
        self.post.put(envelope(deliver_by=DeliverBy(BEGIN + 100, returned=True)))
        self.wait(110)
        self.assertEqual(len(self.post.carrier.carried), 1)
        self.assertEqual(self.post.reporter.reports, [("m1", [(0, Outcome.FAILED)])])
        self.assertEqual(self.left(), [])

    def test_notified(self) -> None:
        """Mode N: at the deadline its sender is told, once, and it goes on."""
        self.always(Outcome.DEFERRED)
        self.post.put(envelope(deliver_by=DeliverBy(BEGIN + 100, returned=False)))
        self.wait(110)
        self.assertEqual(self.post.reporter.reports, [("m1", [(0, Outcome.DEFERRED)])])
        self.always(Outcome.RELAYED)
        self.wait(86_400)
        self.assertEqual(len(self.post.reporter.reports), 1)
        self.assertEqual(self.left(), [])


def half(_: object, place: int) -> Attempt:
    """The first recipient has it, the second not yet."""
    return attempt(Outcome.DEFERRED if place else Outcome.RELAYED, BEGIN)


class Full(Faulty):
    """A disk that takes nothing while ``failing`` names one of its calls."""

    def unlink(self, path: bytes) -> None:
        """See :class:`Files`."""
        self._fail("unlink")
        super().unlink(path)


class FullDiskTests(PostCase):
    """Each call fails for a while."""

    files: Full

    def setUp(self) -> None:
        """The disk works at first, and in the end."""
        self.files = Full()
        self.files.errno = errno.ENOSPC
        self.addCleanup(self.fail_at, "")
        super().setUp()

    def fail_at(self, call: str) -> None:
        """From now on this call fails."""
        self.files.failing = call

    @threat(113)
    def test_commit(self) -> None:
        """What does not fit is not in the queue, and nothing of it is left."""
        for call in "write", "fsync", "sync":
            self.fail_at(call)
            with self.assertRaises(TemporaryFailure) as caught:
                self.post.put(envelope())
            self.assertEqual(caught.exception.status, SYSTEM_FULL)
            self.fail_at("")
            self.assertEqual(self.left(), [])
            self.assertEqual(list((self.folder / "queue/tmp").iterdir()), [])
        self.assertEqual(self.post.carrier.carried, [])

    @threat(113, 115)
    def test_record(self) -> None:
        """What came of an attempt is kept until the disk takes it, written anew."""
        for number, call in enumerate(("write", "fsync", "sync")):
            name = f"m{number}"
            self.post.carrier.held = True
            self.post.carrier.answer = half
            self.post.put(envelope(name, "a@far.test", "b@far.test"))
            self.fail_at(call)
            self.post.carrier.release()
            self.wait(1800)
            self.assertEqual(len(self.post.carrier.waiting), 0, "tried again")
            self.fail_at("")
            self.wait(61)
            entry = self.post.entries()[0]
            self.assertEqual((entry.id, entry.attempts), (name, 1))
            self.always(Outcome.RELAYED)
            self.wait(7200)
            self.post.carrier.release()
            self.assertEqual(self.left(), [])

    @threat(113)
    def test_deferral(self) -> None:
        """A deferral need not be recorded: what waits goes, and makes room."""
        self.post.carrier.held = True
        self.always(Outcome.DEFERRED)
        self.post.put(envelope())
        self.wait(1)
        self.fail_at("write")
        self.post.carrier.release()
        self.wait(60)
        self.assertEqual(len(self.post.carrier.waiting), 0, "tried again at once")
        self.always(Outcome.RELAYED)
        self.wait(1800)
        self.post.carrier.release()
        self.assertEqual(self.left(), [])

    @threat(113)
    def test_room_again(self) -> None:
        """Once the disk took one thing, all that waited for it is recorded at once."""
        self.post.carrier.held = True
        self.post.carrier.answer = half
        for number in range(2):
            domain = f"d{number}.test"
            self.post.put(envelope(f"m{number}", f"x@{domain}", f"y@{domain}"))
        self.wait(1)
        self.fail_at("write")
        self.post.carrier.release()
        self.post.carrier.release()
        self.wait(1)
        self.fail_at("")
        self.always(Outcome.RELAYED)
        self.post.carrier.held = False
        self.post.put(envelope("later", "x@other.test"))
        self.wait(1)
        attempts = {entry.id: entry.attempts for entry in self.post.entries()}
        self.assertEqual(attempts, {"m0": 1, "m1": 1})

    @threat(113)
    def test_removal(self) -> None:
        """What was delivered is not sent again, though it can't be removed."""
        self.post.carrier.held = True
        self.post.put(envelope())
        self.fail_at("unlink")
        self.post.carrier.release()
        self.wait(1800)
        self.assertEqual(len(self.post.carrier.carried), 1)
        self.fail_at("")
        self.wait(61)
        self.assertEqual(self.left(), [])
        self.assertEqual(self.post.events.kinds("m1"), [Kind.RELAYED])
