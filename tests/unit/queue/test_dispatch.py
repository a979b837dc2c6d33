"""The postman: what is tried, when, and what becomes of it."""

from __future__ import annotations

from mailapp.core.envelope import Notify
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_FULL
from mailapp.events.record import Kind
from mailapp.queue.interfaces import Consignment
from mailapp.queue.schedule import DAY
from mailapp.queue.types import Attempt, Outcome
from tests.unit.queue.postman import BEGIN, TEXT, PostCase, attempt, envelope


class OutcomeTests(PostCase):
    """What follows from what the carrier brings back."""

    def test_at_once(self) -> None:
        """A new message goes at once, and nothing of it is left."""
        self.post.put(envelope())
        self.assertEqual(self.post.carrier.taken, [("m1", "bob@far.test")])
        self.assertEqual(self.post.carrier.contents, [TEXT])
        self.assertEqual(self.left(), [])
        self.assertEqual(self.post.events.kinds("m1"), [Kind.RELAYED])
        self.assertEqual(self.post.reporter.reports, [])

    def test_deferred(self) -> None:
        """What is deferred is tried again after about as long as it is old."""
        self.always(Outcome.DEFERRED)
        self.post.put(envelope())
        self.assertEqual(self.left(), ["m1", "m1.log"])
        self.wait(5 * DAY + 1)
        tried = [
            e.at - BEGIN for e in self.post.events.events if e.kind is Kind.DEFERRED
        ]
        minutes = [round(at / 60) for at in tried[:8]]
        self.assertEqual(minutes[:6], [0, 8, 15, 30, 60, 120])
        self.assertEqual(self.left(), [])
        self.assertEqual(
            self.post.events.kinds("m1")[-2:], [Kind.EXPIRED, Kind.REPORTED]
        )
        outcomes = [told[0][1] for _, told in self.post.reporter.reports]
        self.assertEqual(outcomes, [Outcome.DEFERRED, Outcome.FAILED])

    def test_failed(self) -> None:
        """A failure is reported once, then the entry goes."""
        self.always(Outcome.FAILED)
        self.post.put(envelope())
        self.assertEqual(self.post.reporter.reports, [("m1", [(0, Outcome.FAILED)])])
        self.assertEqual(self.left(), [])
        self.assertEqual(self.post.events.kinds("m1"), [Kind.BOUNCED, Kind.REPORTED])

    def test_report_is_deferred(self) -> None:
        """A report that could not be stored is asked for again; nothing is retried."""
        self.always(Outcome.FAILED)
        self.post.reporter.problem = TemporaryFailure(SYSTEM_FULL)
        self.post.put(envelope())
        self.assertEqual(self.left(), ["m1", "m1.log"])
        self.post.reporter.problem = None
        self.clock.advance(61)
        self.assertEqual(len(self.post.reporter.reports), 1)
        self.assertEqual(len(self.post.carrier.carried), 1)
        self.assertEqual(self.left(), [])

    def test_success_is_reported_where_asked(self) -> None:
        """NOTIFY=SUCCESS (RFC 3461, section 4.1)."""
        self.post.put(envelope(notify=Notify.SUCCESS))
        self.assertEqual(self.post.reporter.reports, [("m1", [(0, Outcome.RELAYED)])])
        self.assertEqual(self.left(), [])

    def test_partly(self) -> None:
        """One consignment for each destination; each recipient has its own end."""
        by_domain = {
            "a.test": Outcome.RELAYED,
            "b.test": Outcome.DEFERRED,
            "c.test": Outcome.FAILED,
        }

        def answer(consignment: Consignment, place: int) -> Attempt:
            address = consignment.entry.envelope.recipients[place].address
            return attempt(by_domain[address.domain], self.clock.seconds())

        self.post.carrier.answer = answer
        self.post.put(envelope("m1", "x@a.test", "y@b.test", "z@c.test", "w@a.test"))
        self.assertEqual(len(self.post.carrier.contents), 3)
        self.assertEqual(self.post.reporter.reports, [("m1", [(2, Outcome.FAILED)])])
        by_domain["b.test"] = Outcome.RELAYED
        self.restart()
        self.clock.advance(500)
        self.assertEqual(self.post.carrier.carried, [("m1", "y@b.test")])
        self.assertEqual(self.post.reporter.reports, [])
        self.assertEqual(self.left(), [])
