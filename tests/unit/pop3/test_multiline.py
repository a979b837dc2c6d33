"""Dot-stuffing and TOP at any cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.pop3.multiline import (
    DotStuffer,
    StuffedRest,
    TopCutter,
    TopRest,
    encode_block,
)
from tests.rows import rows, tabled
from tests.unit.pop.support import now

# texts that are nothing but trouble
_contents = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"a", b"\r\n.\r\n", b"\r\n\r\n"]),
    max_size=20,
).map(b"".join)


def _unstuff(block: bytes) -> bytes:
    """What a client makes of it (RFC 1939, section 3)."""
    lines, end, rest = (b"\r\n" + block).partition(b"\r\n.\r\n")
    assert end
    assert not rest
    return lines.replace(b"\r\n.", b"\r\n")[2:] + b"\r\n"


@st.composite
def _cut(draw: st.DrawFn) -> list[bytes]:
    content = draw(_contents)
    places = sorted(draw(st.lists(st.integers(0, len(content)), max_size=6)))
    ends = [*places, len(content)]
    return [content[a:b] for a, b in zip([0, *places], ends, strict=True)]


class _Chunks:
    """Gives chunks; remembers that it was closed."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.closed = False
        self.left: Iterator[bytes] = iter(chunks)

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self.left:
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    async def join() -> bytes:
        return b"".join([chunk async for chunk in chunks])

    return now(join())


@tabled
class StuffingTests(SynchronousTestCase):
    """RFC 1939, section 3."""

    @rows(
        empty=(b"", b".\r\n"),
        line=(b"a\r\n", b"a\r\n.\r\n"),
        no_last_crlf=(b"a", b"a\r\n.\r\n"),
        last_cr=(b"a\r", b"a\r\r\n.\r\n"),
        dot=(b".\r\n", b"..\r\n.\r\n"),
        dots=(b".\r\n.\r\n..\r\n", b"..\r\n..\r\n...\r\n.\r\n"),
        dot_first=(b".a", b"..a\r\n.\r\n"),
        dot_inside=(b"a.\r\nb.c\r\n", b"a.\r\nb.c\r\n.\r\n"),
        not_after_lf=(b"a\n.b\r\n", b"a\n.b\r\n.\r\n"),
    )
    def test_block(self, content: bytes, block: bytes) -> None:
        """A content becomes this block."""
        self.assertEqual(block, encode_block(content))

    @settings(deadline=None, max_examples=300)
    @given(_cut())
    def test_any_cut(self, chunks: list[bytes]) -> None:
        """The octets do not depend on the cut, and a client gets back the content."""
        content = b"".join(chunks)
        block = encode_block(content)
        stuffer = DotStuffer()
        pieces = [stuffer.stuff(chunk) for chunk in chunks]
        self.assertEqual(block, b"".join(pieces) + stuffer.finish())
        if content and not content.endswith(b"\r\n"):
            content += b"\r\n"
        self.assertEqual(
            content or b"\r\n", _unstuff(block) if block != b".\r\n" else b"\r\n"
        )

    @settings(deadline=None)
    @given(_cut())
    def test_stream(self, chunks: list[bytes]) -> None:
        """As a stream it is the same."""
        stuffer = DotStuffer()
        head = stuffer.stuff(chunks[0])
        rest = StuffedRest(stuffer, _Chunks(chunks[1:]))
        self.assertEqual(encode_block(b"".join(chunks)), head + _joined(rest))

    def test_close(self) -> None:
        """A stream that is closed, begun or not, lets go of the message and ends."""
        for begun in (False, True):
            chunks = _Chunks([b"a", b"b"])
            rest = StuffedRest(DotStuffer(), chunks)
            if begun:
                now(rest.__anext__())
            now(rest.aclose())
            self.assertTrue(chunks.closed)
            self.assertEqual(b"", _joined(rest))


def _top(content: bytes, lines: int) -> bytes:
    """What TOP is, said slowly."""
    header, blank, body = (b"\r\n" + content).partition(b"\r\n\r\n")
    if not blank:
        return content
    whole = body.split(b"\r\n")
    kept = whole[:lines]
    end = b"\r\n" if kept and len(whole) > lines else b""
    return (header + blank)[2:] + b"\r\n".join(kept) + end


@tabled
class TopTests(SynchronousTestCase):
    """RFC 1939, section 7."""

    @rows(
        no_lines=(b"A: b\r\n\r\n1\r\n2\r\n", 0, b"A: b\r\n\r\n"),
        one=(b"A: b\r\n\r\n1\r\n2\r\n", 1, b"A: b\r\n\r\n1\r\n"),
        all=(b"A: b\r\n\r\n1\r\n2\r\n", 2, b"A: b\r\n\r\n1\r\n2\r\n"),
        more=(b"A: b\r\n\r\n1\r\n2\r\n", 10**30, b"A: b\r\n\r\n1\r\n2\r\n"),
        empty_lines=(b"A: b\r\n\r\n\r\n\r\n1\r\n", 2, b"A: b\r\n\r\n\r\n\r\n"),
        no_body=(b"A: b\r\n", 3, b"A: b\r\n"),
        no_header=(b"\r\n1\r\n2\r\n", 1, b"\r\n1\r\n"),
        empty=(b"", 1, b""),
        last_line_open=(b"A: b\r\n\r\n1\r\n2", 2, b"A: b\r\n\r\n1\r\n2"),
    )
    def test_top(self, content: bytes, lines: int, top: bytes) -> None:
        """A content has this top."""
        self.assertEqual(top, TopCutter(lines).cut(content))

    @settings(deadline=None, max_examples=300)
    @given(_cut(), st.integers(0, 5))
    def test_any_cut(self, chunks: list[bytes], lines: int) -> None:
        """The top does not depend on the cut, and nothing is read after its end."""
        cutter = TopCutter(lines)
        got = b""
        for chunk in chunks:
            if cutter.done:
                break
            got += cutter.cut(chunk)
        self.assertEqual(_top(b"".join(chunks), lines), got)

    def test_stops_early(self) -> None:
        """Behind the last line the message is let go."""
        chunks = _Chunks([b"\r\n1", b"\r", b"\n2", b"never asked for"])
        rest = TopRest(TopCutter(1), chunks)
        self.assertEqual(b"\r\n1\r\n", _joined(rest))
        self.assertTrue(chunks.closed)
        self.assertEqual([b"never asked for"], list(chunks.left))
