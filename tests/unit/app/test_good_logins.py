"""What processes tell each other of good logins."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.facts import GOOD, TELL_EVERY, Facts
from mailapp.auth.recent import Token
from tests.threats import threat


class GoodLoginTests(SynchronousTestCase):
    """A digest, and nothing else, goes over the bus."""

    @threat(46)
    def test_told(self) -> None:
        """Another process hears of each token soon, once, whole."""
        published: list[tuple[bytes, bytes]] = []
        clock = Clock()
        here = Facts(clock, lambda topic, fact: published.append((topic, fact)))
        here.start()
        self.addCleanup(here.stop)
        tokens = [Token(bytes([number]) * 32) for number in (1, 2)]
        for token in tokens:
            here.tell_good(token)
        clock.pump([TELL_EVERY] * 3)
        published = [fact for fact in published if fact[0] == GOOD]
        self.assertEqual(len(published), 1)
        there, heard = Facts(clock, None), list[Token]()
        there.on_good = heard.append
        for topic, fact in published:
            there.heard(topic, fact)
        self.assertEqual(tokens, heard)

    def test_nonsense(self) -> None:
        """What is no digest is left out."""
        facts, heard = Facts(Clock(), None), list[Token]()
        facts.on_good = heard.append
        for fact in (b'["xyz"]', b"7", b"{", b"[3]"):
            facts.heard(GOOD, fact)
        self.assertEqual([], heard)
