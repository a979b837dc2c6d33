"""Tests of the state machine alone: no session, replies are given by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA, PAUSED, Signal
from mailapp.smtp import replies
from mailapp.smtp.connection import SmtpConnection
from mailapp.smtp.events import (
    BodyChunk,
    EndOfBody,
    Misstep,
    Opened,
)
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.reply import make_reply
from mailapp.smtp.states import State
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.machine import GO, NO, PROFILE, WAY, at, line, opened, sent

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
        """The table has a row for every verb; BDAT is no mere line (test_chunks)."""
        self.assertEqual({*TABLE, b"BDAT"}, set(PROFILE.verbs))

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
                connection.send(GO if verb == b"DATA" else replies.OK)
                self.assertIs(connection.state, expected)

    @rows(**{verb.decode(): (verb,) for verb in TABLE})
    def test_refusal_changes_nothing(self, verb: bytes) -> None:
        """The state changes with the positive reply only."""
        for state in WAY:
            connection = at(state)
            connection.receive(line(verb))
            event = connection.next_event()
            connection.send(event.reply if isinstance(event, Misstep) else NO)
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
        connection.send(GO)
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
