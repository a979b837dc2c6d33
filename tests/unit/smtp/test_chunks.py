"""BDAT: chunks in any size, at any cut, and what else a peer does with it."""

from __future__ import annotations

import resource
import time
from itertools import pairwise
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.smtp.chunks import TINY_CHUNKS
from mailapp.smtp.events import Misstep
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.states import State
from tests.play import Wire, octetwise, whole
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import PROFILE, Ledger, Rules, codes, dial, say
from tests.unit.smtp.machine import at


def opened(ledger: Ledger, *, binary: bool = False, **changes: object) -> Wire:
    """A wire on which BDAT may come."""
    wire = dial(ledger, profile=evolve(PROFILE, **changes))  # type: ignore[arg-type]
    body = b" BODY=BINARYMIME" if binary else b""
    say(wire, b"EHLO a", b"MAIL FROM:<a@b>" + body, b"RCPT TO:<Jones@foo.com>")
    wire.take()
    return wire


@tabled
class FramingTests(SynchronousTestCase):
    """The octets of a chunk are content and nothing else is."""

    @given(
        chunks=st.lists(
            st.one_of(
                st.binary(max_size=30),
                st.sampled_from(
                    [b"QUIT\r\n", b".\r\n", b"\r\n.\r\n", b"\r", b"\n", b"RSET\r\nDATA"]
                ),
            ),
            max_size=12,
        ),
        zero=st.booleans(),
        cuts=st.lists(st.integers(1, 400), max_size=20),
    )
    @settings(max_examples=150, deadline=None)
    @threat(1, 2, 5)
    def test_any_chunks(self, chunks: list[bytes], zero: bool, cuts: list[int]) -> None:  # noqa: FBT001
        """Whatever they hold and however the transport cuts them, they are stored."""
        ledger = Ledger()
        wire = opened(ledger, binary=True)
        if zero or not chunks:
            chunks = [*chunks, b""]
        sent = b"".join(
            b"BDAT %d%b\r\n%b" % (len(chunk), b" LAST" * (n == len(chunks)), chunk)
            for n, chunk in enumerate(chunks, 1)
        )
        sent += b"NOOP\r\n"
        places = sorted({0, len(sent), *[cut for cut in cuts if cut < len(sent)]})
        for start, end in pairwise(places):
            wire.feed(sent[start:end])
        self.assertEqual(codes(wire.take()), [250] * (len(chunks) + 1))
        (stored,) = ledger.stored
        self.assertEqual(stored.content, b"".join(chunks))
        self.assertEqual(ledger.open_bodies, [])

    @given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
    @settings(max_examples=150, deadline=None)
    @threat(3)
    def test_text_as_data(self, content: bytes, places: list[int]) -> None:
        """A text is taken by BDAT if and only if it would be taken behind DATA."""
        content += b"\r\n"
        by_chunks, by_data = Ledger(), Ledger()
        wire = opened(by_chunks)
        ends = sorted(
            {*[place for place in places if place < len(content)], len(content)}
        )
        replies, start = b"", 0
        for end in ends:
            last = b" LAST" * (end == len(content))
            wire.feed(b"BDAT %d%b\r\n" % (end - start, last) + content[start:end])
            replies, start = replies + wire.take(), end
        other = opened(by_data)
        say(other, b"DATA")
        other.feed(
            content.replace(b"\r\n.", b"\r\n..")
            if content[:1] != b"."
            else b"." + content.replace(b"\r\n.", b"\r\n..")
        )
        reply = say(other, b".")
        taken = codes(reply) == [250]
        self.assertEqual(bool(by_chunks.stored), taken, (replies, reply))
        if taken:
            self.assertEqual(by_chunks.stored[0].content, by_data.stored[0].content)

    def test_cut_in_crlf(self) -> None:
        """A CR in one chunk and its LF in the next are a line end."""
        ledger = Ledger()
        wire = opened(ledger)
        wire.feed(b"BDAT 2\r\na\rBDAT 3 LAST\r\n\nb\r")
        self.assertEqual(codes(wire.take()), [250, 550])
        wire = opened(ledger)
        wire.feed(b"BDAT 2\r\na\rBDAT 2 LAST\r\n\nb")
        self.assertEqual(codes(wire.take()), [250, 250])
        self.assertEqual(ledger.stored[0].content, b"a\r\nb")

    @rows(
        none=b"BDAT",
        word=b"BDAT x",
        sign=b"BDAT -1",
        plus=b"BDAT +1",
        marker=b"BDAT 1 FIRST",
        more=b"BDAT 1 LAST LAST",
        digits=b"BDAT " + b"1" * 21,
        hex=b"BDAT 0x10",
    )
    @threat(5)
    def test_no_size(self, line: bytes) -> None:
        """Nobody knows how many octets follow: 501, and the connection ends."""
        ledger = Ledger()
        wire = opened(ledger)
        wire.feed(line + b"\r\nRCPT TO:<Brown@foo.com>\r\n")
        self.assertEqual(codes(wire.take()), [501])
        self.assertTrue(wire.closed)

    def test_small_letters(self) -> None:
        """Words are blind to case, blanks may be many."""
        ledger = Ledger()
        wire = opened(ledger)
        wire.feed(b"bdat  1   last \r\nx")
        self.assertEqual(codes(wire.take()), [250])


