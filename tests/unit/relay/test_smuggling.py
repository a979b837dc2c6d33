"""From each entrance by Intake and record to what the next server is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from zlib import crc32

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mailapp.delivery.interfaces import IDelivery
from mailapp.queue.interfaces import Consignment
from mailapp.queue.record import FOOTER, decode_footer, decode_trailer, encode_trailer
from mailapp.queue.types import Destination, Outcome
from mailapp.relay.conversion import MemoryContent
from mailapp.smtp.lmtp import LMTP
from mailapp.smtp.profile import Profile
from mailapp.smtp.protocol import compose_smtp
from mailapp.smtp.submission import SubmissionDelivery
from tests.play import Wire
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.queue.doubles import Queued
from tests.unit.queue.test_entrances import EntranceCase
from tests.unit.relay.net import ALL, FakeServer, World, finish
from tests.unit.smtp.ledger import CLIENT, PROFILE, Rules, codes, say

HIDDEN = b"MAIL FROM:<evil@x.y>\r\nRCPT TO:<evil@x.y>\r\nDATA\r\nevil\r\n"
# what a server somewhere has taken for the end of a message, and harmless parts
ENDS = (b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\0\n.\r\n")
OCTETS = (b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\0", b"\xe4", b"\x85", b": ")
PIECES = st.lists(st.sampled_from((*ENDS, *OCTETS, HIDDEN)), max_size=8).map(b"".join)
TERSE = ("PIPELINING", "8BITMIME")
HOPS = (ALL, TERSE, ("8BITMIME",), (), ("CHUNKING", "BINARYMIME"), ("CHUNKING",))
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")
_CRLF = re.compile(rb"\r\n")


def read(stream: bytes, line_end: re.Pattern[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Commands and contents of DATA as a server reads them that ends lines so.

    A NUL is nothing to it, and a dot alone on a line ends the content.
    """
    commands: list[bytes] = []
    contents: list[bytes] = []
    content: list[bytes] | None = None
    at = 0
    while at < len(stream):
        found = line_end.search(stream, at)
        end, after = found.span() if found else (len(stream), len(stream))
        line = stream[at:end].replace(b"\0", b"")
        at = after
        if content is None:
            commands.append(line[:4].upper())
            if commands[-1] == b"DATA":
                content = []
            elif commands[-1] == b"BDAT":
                at += int(line.split()[1])
        elif line == b".":
            contents.append(b"\r\n".join(content))
            content = None
        else:
            content.append(line)
    if content is not None:
        raise AssertionError("a content without end")
    return commands, contents


