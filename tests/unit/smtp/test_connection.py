"""Tests of the state machine alone: no session, replies are given by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core import status as statuses
from mailapp.core.connection import NEED_DATA, PAUSED, Signal
from mailapp.smtp import replies
from mailapp.smtp.connection import (
    BodyChunk,
    EndOfBody,
    Misstep,
    Opened,
    SmtpConnection,
)
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.reply import Reply, make_reply
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.profile import Profile, SessionLimits
from mailapp.smtp.states import State
from tests.rows import rows, tabled
from tests.threats import threat

PROFILE = Profile(
    "mx.foo.com", content=ContentLimits(size_octets=1000), tls_available=True
)
_GO = make_reply(354, None, ["go"])
_NO = replies.failure(statuses.MAILBOX_UNKNOWN, permanent=True)

LINES = {
    b"EHLO": b"EHLO a.b",
    b"HELO": b"HELO a.b",
    b"MAIL": b"MAIL FROM:<a@b>",
    b"RCPT": b"RCPT TO:<a@b>",
    b"VRFY": b"VRFY a",
    b"EXPN": b"EXPN a",
}
WAY: dict[State, list[bytes]] = {
    State.START: [],
    State.READY: [b"EHLO"],
    State.MAIL: [b"EHLO", b"MAIL"],
    State.RCPT: [b"EHLO", b"MAIL", b"RCPT"],
}


def line(verb: bytes) -> bytes:
    """A line with this command."""
    return LINES.get(verb, verb) + b"\r\n"


def opened(profile: Profile = PROFILE) -> SmtpConnection:
    """A connection that was greeted."""
    connection = SmtpConnection(profile)
    connection.next_event()
    connection.send(replies.greeting("mx.foo.com"))
    return connection


def at(state: State, profile: Profile = PROFILE) -> SmtpConnection:
    """A connection in this state."""
    connection = opened(profile)
    for verb in WAY[state]:
        connection.receive(line(verb))
        connection.next_event()
        connection.send(replies.OK)
    return connection


def sent(connection: SmtpConnection, reply: Reply) -> bytes:
    """What goes out for this answer."""
    return b"".join(o for o in connection.send(reply) if isinstance(o, bytes))


# The table of RFC 5321, section 4.1.4: state after the positive reply, or the code of
# the refusal. In the order START, READY, MAIL, RCPT.
S, R, M, C = State.START, State.READY, State.MAIL, State.RCPT
TABLE: dict[bytes, tuple[State | int, ...]] = {
    b"EHLO": (R, R, R, R),
    b"HELO": (R, R, R, R),
    b"MAIL": (503, M, 503, 503),
    b"RCPT": (503, 503, C, C),
    b"DATA": (503, 503, 554, State.DATA),
    b"RSET": (S, R, R, R),
    b"NOOP": (S, R, M, C),
    b"VRFY": (S, R, M, C),
    b"EXPN": (S, R, M, C),
    b"HELP": (S, R, M, C),
    b"QUIT": (State.CLOSED,) * 4,
    b"STARTTLS": (State.HANDSHAKE, State.HANDSHAKE, 503, 503),
}


@tabled
class TableTests(SynchronousTestCase):
    """Which command is legal where, and what follows."""

    def test_complete(self) -> None:
        """The table has a row for every verb."""
        self.assertEqual(set(TABLE), set(PROFILE.verbs))

    @rows(**{verb.decode(): (verb,) for verb in TABLE})
    @threat(11)
    def test_legality(self, verb: bytes) -> None:
        """A command in each state: refused and nothing changed, or the next state."""
        for state, expected in zip((S, R, M, C), TABLE[verb], strict=True):
            connection = at(state)
            connection.receive(line(verb))
            event = connection.next_event()
            if isinstance(expected, int):
                self.assertIsInstance(event, Misstep)
                assert isinstance(event, Misstep)
                self.assertEqual(event.reply.code, expected)
                connection.send(event.reply)
                self.assertIs(connection.state, state)
            else:
                self.assertIsInstance(event, Command)
                self.assertIs(connection.state, state)
                connection.send(_GO if verb == b"DATA" else replies.OK)
                self.assertIs(connection.state, expected)

    @rows(**{verb.decode(): (verb,) for verb in TABLE})
    def test_refusal_changes_nothing(self, verb: bytes) -> None:
        """The state changes with the positive reply only."""
        for state in WAY:
            connection = at(state)
            connection.receive(line(verb))
            event = connection.next_event()
            connection.send(event.reply if isinstance(event, Misstep) else _NO)
            self.assertIs(connection.state, state)

    def test_refused_greeting(self) -> None:
        """After 554 all but QUIT is answered 503 (RFC 5321, section 3.1)."""
        connection = SmtpConnection(PROFILE)
        connection.next_event()
        connection.send(make_reply(554, None, ["no"]))
        for verb in TABLE:
            if verb != b"QUIT":
                connection.receive(line(verb))
                event = connection.next_event()
                assert isinstance(event, Misstep)
                self.assertEqual(event.reply.code, 503)
                connection.send(event.reply)
        self.assertFalse(connection.wants_close)
        connection.receive(b"QUIT\r\n")
        connection.next_event()
        connection.send(replies.OK)
        self.assertTrue(connection.wants_close)


@tabled
class PipeliningTests(SynchronousTestCase):
    """RFC 2920, and what must not be sent ahead."""

    def test_paused(self) -> None:
        """No event comes before the last one is answered."""
        connection = SmtpConnection(PROFILE)
        self.assertIsInstance(connection.next_event(), Opened)
        self.assertIs(connection.next_event(), PAUSED)
        connection.send(replies.greeting("x"))
        connection.receive(b"NOOP\r\nNOOP\r\n")
        connection.next_event()
        self.assertIs(connection.next_event(), PAUSED)
        connection.send(replies.OK)
        self.assertIsInstance(connection.next_event(), Command)

    @rows(
        ehlo=(State.START, b"EHLO"),
        helo=(State.START, b"HELO"),
        data=(State.RCPT, b"DATA"),
        starttls=(State.READY, b"STARTTLS"),
    )
    @threat(6, 7)
    def test_ahead(self, state: State, verb: bytes) -> None:
        """Octets behind such a command and before our reply end the connection."""
        for late in (False, True):
            connection = at(state)
            connection.receive(line(verb) + (b"" if late else b"N"))
            event = connection.next_event()
            if late:
                connection.receive(b"N")
                reply = sent(connection, replies.OK)
            else:
                assert isinstance(event, Misstep)
                reply = sent(connection, event.reply)
            self.assertEqual(reply[:9], b"503 5.5.0")
            self.assertTrue(connection.wants_close)
            self.assertFalse(connection.wants_tls)
            self.assertIs(connection.next_event(), NEED_DATA)

    @threat(6)
    def test_early_talker(self) -> None:
        """Who speaks before the greeting is sent away."""
        connection = SmtpConnection(PROFILE)
        connection.receive(b"EHLO a.b\r\n")
        connection.next_event()
        self.assertEqual(sent(connection, replies.greeting("x"))[:9], b"554 5.5.0")
        self.assertTrue(connection.wants_close)

    def test_content_and_next_transaction(self) -> None:
        """The next MAIL may follow the content at once (RFC 2920, section 3.1)."""
        connection = at(State.RCPT)
        connection.receive(b"DATA\r\n")
        connection.next_event()
        connection.send(_GO)
        connection.receive(b"A: b\r\n\r\nc\r\n.\r\nMAIL FROM:<a@b>\r\nNO")
        self.assertEqual(connection.next_event(), BodyChunk(b"A: b\r\n\r\nc\r\n"))
        event = connection.next_event()
        self.assertEqual(event, EndOfBody(11, b"A: b\r\n"))
        connection.receive(b"OP\r\n")
        connection.send(replies.OK)
        self.assertIsInstance(connection.next_event(), Command)
        connection.send(replies.OK)
        self.assertIsInstance(connection.next_event(), Command)

    def test_tls(self) -> None:
        """After the handshake the machine stands behind the greeting."""
        connection = at(State.READY)
        connection.receive(b"STARTTLS\r\n")
        connection.next_event()
        connection.send(replies.READY_FOR_TLS)
        self.assertTrue(connection.wants_tls)
        self.assertIs(connection.next_event(), NEED_DATA)
        connection.tls_started()
        self.assertIs(connection.state, State.START)
        self.assertFalse(connection.wants_tls)


@tabled
class LimitTests(SynchronousTestCase):
    """Lengths, counts and times."""

    @rows(
        noop_n_minus_1=(b"NOOP ", 511, True),
        noop_n=(b"NOOP ", 512, True),
        noop_n_plus_1=(b"NOOP ", 513, False),
        vrfy_as_long_as_mail=(b"VRFY ", 560, False),
        mail_n=(b"MAIL FROM:<a@b> ", 565, True),
        mail_n_plus_1=(b"MAIL FROM:<a@b> ", 566, False),
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

    @threat(12, 19)
    def test_refused_recipients(self) -> None:
        """Refused recipients have a limit of their own, far above that of errors."""
        limits = SessionLimits(refused_recipients=50)
        connection = at(State.MAIL, Profile("mx.foo.com", limits=limits))
        for _ in range(50):
            connection.receive(line(b"RCPT"))
            self.assertIsInstance(connection.next_event(), Command)
            connection.send(_NO)
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
            connection.send(_GO)
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
        connection.send(_GO)
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
        connection.send(_GO)
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
        self.assertEqual(sent(connection, _GO), _GO.octets)
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
        connection.send(_GO)
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


class FuzzTests(SynchronousTestCase):
    """Octets without sense."""

    @threat(10, 16)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from([line(verb) for verb in TABLE]),
                st.sampled_from([b"\r\n", b".\r\n", b"\r\n.\r\n", b"\0", b"\n"]),
            ),
            max_size=30,
        )
    )
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """Nothing raises, and what is kept stays small."""
        connection = opened()
        for piece in pieces:
            connection.receive(piece)
            while not isinstance(event := connection.next_event(), Signal):
                if isinstance(event, Misstep):
                    connection.send(event.reply)
                elif isinstance(event, Command | EndOfBody):
                    connection.send(replies.OK)
            self.assertLess(connection.buffered, 2000)
