"""Tests of what a message must be like to be taken."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.smtp import replies
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.intake import SMALL_HEADER, ContentLimits, Intake, Memory
from tests.rows import rows, tabled
from tests.threats import threat

_LIMITS = ContentLimits(
    size_octets=100, header_octets=50, received_fields=3, swallow_octets=30
)


def taken(octets: bytes, limits: ContentLimits = _LIMITS, size: int = 10) -> Intake:
    """All of these octets in pieces of this size."""
    intake = Intake(limits, Memory())
    for i in range(0, len(octets), size):
        give(intake, octets[i : i + size])
    return intake


def give(intake: Intake, octets: bytes) -> bytes:
    """Feed octets; what of them is kept."""
    intake.feed(octets)
    return intake.next_content()


@tabled
class IntakeTests(SynchronousTestCase):
    """The first fault decides."""

    @rows(
        fine=(b"A: b\r\n\r\ntext\r\n", None),
        size_n=(b"A: b\r\n\r\n" + b"x" * 90 + b"\r\n", None),
        size_n_plus_1=(b"A: b\r\n\r\n" + b"x" * 91 + b"\r\n", replies.MESSAGE_TOO_BIG),
        header_n=(b"A: " + b"b" * 45 + b"\r\n\r\n", None),
        header_n_plus_1=(b"A: " + b"b" * 46 + b"\r\n\r\n", replies.HEADER_TOO_BIG),
        no_header_end=(b"A: " + b"b" * 46 + b"\r\n", replies.HEADER_TOO_BIG),
        hops_n=(b"Received: x\r\n" * 3 + b"\r\n", None),
        hops_n_plus_1=(b"Received:\r\n" * 4 + b"\r\n", replies.ROUTING_LOOP),
        hops_any_case=(b"reCEIVED:\r\n" * 4, replies.ROUTING_LOOP),
        hops_in_text=(b"A:\r\n\r\n" + b"Received:\r\n" * 5, None),
        hops_in_value=(b"A: Received: Received: Received:\r\n\r\n", None),
        empty_header=(b"\r\n" + b"x" * 60 + b"\r\n", None),
        nul=(b"A: \0\r\n", replies.STRAY_OCTETS),
        bare_lf=(b"A: b\n\r\n", replies.STRAY_OCTETS),
    )
    @threat(14, 21)
    def test_fault(self, octets: bytes, refusal: Reply | None) -> None:
        """Each limit at n and n+1, at several cuts."""
        for size in (1, 7, 1000):
            intake = taken(octets + b".\r\n", size=size)
            self.assertTrue(intake.ended)
            self.assertEqual(intake.refusal, refusal, size)

    @given(st.lists(st.sampled_from([b"\r\n", b"A: b", b"x"]), max_size=12))
    def test_header(self, parts: list[bytes]) -> None:
        """The header section is the same at every cut."""
        content = b"".join(parts) + b"\r\n"
        limits = ContentLimits()
        head = content.partition(b"\r\n\r\n")
        expected = head[0] + b"\r\n" if head[1] else content
        if content.startswith(b"\r\n"):
            expected = b""
        stuffed = content + b".\r\n"
        for size in (1, 3, 1000):
            self.assertEqual(taken(stuffed, limits, size).header, expected)

    def test_nothing_passes_a_refusal(self) -> None:
        """From the fault on no octet goes to the store."""
        intake = Intake(_LIMITS, Memory())
        self.assertEqual(give(intake, b"A: b\r\n\r\nok"), b"A: b\r\n\r\nok")
        self.assertEqual(give(intake, b"\0x\r\nmore"), b"")
        self.assertEqual(give(intake, b"more\r\n.\r\n"), b"")
        self.assertTrue(intake.ended)

    @rows(n=(130, False), n_plus_1=(131, True))
    def test_endless(self, octets: int, endless: bool) -> None:  # noqa: FBT001
        """What is read beyond the size has a limit too."""
        intake = Intake(_LIMITS, Memory())
        give(intake, b"\r\n" + b"x" * (octets - 2))
        self.assertEqual(intake.endless, endless)

    @threat(127)
    def test_memory(self) -> None:
        """Large headers share their room; small ones need none; all give it back."""
        memory = Memory(free=10_000)
        limits = ContentLimits()
        field = b"A: " + b"b" * 995 + b"\r\n"
        first, second = Intake(limits, memory), Intake(limits, memory)
        for _ in range(20):
            give(first, field)
        left = memory.free  # the decoder still holds the last CRLF
        self.assertEqual(left, 10_000 - (19_998 - SMALL_HEADER))
        for _ in range(22):
            give(second, field)
        self.assertEqual(give(second, field), b"")
        self.assertEqual(second.refusal, replies.NO_MEMORY)
        self.assertEqual(memory.free, left)
        small = Intake(limits, Memory(free=0))
        give(small, b"A: b\r\n" * 2000 + b"\r\nx\r\n.\r\n")
        self.assertIsNone(small.refusal)
        del first
        self.assertEqual(memory.free, 10_000)

    @threat(14)
    def test_linear(self) -> None:
        """A header of a million fields costs what its octets cost."""
        limits = ContentLimits(header_octets=1 << 30, size_octets=0)

        def cost(octets: int) -> float:
            field = b"A: b\r\n" * 1000
            begun = time.process_time()
            intake = Intake(limits, Memory())
            for _ in range(octets // len(field)):
                give(intake, field)
            return time.process_time() - begun

        small = min(cost(1 << 20) for _ in range(3))
        large = min(cost(1 << 23) for _ in range(3))
        self.assertLess(large, small * 8 * 2.5)
