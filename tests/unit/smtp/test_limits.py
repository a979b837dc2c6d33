"""Tests of the state machine: lengths, counts, times, and how it ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA, Signal
from mailapp.smtp import replies
from mailapp.smtp.events import (
    BodyChunk,
    Misstep,
)
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.profile import Profile, SessionLimits
from mailapp.smtp.states import State
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.machine import GO, NO, at, line, opened, sent


@tabled
class LimitTests(SynchronousTestCase):
    """Lengths, counts and times."""

    @rows(
        noop_n_minus_1=(b"NOOP ", 511, True),
        noop_n=(b"NOOP ", 512, True),
        noop_n_plus_1=(b"NOOP ", 513, False),
        vrfy_as_long_as_mail=(b"VRFY ", 560, False),
        mail_n=(b"MAIL FROM:<a@b> ", 581, True),
        mail_n_plus_1=(b"MAIL FROM:<a@b> ", 582, False),
        huge=(b"NOOP ", 100_000, False),
    )
    @threat(13)
    def test_line(self, head: bytes, octets: int, taken: bool) -> None:  # noqa: FBT001
        """512 octets with CRLF, and what the extensions add to MAIL."""
        connection = at(State.READY)
        connection.receive(head + b"x" * (octets - len(head) - 2) + b"\r\nNOOP\r\n")
        event = connection.next_event()
        too_long = isinstance(event, Misstep) and event.reply == replies.LINE_TOO_LONG
        self.assertEqual(too_long, not taken)
        connection.send(replies.OK)
        self.assertIsInstance(connection.next_event(), Command)

    @threat(13)
    def test_endless_line(self) -> None:
        """An endless line costs its cap, and is reported when it ends."""
        connection = opened()
        for _ in range(200):
            connection.receive(b"A" * 65536)
            self.assertIs(connection.next_event(), NEED_DATA)
            self.assertLess(connection.buffered, 1024)
        connection.receive(b"\r\n")
        self.assertEqual(connection.next_event(), Misstep(replies.LINE_TOO_LONG))

    @threat(12)
    def test_unknown_verbs(self) -> None:
        """Of 1,000 unknown verbs twenty are answered, then 421 ends it."""
        connection = opened()
        connection.receive(b"XYZZY\r\n" * 1000)
        answers = []
        while isinstance(event := connection.next_event(), Misstep):
            answers.append(sent(connection, event.reply))
        self.assertEqual(answers[:20], [replies.UNRECOGNIZED.octets] * 20)
        self.assertEqual(answers[20:], [b"421 4.7.0 mx.foo.com too many errors\r\n"])
        self.assertTrue(connection.wants_close)

    @rows(
        obsolete=b"SOML FROM:<a@b>", turn=b"TURN", auth=b"AUTH PLAIN x", burl=b"BURL x"
    )
    def test_not_implemented(self, request: bytes) -> None:
        """What others have and we have not is 502 (RFC 5321, section 4.2.4)."""
        connection = opened()
        connection.receive(request + b"\r\n")
        self.assertEqual(connection.next_event(), Misstep(replies.NOT_IMPLEMENTED))

    @threat(12, 19)
    def test_refused_recipients(self) -> None:
        """Refused recipients have a limit of their own, far above that of errors."""
        limits = SessionLimits(refused_recipients=50)
        connection = at(State.MAIL, Profile("mx.foo.com", limits=limits))
        for _ in range(50):
            connection.receive(line(b"RCPT"))
            self.assertIsInstance(connection.next_event(), Command)
            connection.send(NO)
        connection.receive(line(b"RCPT"))
        event = connection.next_event()
        assert isinstance(event, Misstep)
        self.assertEqual(event.reply.code, 421)

    def test_too_many_recipients_is_no_error(self) -> None:
        """452 for the surplus must not end a transaction that can still be done."""
        connection = at(State.RCPT)
        for _ in range(2000):
            connection.receive(line(b"RCPT"))
            connection.next_event()
            connection.send(replies.TOO_MANY_RECIPIENTS)
        self.assertIs(connection.state, State.RCPT)

    def test_message_sets_errors_back(self) -> None:
        """Errors are counted from message to message."""
        connection = opened()
        for _ in range(5):
            connection.receive(b"X\r\n" * 15)
            for _ in range(15):
                event = connection.next_event()
                assert isinstance(event, Misstep)
                self.assertEqual(event.reply.code, 500)
                connection.send(event.reply)
            for verb in (b"EHLO", b"MAIL", b"RCPT"):
                connection.receive(line(verb))
                connection.next_event()
                connection.send(replies.OK)
            connection.receive(b"DATA\r\n")
            connection.next_event()
            connection.send(GO)
            connection.receive(b"\r\n.\r\n")
            connection.next_event()
            connection.next_event()
            connection.send(replies.OK)

    @threat(32)
    @rows(get=b"GET / HTTP/1.1", post=b"POST /x HTTP/1.1", connect=b"CONNECT a:25")
    def test_http(self, request: bytes) -> None:
        """A web browser is sent away at once, without an echo of what it said."""
        connection = opened()
        connection.receive(request + b"\r\nHost: x\r\n\r\nEHLO a\r\n")
        event = connection.next_event()
        assert isinstance(event, Misstep)
        self.assertEqual(
            sent(connection, event.reply),
            b"421 4.7.0 mx.foo.com this is a mail server\r\n",
        )
        self.assertTrue(connection.wants_close)

    def test_times(self) -> None:
        """RFC 5321, section 4.5.3.2: five minutes, three for content."""
        connection = at(State.RCPT)
        self.assertEqual((connection.timeout, connection.minimum_rate), (300.0, 0.0))
        connection.receive(b"DATA\r\n")
        connection.next_event()
        connection.send(GO)
        self.assertEqual((connection.timeout, connection.minimum_rate), (180.0, 100.0))

    @threat(13, 14)
    def test_endless_message(self) -> None:
        """Content without end is swallowed for a while, then 552 closes."""
        profile = Profile(
            "mx.foo.com", content=ContentLimits(size_octets=1000, swallow_octets=10_000)
        )
        connection = at(State.RCPT, profile)
        connection.receive(b"DATA\r\n")
        connection.next_event()
        connection.send(GO)
        event: object = None
        for _ in range(1000):
            connection.receive(b"x" * 98 + b"\r\n")
            event = connection.next_event()
            if isinstance(event, Misstep):
                break
            self.assertLess(connection.buffered, 200)
        self.assertEqual(event, Misstep(replies.MESSAGE_ENDLESS))
        connection.send(replies.MESSAGE_ENDLESS)
        self.assertTrue(connection.wants_close)


class PartingTests(SynchronousTestCase):
    """Time-out, failure, drain, end of file."""

    def test_time_out(self) -> None:
        """421 4.4.2 with our name, once."""
        connection = at(State.MAIL)
        octets = b"421 4.4.2 mx.foo.com timeout, closing connection\r\n"
        self.assertEqual(list(connection.time_out()), [octets])
        self.assertTrue(connection.wants_close)
        self.assertEqual(list(connection.time_out()), [])

    def test_dismiss(self) -> None:
        """421 4.7.0: the account was closed."""
        connection = at(State.MAIL)
        octets = b"421 4.7.0 mx.foo.com this account may not send any more\r\n"
        self.assertEqual(list(connection.dismiss()), [octets])
        self.assertTrue(connection.wants_close)

    def test_fail(self) -> None:
        """421 4.3.0."""
        connection = at(State.MAIL)
        self.assertEqual(b"".join(connection.fail())[:9], b"421 4.3.0")  # type: ignore[arg-type]  # no streams
        self.assertTrue(connection.wants_close)

    def test_drain_at_once(self) -> None:
        """Where nothing is under way, 421 4.3.2 comes at once."""
        connection = at(State.READY)
        self.assertEqual(b"".join(connection.drain())[:9], b"421 4.3.2")  # type: ignore[arg-type]  # no streams
        self.assertTrue(connection.wants_close)

    def test_drain_after_message(self) -> None:
        """A message that is coming is taken, then 421 follows its reply."""
        connection = at(State.RCPT)
        connection.receive(b"DATA\r\n")
        connection.next_event()
        self.assertEqual(list(connection.drain()), [])
        self.assertEqual(sent(connection, GO), GO.octets)
        connection.receive(b"x\r\n.\r\n")
        connection.next_event()
        connection.next_event()
        octets = sent(connection, replies.OK)
        self.assertTrue(octets.startswith(replies.OK.octets + b"421 4.3.2"))
        self.assertTrue(connection.wants_close)

    @threat(38)
    def test_eof_in_content(self) -> None:
        """A connection that breaks off before the final dot gives no message."""
        connection = at(State.RCPT)
        connection.receive(b"DATA\r\n")
        connection.next_event()
        connection.send(GO)
        connection.receive(b"x\r\n.\r")
        connection.receive_eof()
        events = []
        while not isinstance(event := connection.next_event(), Signal):
            events.append(event)
        self.assertEqual(events, [BodyChunk(b"x")])
        self.assertTrue(connection.wants_close)

    def test_eof_after_commands(self) -> None:
        """What was sent in whole before the end is still answered."""
        connection = opened()
        connection.receive(b"NOOP\r\nQU")
        connection.receive_eof()
        self.assertIsInstance(connection.next_event(), Command)
        connection.send(replies.OK)
        self.assertIs(connection.next_event(), NEED_DATA)
        self.assertTrue(connection.wants_close)

    def test_eof_when_idle(self) -> None:
        """Nothing is left: close."""
        connection = opened()
        connection.receive_eof()
        self.assertTrue(connection.wants_close)
