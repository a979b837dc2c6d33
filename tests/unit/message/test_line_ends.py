"""Line ends, however a message is cut."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.line_ends import Pairs, ToWire, paired

_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_CHUNKS = st.lists(st.text("\r\nab", max_size=5).map(str.encode), max_size=8)


class LineEndTests(SynchronousTestCase):
    """What is told does not depend on where chunks are cut."""

    @settings(deadline=None)
    @given(_CHUNKS)
    def test_to_wire(self, chunks: list[bytes]) -> None:
        """Every bare LF gets its CR; nothing else changes."""
        wire = ToWire()
        whole = re.sub(rb"(?<!\r)\n", b"\r\n", b"".join(chunks))
        self.assertEqual(b"".join(wire.convert(c) for c in chunks), whole)

    @settings(deadline=None)
    @given(_CHUNKS)
    def test_pairs(self, chunks: list[bytes]) -> None:
        """A CR or LF that stands alone is seen, and a CR at the end."""
        pairs, whole = Pairs(), b"".join(chunks)
        held = all([pairs.hold(chunk) for chunk in chunks])  # noqa: C419 - each is fed
        self.assertEqual(held and not pairs.cut, _LONE.search(whole) is None)
        self.assertEqual(pairs.cut, whole.endswith(b"\r"))
        self.assertEqual(paired(whole), _LONE.search(whole) is None)