@tabled
class RefusalTests(SynchronousTestCase):
    """What is refused is read all the same, and nothing of it is left."""

    @rows(start=(State.START, 503), ready=(State.READY, 503), mail=(State.MAIL, 554))
    @threat(5, 11)
    def test_no_transaction(self, state: State, code: int) -> None:
        """BDAT where it is not legal: its octets are no commands."""
        for cut in (whole, octetwise):
            connection = at(state)
            events = []
            for piece in cut(b"BDAT 12 LAST\r\nQUIT\r\nQUIT\r\n"):
                connection.receive(piece)
                events.append(connection.next_event())
            self.assertEqual(
                set(events[:-1]), {NEED_DATA} if len(events) > 1 else set()
            )
            event = events[-1]
            assert isinstance(event, Misstep)
            self.assertEqual(event.reply.code, code)
            connection.send(event.reply)
            self.assertIs(connection.state, state)
            self.assertFalse(connection.wants_close)

    @rows(
        size=(b"x" * 101, {}, 552),
        lone_cr=(b"a\rb\r\n", {}, 550),
        nul=(b"\0", {}, 550),
        hops=(b"\r\n" + b"Received: x\r\n" * 4 + b"\r\n", {}, 554),
        long_line=(b"x" * 60 + b"\r\n", {"line_octets": 50}, 550),
    )
    @threat(10, 14, 21)
    def test_faults(self, content: bytes, limits: dict[str, Any], code: int) -> None:
        """A fault is told at the end of its chunk; then nothing is open any more."""
        ledger = Ledger()
        bounds = ContentLimits(size_octets=100, received_fields=3)
        wire = opened(ledger, content=evolve(bounds, **limits))
        chunk = b"BDAT %d\r\n%b" % (len(content), content)
        wire.feed(
            b"BDAT 3\r\nab\n"[:-1] + b"c" + chunk + b"BDAT 4\r\nQUITBDAT 0 LAST\r\n"
        )
        self.assertEqual(codes(wire.take()), [250, code, 503, 503])
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))
        self.assertEqual(codes(say(wire, b"MAIL FROM:<a@b>")), [250])

    @threat(10)
    def test_failures(self) -> None:
        """Out of space, or a bug of ours: 451, and the next message is taken."""
        for trouble in (TemporaryFailure(SYSTEM_TROUBLE), RuntimeError("a bug")):
            ledger = Ledger()
            wire = opened(ledger)
            ledger.write_failure = trouble
            wire.feed(b"BDAT 1\r\nxBDAT 1 LAST\r\ny")
            self.assertEqual(codes(wire.take()), [451, 503])
            self.assertEqual(ledger.open_bodies, [])
            ledger.write_failure = None
            say(wire, b"MAIL FROM:<a@b>", b"RCPT TO:<Jones@foo.com>")
            wire.feed(b"BDAT 1 LAST\r\nz")
            self.assertEqual([stored.content for stored in ledger.stored], [b"z"])
            self.flushLoggedErrors(RuntimeError)

    def test_begin_fails(self) -> None:
        """A store that can't even begin is told at the end of the chunk."""

        class Broken(Ledger):
            def begin(self, *_: object, **__: object) -> object:  # type: ignore[override]
                raise TemporaryFailure(SYSTEM_TROUBLE)

        wire = opened(Broken())
        wire.feed(b"BDAT 5\r\nQUIT!NOOP\r\n")
        self.assertEqual(codes(wire.take()), [451, 250])

    @rows(quit=(b"QUIT\r\n", 221), rset=(b"RSET\r\n", 250), ehlo=(b"EHLO a\r\n", 250))
    @threat(5)
    def test_no_last(self, line: bytes, code: int) -> None:
        """A message without its last chunk is no message."""
        ledger = Ledger()
        wire = opened(ledger)
        wire.feed(b"BDAT 1\r\nx" + line)
        self.assertEqual(codes(wire.take()), [250, code])
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))

    @threat(5, 38)
    def test_gone_in_a_chunk(self) -> None:
        """A connection that ends inside a chunk takes the message with it."""
        ledger = Ledger()
        wire = opened(ledger)
        wire.feed(b"BDAT 10 LAST\r\nfive!")
        self.assertEqual(len(ledger.open_bodies), 1)
        wire.client_closes()
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))


