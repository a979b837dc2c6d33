"""mailapp.smtp.outgoing, capabilities, answers and stuffing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.envelope import (
    Body,
    DeliverBy,
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.smtp.answers import Answer, AnswerReader, Garbage
from mailapp.smtp.capabilities import Capabilities, read_capabilities
from mailapp.smtp.grammar.xtext import encode_xtext
from mailapp.smtp.outgoing import mail_command, rcpt_command
from mailapp.smtp.stuffing import Stuffing, tidy, whole_lines
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.clients import (
    BOB,
    outgoing,
)


@tabled
class CommandTests(SynchronousTestCase):
    """MAIL and RCPT with their parameters."""

    ALL = Capabilities(
        eight_bit=True,
        smtputf8=True,
        dsn=True,
        require_tls=True,
        size=0,
        deliver_by=0,
        priority=True,
    )

    @rows(
        plain=({}, b" SIZE=10"),
        eight_bit=({"body": Body.EIGHT_BIT}, b" SIZE=10 BODY=8BITMIME"),
        binary=({"body": Body.BINARY}, b" SIZE=10 BODY=BINARYMIME"),
        smtputf8=({"smtputf8": True}, b" SIZE=10 SMTPUTF8"),
        require_tls=({"require_tls": True}, b" SIZE=10 REQUIRETLS"),
        dsn=(
            {"returned": Return.HEADERS, "envelope_id": "QQ+314=159 x"},
            b" SIZE=10 RET=HDRS ENVID=QQ+2B314+3D159+20x",
        ),
        by=({"deliver_by": DeliverBy(100.0, returned=True)}, b" SIZE=10 BY=90;R"),
        by_late=(
            {"deliver_by": DeliverBy(4.0, returned=False, traced=True)},
            b" SIZE=10 BY=-6;NT",
        ),
        priority=({"priority": -3}, b" SIZE=10 MT-PRIORITY=-3"),
    )
    def test_mail(self, changes: dict[str, Any], parameters: bytes) -> None:
        """Each parameter if it was announced, and none if it was not."""
        found = mail_command(outgoing(**changes), self.ALL, 10.0)
        self.assertEqual(found, b"MAIL FROM:<alice@us.test>" + parameters + b"\r\n")
        found = mail_command(outgoing(**changes), Capabilities(), 10.0)
        self.assertEqual(found, b"MAIL FROM:<alice@us.test>\r\n")

    def test_null_sender(self) -> None:
        """A bounce has no sender."""
        found = mail_command(outgoing(reverse_path=None), Capabilities(), 0.0)
        self.assertEqual(found, b"MAIL FROM:<>\r\n")

    @rows(
        never=({"notify": Notify.NEVER}, b" NOTIFY=NEVER"),
        two=({"notify": Notify.SUCCESS | Notify.DELAY}, b" NOTIFY=SUCCESS,DELAY"),
        original=(
            {"original": OriginalRecipient("rfc822", "a+b@x.test\r\nX: y")},
            b" ORCPT=rfc822;a+2Bb@x.test+0D+0AX:+20y",
        ),
        utf8=(
            {"original": OriginalRecipient("utf-8", "ü=@x.test")},
            b" ORCPT=utf-8;\\x{FC}\\x{3D}@x.test",
        ),
    )
    @threat(17)
    def test_rcpt(self, changes: dict[str, Any], parameters: bytes) -> None:
        """What a report needs is passed on; nothing breaks out of the line."""
        recipient = Recipient(BOB, **changes)
        found = rcpt_command(recipient, self.ALL)
        self.assertEqual(found, b"RCPT TO:<bob@them.test>" + parameters + b"\r\n")
        found = rcpt_command(recipient, Capabilities())
        self.assertEqual(found, b"RCPT TO:<bob@them.test>\r\n")

    def test_delay_is_asked_for(self) -> None:
        """RFC 2852, section 4.1.4.2: without DELIVERBY there, delays are told."""
        late = DeliverBy(5.0, returned=False)
        found = rcpt_command(Recipient(BOB), Capabilities(dsn=True), late)
        self.assertIn(b" NOTIFY=FAILURE,DELAY\r\n", found)

    @given(st.text())
    def test_xtext(self, text: str) -> None:
        """Any text is xtext without blanks, controls, ``+`` and ``=`` in between."""
        found = encode_xtext(text)
        self.assertTrue(found.isascii() and not found.split()[1:])
        decoded = b""
        first, *rest = found.split(b"+")
        decoded = first + b"".join(bytes([int(r[:2], 16)]) + r[2:] for r in rest)
        self.assertEqual(decoded, text.encode())


class CapabilityTests(SynchronousTestCase):
    """The reply to EHLO."""

    def read(self, *lines: bytes) -> Capabilities:
        """That of such lines."""
        return read_capabilities(Answer(250, (b"there hello", *lines)))

    def test_all(self) -> None:
        """Case does not matter, parameters are read, unknown words are passed over."""
        found = self.read(
            b"pipelining", b"Size 1000", b"AUTH plain LOGIN", b"AUTH=X", b"",
            b"LIMITS RCPTMAX=20 MAILMAX=5 FOO=1 RCPTDOMAINMAX=x", b"DELIVERBY 240",
            b"XSOMETHING \xff",
        )  # fmt: skip
        self.assertEqual(
            (found.size, found.recipients, found.transactions), (1000, 20, 5)
        )
        self.assertEqual((found.domains, found.deliver_by), (0, 240))
        self.assertEqual(found.mechanisms, {"PLAIN", "LOGIN", "X"})
        self.assertEqual(found.name, "there")

    def test_dependencies(self) -> None:
        """BINARYMIME needs CHUNKING, SMTPUTF8 needs 8BITMIME."""
        found = self.read(b"BINARYMIME", b"SMTPUTF8")
        self.assertFalse(found.binary or found.smtputf8)

    @given(st.lists(st.binary(max_size=40), max_size=20))
    def test_never_raises(self, lines: list[bytes]) -> None:
        """Whatever a server says."""
        self.assertIsInstance(self.read(*lines), Capabilities)


class AnswerTests(SynchronousTestCase):
    """Octets to answers."""

    @staticmethod
    def read(pieces: Sequence[bytes]) -> list[Answer | Garbage]:
        """All answers, up to the first garbage."""
        reader, found = AnswerReader(), list[Answer | Garbage]()
        for piece in pieces:
            reader.feed(piece)
            while (answer := reader.next()) is not None:
                found.append(answer)
                if isinstance(answer, Garbage):
                    return found
        return found

    ANSWERS = st.builds(
        Answer,
        st.integers(200, 599),
        st.lists(
            st.binary(max_size=60).filter(lambda b: b"\r" not in b and b"\n" not in b),
            min_size=1,
            max_size=4,
        ).map(tuple),
    )

    @given(st.lists(ANSWERS, max_size=4), st.lists(st.integers(0, 400), max_size=6))
    @settings(deadline=None)
    def test_any_cut(self, answers: list[Answer], cuts: list[int]) -> None:
        """What is written is read, however it is cut."""
        octets = b""
        for answer in answers:
            for line in answer.lines[:-1]:
                octets += b"%d-%b\r\n" % (answer.code, line)
            octets += b"%d %b\r\n" % (answer.code, answer.lines[-1])
        places = sorted({0, len(octets), *[c for c in cuts if c < len(octets)]})
        pieces = [octets[a:b] for a, b in pairwise(places)]
        self.assertEqual(self.read(pieces), answers)

    @given(st.binary(max_size=300))
    @settings(deadline=None)
    def test_anything(self, octets: bytes) -> None:
        """Whole or octet by octet: the same answers, and nothing raised."""
        letters = [octets[i : i + 1] for i in range(len(octets))]
        self.assertEqual(self.read([octets]), self.read(letters))

    def test_odd_lines(self) -> None:
        """No text, no blank, other codes."""
        self.assertEqual(self.read([b"250\r\n"]), [Answer(250, (b"",))])
        for octets in (b"199 x\r\n", b"600 x\r\n", b"25 x\r\n", b"250x\r\n", b"\r\n"):
            self.assertIsInstance(self.read([octets])[0], Garbage, octets)
        self.assertIsInstance(self.read([b"250-a\r\n550 b\r\n"])[0], Garbage)

    @threat(13)
    def test_caps(self) -> None:
        """A line, a number of lines, and all of it together."""
        for octets in (
            b"x" * 5000,
            b"250-x\r\n" * 501,
            (b"250-" + b"x" * 4000 + b"\r\n") * 20,
        ):
            self.assertIsInstance(self.read([octets])[-1], Garbage)

    def test_status_and_text(self) -> None:
        """The enhanced code only if its class fits; the text on one printable line."""
        self.assertEqual(Answer(550, (b"5.1.1 no", b"5.1.1 one")).status, "5.1.1")
        self.assertEqual(Answer(550, (b"4.1.1 no",)).status, "5.0.0")
        self.assertEqual(Answer(250, (b"2.1.5",)).status, "2.1.5")
        text = Answer(550, (b"a\x1b[2Jb", b"\xe4" * 2000)).text
        self.assertTrue(text.startswith("550 a?[2Jb ??") and text.isprintable())
        self.assertLess(len(text), 1100)


class StuffingTests(SynchronousTestCase):
    """Content that leaves by DATA."""

    PIECES = st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"", b"\0", b"\r\n."]
        )
    )

    @given(PIECES)
    @settings(deadline=None)
    @threat(1, 3)
    def test_nothing_is_smuggled(self, pieces: list[bytes]) -> None:
        """One end, at the end; no CR or LF alone; and what was meant arrives."""
        stuffing = Stuffing()
        sent = b"".join([stuffing.encode(piece) for piece in pieces]) + stuffing.end()
        bare = sent.replace(b"\r\n", b"")
        self.assertFalse(b"\r" in bare or b"\n" in bare)
        found = (b"\r\n" + sent).find(b"\r\n.\r\n")
        self.assertEqual(found, len(sent) - 3)
        received = (b"\r\n" + sent[:-3]).replace(b"\r\n.", b"\r\n")[2:]
        self.assertEqual(received, whole_lines(b"".join(pieces)))

    @given(PIECES)
    @threat(3)
    def test_tidy(self, pieces: list[bytes]) -> None:
        """What is tidy stays as it is; what is not has its lines still."""
        octets = b"".join(pieces)
        neat = tidy(octets)
        self.assertEqual(tidy(neat), neat)
        self.assertEqual(
            neat.replace(b"\r\n", b"\n"),
            octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n"),
        )