class EveryEntrance(EntranceCase):
    """Sends by each way in; what went into the queue goes on to a fake server."""

    def enter(
        self,
        feed: Callable[[Wire], bytes],
        mail: bytes = b"",
        profile: Profile = PROFILE,
        delivery: IDelivery | None = None,
    ) -> None:
        """A whole transaction to an alias that leaves."""
        self.queue.entries.clear()
        compose = compose_smtp(
            evolve(profile, queue=True),
            delivery or self.intake,
            Rules(),
            now=lambda: 1_000_000_000.0,
            token=lambda: "t1",
        )
        wire = Wire(*compose(CLIENT))
        wire.take()
        hello = b"LHLO x" if profile.dialect is LMTP else b"EHLO x"
        said = say(wire, hello, b"MAIL FROM:<a@elsewhere.org>" + mail)
        self.assertEqual([250], codes(said), said)
        say(wire, b"RCPT TO:<away@foo.com>")
        feed(wire)
        self.assertLessEqual(len(self.queue.entries), 1)

    def by_data(self, content: bytes) -> Callable[[Wire], bytes]:
        """DATA: as it is, with dots doubled where a good client does."""

        def feed(wire: Wire) -> bytes:
            say(wire, b"DATA")
            wire.feed(content.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
            return wire.take()

        return feed

    def by_bdat(self, content: bytes, cut: int) -> Callable[[Wire], bytes]:
        """BDAT, in chunks that end anywhere."""

        def feed(wire: Wire) -> bytes:
            for start in range(0, len(content), cut):
                chunk = content[start : start + cut]
                wire.feed(b"BDAT %d\r\n%b" % (len(chunk), chunk))
            wire.feed(b"BDAT 0 LAST\r\n")
            return wire.take()

        return feed

    def leaving(self, entry: Queued) -> Iterator[tuple[bytes, bool]]:
        """What each kind of server is sent, and whether it took the message."""
        trailer = encode_trailer(
            entry.envelope,
            queued_at=1.0,
            eight_bit=not entry.content.isascii(),
            content_octets=len(entry.content),
            content_crc=crc32(entry.content),
        )
        footer = decode_footer(trailer[-FOOTER:])
        kept = decode_trailer(footer, trailer[:-FOOTER])
        for extensions in HOPS:
            world = World(lambda words=extensions: FakeServer(words))  # type: ignore[misc]
            content = MemoryContent(entry.content)
            going = Consignment(kept, [0], Destination("example.test"), content)
            [attempt] = finish(world.relay.carry(going))
            [server] = world.connected
            taken = attempt.outcome is Outcome.RELAYED
            self.assertEqual(int(taken), len(server.messages), attempt)
            yield b"".join(server.writes), taken

    def check(self) -> None:
        """Whoever reads what we send, as strict or as lax: it is one message."""
        for entry in self.queue.entries:
            for stream, taken in self.leaving(entry):
                strict, lax = read(stream, _CRLF), read(stream, _ANY_LINE_END)
                self.assertEqual(strict, lax)
                commands, contents = strict
                self.assertLessEqual(commands.count(b"MAIL"), 1)
                self.assertLessEqual(len(contents), 1)
                if taken:
                    self.assertEqual(1, commands.count(b"MAIL"))
                self.assertLessEqual(
                    set(commands), {b"EHLO", b"MAIL", b"RCPT", b"DATA", b"BDAT"}
                )


@tabled
class SmugglingTests(EveryEntrance):
    """No way in makes the relay send a CR or LF alone by DATA (threat 3)."""

    @given(PIECES, PIECES)
    @settings(deadline=None, max_examples=30)
    @threat(3)
    def test_data(self, header: bytes, body: bytes) -> None:
        """SMTP with DATA."""
        self.enter(self.by_data(b"Subject: " + header + b"\r\n\r\n" + body))
        self.check()

    @given(PIECES, PIECES, st.integers(1, 30), st.sampled_from([b"", b"BINARYMIME"]))
    @settings(deadline=None, max_examples=30)
    @threat(3, 5, 24)
    def test_bdat(self, header: bytes, body: bytes, cut: int, kind: bytes) -> None:
        """SMTP with BDAT, declared as binary or not."""
        content = b"Subject: x" + header + b"\r\n\r\n" + body
        mail = b" BODY=" + kind if kind else b""
        self.enter(self.by_bdat(content, cut), mail)
        self.check()

    @given(PIECES, PIECES)
    @settings(deadline=None, max_examples=30)
    @threat(3)
    def test_lmtp(self, header: bytes, body: bytes) -> None:
        """LMTP from a server in front that lets everything through."""
        local = evolve(PROFILE, dialect=LMTP)
        content = b"Subject: " + header + b"\r\n\r\n" + body
        self.enter(self.by_data(content), profile=local)
        self.check()
        self.enter(self.by_bdat(content, 7), b" BODY=BINARYMIME", local)
        self.check()

    @given(PIECES, PIECES, st.integers(1, 30))
    @settings(deadline=None, max_examples=30)
    @threat(3, 4)
    def test_submission(self, header: bytes, body: bytes, cut: int) -> None:
        """A header that we mend, and a body that is binary."""
        delivery = SubmissionDelivery(self.intake, "mx.foo.com")
        content = b"From: a@elsewhere.org\r\nSubject: " + header + b"\r\n\r\n" + body
        self.enter(self.by_data(content), delivery=delivery)
        self.check()
        binary = b" BODY=BINARYMIME"
        self.enter(self.by_bdat(content, cut), binary, delivery=delivery)
        self.check()

    @rows(
        lf=b"\n.\n",
        lf_crlf=b"\n.\r\n",
        cr=b"\r.\r",
        crlf_cr=b"\r\n.\r",
        cr_crlf=b"\r.\r\n",
        nul=b"\r\0\n.\r\n",
    )
    @threat(3)
    def test_binary(self, end: bytes) -> None:
        """Binary content with an end in it goes on, and is no end to anybody."""
        content = b"Subject: x\r\n\r\na" + end + HIDDEN + end
        self.enter(self.by_bdat(content, 9), b" BODY=BINARYMIME")
        [entry] = self.queue.entries
        self.assertTrue(entry.content.endswith(content))
        self.assertTrue(any(taken for _, taken in self.leaving(entry)))
        self.check()