class LimitTests(SynchronousTestCase):
    """Many chunks, and large ones."""

    @threat(5)
    def test_tiny_chunks(self) -> None:
        """A million chunks of one octet cost no memory and soon the connection."""
        ledger = Ledger()
        wire = opened(ledger)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        replies = 0
        for _ in range(1000):
            wire.feed(b"BDAT 1\r\nx" * 1000)
            replies += len(codes(wire.take()))
        self.assertTrue(wire.closed)
        # those that were taken, one too many, and as many errors as are borne
        self.assertLess(replies, TINY_CHUNKS + 30)
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertLess(grown, 32 * 1024)  # KiB

    @threat(5)
    def test_many_in_one_segment(self) -> None:
        """The time for chunks that come together grows with their number."""
        seconds = []
        for count in (250, 1000):
            wire = opened(Ledger())
            best = float("inf")
            for _ in range(3):
                wire = opened(Ledger())
                start = time.process_time()
                wire.feed(b"BDAT 1\r\nx" * count)
                best = min(best, time.process_time() - start)
            self.assertEqual(len(codes(wire.take())), count)
            seconds.append(best)
        self.assertLess(seconds[1], 12 * seconds[0])

    @threat(13)
    def test_more_than_anybody_reads(self) -> None:
        """A chunk that nobody wanted and that is endless ends the connection."""
        wire = dial()
        say(wire, b"EHLO a")
        self.assertEqual(codes(say(wire, b"BDAT 99999999999")), [552])
        self.assertTrue(wire.closed)

    @threat(13)
    def test_too_big(self) -> None:
        """A chunk above the size is refused without a trace on the disk."""
        ledger = Ledger()
        content = ContentLimits(size_octets=100, swallow_octets=1000)
        wire = opened(ledger, content=content)
        wire.feed(b"BDAT 101 LAST\r\n" + b"x" * 101)
        self.assertEqual(codes(wire.take()), [552])
        say(wire, b"MAIL FROM:<a@b>", b"RCPT TO:<Jones@foo.com>")
        wire.take()
        wire.feed(b"BDAT 5000 LAST\r\n" + b"x" * 5000)
        self.assertEqual(codes(wire.take()), [552])
        self.assertTrue(wire.closed)
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))

    def test_drain(self) -> None:
        """A server that goes down takes the message at hand first."""
        ledger = Ledger()
        wire = opened(ledger)
        wire.feed(b"BDAT 1\r\nx")
        wire.take()
        self.assertEqual(wire.connection.drain(), ())
        wire.feed(b"BDAT 0 LAST\r\n")
        self.assertEqual(codes(wire.take()), [250, 421])
        self.assertEqual(len(ledger.stored), 1)

    def test_policy(self) -> None:
        """The checks see the header of a chunked message as of any other."""
        rules = Rules()
        wire = dial(policy=rules)
        say(wire, b"EHLO a", b"MAIL FROM:<a@b>", b"RCPT TO:<Jones@foo.com>")
        wire.feed(b"BDAT 6\r\nA: b\r\nBDAT 4 LAST\r\n\r\nx\n"[:-1] + b"y")
        (content,) = rules.contents
        self.assertEqual(content.header, b"A: b\r\n")
