"""Line endings."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.line_ends import ToWire
from mailapp.storage.files import Files
from mailapp.storage.maildir.measure import measured
from mailapp.storage.maildir.wire import ToDisk

_CHUNKS = st.lists(st.text("\r\nab", max_size=5).map(str.encode), max_size=8)


class WireTests(SynchronousTestCase):
    """Conversions do not depend on where chunks are cut."""

    @settings(deadline=None)
    @given(_CHUNKS)
    def test_to_disk(self, chunks: list[bytes]) -> None:
        """Every CRLF becomes LF; nothing else changes."""
        disk = ToDisk()
        written = b"".join(disk.convert(c) for c in chunks) + disk.rest()
        self.assertEqual(written, b"".join(chunks).replace(b"\r\n", b"\n"))

    @settings(deadline=None)
    @given(_CHUNKS, st.sampled_from([0, 16 * 1024 - 2, 256 * 1024 - 2]))
    @example([b"a\rb\nc"], 0)
    def test_measured(self, chunks: list[bytes], before: int) -> None:
        """A file is as long on the wire as what is sent of it."""
        octets = b"x" * before + b"".join(chunks)
        path = self.mktemp()
        Path(path).write_bytes(octets)
        base = Files().directory(b".")
        sent = len(ToWire().convert(octets))
        [found] = measured(Files(), base, [path.encode()])
        self.assertEqual(found, (len(octets), sent))

    @settings(deadline=None)
    @given(st.lists(st.sampled_from([b"a", b"\r\n"]), max_size=9))
    def test_round_trip(self, parts: list[bytes]) -> None:
        """A text of whole lines comes back."""
        text = b"".join(parts)
        self.assertEqual(ToWire().convert(ToDisk().convert(text)), text)
