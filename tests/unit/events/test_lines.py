"""Tests of :mod:`mailapp.events.lines`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.events.lines import TEXT_LIMIT, decode_event, encode_events
from mailapp.events.record import Event, Kind
from tests.rows import rows, tabled
from tests.threats import threat

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    '[]{},"\\', max_size=12
)
_FACTS = st.dictionaries(st.text("abc_", min_size=1), st.integers() | _TEXT, max_size=3)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(Kind),
    message=st.text("0123456789abcdef", min_size=1, max_size=16),
    at=st.integers(0, 2**34).map(float),
    recipient=_TEXT,
    status=_TEXT,
    text=_TEXT,
    host=_TEXT,
    facts=_FACTS,
)


@tabled
class LineTests(SynchronousTestCase):
    """An event as a line."""

    @given(EVENTS)
    @settings(deadline=None)
    def test_round_trip(self, event: Event) -> None:
        """What was told comes back."""
        self.assertEqual(decode_event(encode_events([event])), event)

    @threat(123)
    @given(EVENTS)
    @settings(deadline=None)
    def test_one_line(self, event: Event) -> None:
        """Whatever a peer says makes one line of ASCII, and begins no other."""
        line = encode_events([event])
        self.assertTrue(line.endswith("\n"))
        self.assertEqual(line.count("\n"), 1)
        self.assertTrue(line.isascii())
        self.assertTrue(line[:-1].isprintable())

    @given(st.lists(EVENTS, max_size=5))
    @settings(deadline=None)
    def test_together(self, events: list[Event]) -> None:
        """Many at once are the same lines as one after the other."""
        together = encode_events(events)
        self.assertEqual(together, "".join(encode_events([one]) for one in events))
        lines = together.splitlines(keepends=True)
        self.assertEqual([decode_event(line) for line in lines], events)

    def test_long_text(self) -> None:
        """Of an endless reply only the beginning is kept."""
        event = Event(Kind.DEFERRED, "m", 1.0, text="x" * 10_000)
        self.assertEqual(len(decode_event(encode_events([event])).text), TEXT_LIMIT)

    @rows(
        empty=(b"",),
        torn=(b'[1.0,"relayed","m","bob@exa',),
        no_array=(b'{"kind":"relayed"}',),
        too_short=(b'[1.0,"relayed"]',),
        too_long=(b'[1.0,"relayed","m","","","","",{},1]',),
        no_kind=(b'[1.0,"eaten","m"]',),
        no_moment=(b'["1","relayed","m"]',),
        no_text=(b'[1.0,"relayed",7]',),
        no_facts=(b'[1.0,"relayed","m","","","","",[]]',),
        octets=(b"\xff\xfe",),
    )
    def test_refused(self, line: bytes) -> None:
        """What is no line of ours is refused."""
        self.assertRaises(SyntaxProblem, decode_event, line)
