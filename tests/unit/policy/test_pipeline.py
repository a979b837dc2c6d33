"""mailapp.policy.pipeline and table."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.core.status import RELAYING_DENIED, SYSTEM_TROUBLE
from mailapp.policy.check import Check, Site
from mailapp.policy.interfaces import Content, IPolicy, Origin
from mailapp.policy.pipeline import Pipeline
from mailapp.policy.table import CHECKS, DEFAULT_CHECKS, make_policy
from mailapp.policy.verdict import (
    ACCEPT,
    Accept,
    Defer,
    Refusal,
    Reject,
    Tag,
    Verdict,
)
from tests.rows import rows, tabled
from tests.unit.delivery.doubles import ALICE, envelope, run

SITE = Site("mx.example.test", ("example.test",))
PEER = Peer("192.0.2.7")
ORIGIN = Origin(PEER, "client.example.net", None)
CONTENT = Content(b"", 0)
DENIED = Reject(RELAYING_DENIED)
LATER = Defer(RELAYING_DENIED)


class Says(Check):
    """Gives the same verdict at every stage, or raises it."""

    def __init__(self, verdict: Verdict | Exception) -> None:
        super().__init__(SITE)
        self.verdict = verdict
        self.asked = 0

    async def connect(self, _peer: Peer) -> Verdict:
        """The verdict."""
        return self._say()

    async def helo(self, _peer: Peer, _name: str) -> Verdict:
        """The verdict."""
        return self._say()

    async def mail(self, _origin: Origin) -> Verdict:
        """The verdict."""
        return self._say()

    async def rcpt(self, _origin: Origin, _address: Address, _accepted: int) -> Verdict:
        """The verdict."""
        return self._say()

    async def body(self, _envelope: Envelope, _content: Content) -> Accept | Refusal:
        """The verdict."""
        verdict = self._say()
        return ACCEPT if isinstance(verdict, Tag) else verdict

    def _say(self) -> Verdict:
        self.asked += 1
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


def stages(policy: Pipeline) -> list[Coroutine[Any, Any, Verdict]]:
    """Every question there is."""
    return [
        policy.connect(PEER),
        policy.helo(PEER, "client.example.net"),
        policy.mail(ORIGIN),
        policy.rcpt(ORIGIN, ALICE, 0),
        policy.body(envelope(ALICE), CONTENT),
    ]


@tabled
class PipelineTests(SynchronousTestCase):
    """The first check that refuses decides."""

    @rows(
        none=([], ACCEPT),
        silent=([Check(SITE)], ACCEPT),
        accept=([Says(ACCEPT), Says(ACCEPT)], ACCEPT),
        reject=([Says(ACCEPT), Says(DENIED), Says(LATER)], DENIED),
        defer=([Says(LATER), Says(DENIED)], LATER),
        after_tag=([Says(Tag([("X", "1")])), Says(DENIED)], DENIED),
        trouble=(
            [Says(TemporaryFailure(SYSTEM_TROUBLE)), Says(DENIED)],
            Defer(SYSTEM_TROUBLE),
        ),
    )
    def test_first(self, checks: Sequence[Check], verdict: Verdict) -> None:
        """At every stage alike."""
        self.assertEqual([verdict] * 5, list(map(run, stages(Pipeline(checks)))))

    def test_stops(self) -> None:
        """After a refusal nobody else is asked."""
        last = Says(ACCEPT)
        list(map(run, stages(Pipeline([Says(DENIED), last]))))
        self.assertEqual(0, last.asked)

    def test_tags(self) -> None:
        """Fields of several checks are put together in their order."""
        policy = Pipeline(
            [Says(Tag([("A", "1")])), Says(ACCEPT), Says(Tag([("B", "2")]))]
        )
        self.assertEqual(Tag([("A", "1"), ("B", "2")]), run(policy.connect(PEER)))
        self.assertEqual(ACCEPT, run(policy.body(envelope(ALICE), CONTENT)))

    def test_bug(self) -> None:
        """A bug is not taken for a verdict."""
        for question in stages(Pipeline([Says(ZeroDivisionError())])):
            self.assertRaises(ZeroDivisionError, run, question)


class TableTests(SynchronousTestCase):
    """Names of checks become a policy."""

    def test_interface(self) -> None:
        """A policy of all checks provides the seam."""
        verifyObject(IPolicy, make_policy(CHECKS, SITE))

    def test_default(self) -> None:
        """By default nothing is refused that RFC 5321 wants accepted."""
        self.assertEqual(("helo-syntax", "delivered-before"), DEFAULT_CHECKS)

    def test_ordinary(self) -> None:
        """Ordinary mail passes all checks together."""
        policy = make_policy(CHECKS, SITE)
        self.assertEqual([ACCEPT] * 5, list(map(run, stages(policy))))
