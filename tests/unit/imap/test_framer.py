"""Octets to whole commands: what is cut where, and what is refused before it comes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.framer import (
    Announced,
    Broken,
    Frame,
    FrameLimits,
    Framer,
    MessageBegins,
    MessagePart,
    Problem,
    Whole,
)
from tests.rows import rows, tabled
from tests.threats import threat

LIMITS = FrameLimits(
    command_octets=200, literals=5, message_octets=1000, swallowed_octets=500
)


def frames(octets: bytes, limits: FrameLimits = LIMITS, step: int = 0) -> list[Frame]:
    """All that is made of these octets; the client never waits."""
    framer = Framer(limits)
    found: list[Frame] = []
    step = step or len(octets) or 1
    for start in range(0, len(octets), step):
        framer.feed(octets[start : start + step])
        while (frame := framer.next_frame()) is not None:
            found.append(frame)
    return found


def joined(found: list[Frame]) -> list[Frame]:
    """The same, with the parts of each message as one."""
    result: list[Frame] = []
    held = b""
    for frame in found:
        if isinstance(frame, MessagePart):
            held += frame.octets
            if not frame.last:
                continue
            result.append(MessagePart(held, last=True))
            held = b""
        else:
            result.append(frame)
    return result


@tabled
class FramerTests(SynchronousTestCase):
    """RFC 9051, section 4.3."""

    @rows(
        line=(b"a NOOP\r\n", [Whole(b"a NOOP")]),
        two=(b"a NOOP\r\nb NOOP\r\n", [Whole(b"a NOOP"), Whole(b"b NOOP")]),
        part=(b"a NOOP\r", []),
        bare=(b"a NOOP\nb\r\n", [Whole(b"a NOOP\nb")]),
        literal=(
            b"a LOGIN {1}\r\nu {2+}\r\npw\r\n",
            [Announced(), Whole(b"a LOGIN {1}\r\nu {2+}\r\npw")],
        ),
        crlf_inside=(b"a X {4+}\r\n\r\n\r\n\r\n", [Whole(b"a X {4+}\r\n\r\n\r\n")]),
        empty=(b"a X {0+}\r\n\r\n", [Whole(b"a X {0+}\r\n")]),
        literal8=(b"a X ~{1+}\r\n\0\r\n", [Whole(b"a X ~{1+}\r\n\0")]),
        append=(
            b"a APPEND box {3+}\r\nabc\r\n",
            [
                MessageBegins(b"a APPEND box {3+}\r\n", first=True, waits=False),
                MessagePart(b"abc", last=True),
                Whole(b""),
            ],
        ),
        append_to_a_literal=(
            b"a append {3+}\r\nbox ~{3}\r\nabc {1+}\r\nx)\r\n",
            [
                MessageBegins(b"a append {3+}\r\nbox ~{3}\r\n", first=True, waits=True),
                MessagePart(b"abc", last=True),
                MessageBegins(b" {1+}\r\n", first=False, waits=False),
                MessagePart(b"x", last=True),
                Whole(b")"),
            ],
        ),
        append_nothing=(
            b"a APPEND box {0+}\r\n\r\n",
            [
                MessageBegins(b"a APPEND box {0+}\r\n", first=True, waits=False),
                MessagePart(b"", last=True),
                Whole(b""),
            ],
        ),
    )
    def test_frames(self, octets: bytes, expected: list[Frame]) -> None:
        """Commands come out whole, messages as they come, at every cut."""
        for step in (0, 1, 2, 3):
            self.assertEqual(expected, joined(frames(octets, step=step)))

    @threat(55)
    @rows(
        negative=b"{-100}",
        signed=b"{+5}",
        spaced=b"{ 5}",
        arabic="{٣}".encode(),
        none=b"{}",
        plus=b"{+}",
        hexadecimal=b"{0x5}",
        float=b"{1.0}",
        underscore=b"{1_0}",
    )
    def test_no_number(self, marker: bytes) -> None:
        """What is no number announces nothing; the grammar sees it and refuses it."""
        self.assertEqual(
            [Whole(b"a LOGIN u " + marker), Whole(b"b NOOP")],
            frames(b"a LOGIN u " + marker + b"\r\nb NOOP\r\n"),
        )

    @threat(54)
    @rows(
        over=b"{201}",
        much=b"{4294967295}",
        more=b"{9223372036854775808}",
        most=b"{99999999999999999999999}",
        digits=b"{" + b"9" * 150 + b"}",
    )
    def test_too_big(self, marker: bytes) -> None:
        """A client that waits is not told to go on, and the next command counts."""
        found = frames(b"a X " + marker + b"\r\nb NOOP\r\n")
        self.assertEqual([Problem.LITERAL, None], [_problem(f) for f in found])
        self.assertEqual(b"a X ", found[0].head[:4])  # type: ignore[union-attr]
        self.assertEqual(Whole(b"b NOOP"), found[1])

    @threat(54)
    def test_sum(self) -> None:
        """Literals of one command share what it may cost, and are counted."""
        over = b"a X " + b" ".join(b"{60+}\r\n" + b"x" * 60 for _ in range(4)) + b"\r\n"
        many = b"a X " + b" ".join(b"{0+}\r\n" for _ in range(6)) + b"\r\n"
        for command in (over, many):
            found = frames(command + b"b NOOP\r\n")
            self.assertEqual([Problem.LITERAL, None], [_problem(f) for f in found])

    @threat(56)
    def test_unasked(self) -> None:
        """What was sent unasked is swallowed up to a bound, and never is a command."""
        body = b"c NOOP\r\n" * 30
        octets = b"a X {%d+}\r\n%b\r\nb NOOP\r\n" % (len(body), body)
        for step in (0, 1, 7):
            found = frames(octets, step=step)
            self.assertEqual([Problem.LITERAL, None], [_problem(f) for f in found])
            self.assertEqual(Whole(b"b NOOP"), found[1])
        (broken,) = frames(b"a X {501+}\r\n")
        self.assertEqual(Broken(Problem.UNREADABLE, b"a X {501+}"), broken)
        before = FrameLimits(command_octets=8192, literals=4)
        (broken,) = frames(b"a LOGIN {1000000+}\r\n", before)
        self.assertIs(Problem.UNREADABLE, _problem(broken))

    @threat(54)
    def test_messages(self) -> None:
        """A message may be as large as is said, and not an octet larger."""
        framer = Framer(LIMITS)
        framer.feed(b"a APPEND x {1000}\r\n")
        self.assertIsInstance(framer.next_frame(), MessageBegins)
        framer.refuse()
        framer.feed(b"a APPEND x {1001}\r\nb NOOP\r\n")
        self.assertIs(Problem.MESSAGE, _problem(framer.next_frame()))
        self.assertEqual(Whole(b"b NOOP"), framer.next_frame())

    @threat(56)
    @rows(command=b"a X", message=b"a APPEND x", late=b"a X {9+}\r\n123456789")
    def test_literal_minus(self, begin: bytes) -> None:
        """RFC 7888, section 5: what is larger than that has to be asked for."""
        limits = FrameLimits(200, 5, 1000, 500, unasked_octets=9)
        for size, refused in ((9, False), (10, True)):
            octets = b"%b {%d+}\r\n%b\r\n" % (begin, size, b"x" * size)
            found = frames(octets + b"b NOOP\r\n", limits)
            problems = [_problem(frame) for frame in found]
            self.assertEqual(Problem.LITERAL in problems, refused, octets)
            self.assertEqual(Whole(b"b NOOP"), found[-1])
        asked = frames(begin + b" {10}\r\nxxxxxxxxxx\r\n", limits)
        self.assertFalse(any(_problem(frame) for frame in asked))

    def test_spoiled(self) -> None:
        """A message that can't be taken is swallowed with all of its command."""
        framer = Framer(LIMITS)
        framer.feed(b"a APPEND x {8+}\r\nb NOOP\r\n {8+}\r\nc NOOP\r\n\r\nd NOOP\r\n")
        self.assertIsInstance(framer.next_frame(), MessageBegins)
        framer.spoil()
        self.assertIs(Problem.LITERAL, _problem(framer.next_frame()))
        self.assertEqual(Whole(b"d NOOP"), framer.next_frame())

    @threat(57)
    def test_endless_line(self) -> None:
        """A line without an end costs what a command may, and is answered once."""
        for filler in (b"(", b"A", b"(\r", b"\n", b"{"):
            framer = Framer(LIMITS)
            framer.feed(b"a NOOP ")
            most = 0
            for _ in range(200):
                framer.feed(filler * 500)
                self.assertIsNone(framer.next_frame())
                most = max(most, len(framer))
            self.assertLess(most, 1000)
            framer.feed(b"\r\nb NOOP\r\n")
            self.assertEqual(
                Broken(Problem.LINE, (b"a NOOP " + filler * 80)[:80]),
                framer.next_frame(),
            )
            self.assertEqual(Whole(b"b NOOP"), framer.next_frame())

    @threat(56)
    def test_literal_behind_an_endless_line(self) -> None:
        """A literal that it announces is swallowed too."""
        line = b"a X " + b"y" * 300 + b" {8+}\r\nc NOOP\r\n\r\nb NOOP\r\n"
        for step in (0, 1, 5):
            found = frames(line, step=step)
            self.assertEqual([Problem.LINE, None], [_problem(f) for f in found], step)
            self.assertEqual(Whole(b"b NOOP"), found[1])

    def test_lines(self) -> None:
        """Lines of AUTHENTICATE and IDLE know no literals; they are capped, too."""
        framer = Framer(LIMITS)
        framer.feed(b"abc {3}\r\nDONE\r\n" + b"x" * 11 + b"\r\n" + b"y" * 11)
        self.assertEqual(b"abc {3}", framer.next_line(10))
        self.assertEqual(b"DONE", framer.next_line(10))
        self.assertEqual(Broken(Problem.LINE, b""), framer.next_line(10))
        self.assertEqual(Broken(Problem.UNREADABLE, b""), framer.next_line(10))
        self.assertEqual(0, len(framer))

    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    [
                        b"a APPEND b ",
                        b"{3+}\r\n",
                        b"{3}\r\n",
                        b"{900+}\r\n",
                        b"~{2+}",
                        b"\r\n",
                        b"\r",
                        b"\n",
                        b"{",
                        b"}",
                        b"x" * 90,
                        b" ",
                        b"(",
                    ]
                ),
                st.binary(max_size=5),
            ),
            max_size=30,
        ),
        st.integers(1, 9),
    )
    @settings(max_examples=200, deadline=None)
    def test_any_octets(self, pieces: list[bytes], step: int) -> None:
        """Any octets, cut anywhere, give the same frames; what is held is bounded."""
        octets = b"".join(pieces)
        whole, cut = joined(frames(octets)), joined(frames(octets, step=step))
        self.assertEqual(_ended(whole), _ended(cut))
        for frame in whole:
            if isinstance(frame, Whole):
                self.assertLessEqual(len(frame.octets), LIMITS.command_octets + 20)


def _problem(frame: Frame | None) -> Problem | None:
    return frame.problem if isinstance(frame, Broken) else None


def _ended(found: list[Frame]) -> list[Frame]:
    return [f for f in found if not isinstance(f, MessagePart) or f.last]
