"""The POP3 connection: states, limits, and what it does at the end."""

from __future__ import annotations

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA, PAUSED
from mailapp.pop3 import replies
from mailapp.pop3.connection import (
    LEGAL,
    Limits,
    Opened,
    Pop3Connection,
    Response,
    State,
    Wrong,
)
from mailapp.pop3.grammar import Auth, Command, Pass, Quit, Retr, Stat, Stls, User
from mailapp.pop3.replies import Block, Continuation
from tests.play import CUTS
from tests.threats import threat


def _opened(**limits: float) -> Pop3Connection:
    connection = Pop3Connection(
        tls_active=False,
        tls_available=True,
        limits=Limits(**limits),  # type: ignore[arg-type]  # counts are ints
    )
    assert isinstance(connection.next_event(), Opened)
    connection.send(replies.greeting("mail.example.test"))
    return connection


def _logged_in(**limits: float) -> Pop3Connection:
    connection = _opened(**limits)
    connection.receive(b"USER u\r\nPASS p\r\n")
    for _ in range(2):
        connection.next_event()
        connection.send(replies.ok(""))
    assert connection.state is State.TRANSACTION
    return connection


class StateTests(SynchronousTestCase):
    """RFC 1939, section 3."""

    def test_table(self) -> None:
        """Every command has its row in the table of states."""
        self.assertEqual(set(get_args(Command)), set(LEGAL))

    def test_one_at_a_time(self) -> None:
        """The next command comes when the one before was answered, in order."""
        connection = _logged_in()
        connection.receive(b"STAT\r\nRETR 1\r\n")
        self.assertEqual(Stat(), connection.next_event())
        self.assertIs(PAUSED, connection.next_event())
        self.assertEqual([b"+OK 0 0\r\n"], list(connection.send(replies.ok("0 0"))))
        self.assertEqual(Retr(1), connection.next_event())
        connection.send(replies.NO_SUCH_MESSAGE)
        self.assertIs(NEED_DATA, connection.next_event())
        with self.assertRaises(RuntimeError):
            connection.send(replies.NOOP)

    def test_state_follows_reply(self) -> None:
        """A login counts when the positive reply is sent, not before."""
        connection = _opened()
        connection.receive(b"USER u\r\nPASS p\r\n")
        self.assertIsInstance(connection.next_event(), User)
        self.assertIs(State.AUTHORIZATION, connection.state)
        connection.send(replies.NAME_ACCEPTED)
        self.assertIsInstance(connection.next_event(), Pass)
        self.assertIs(State.PASSWORD, connection.state)
        connection.send(replies.BAD_CREDENTIALS)
        self.assertIs(State.AUTHORIZATION, connection.state)

    def test_password_after_name_only(self) -> None:
        """PASS is legal only right after a USER that was accepted."""
        for between in (b"CAPA", b"AUTH", b"AUTH X", b"USER v"):
            connection = _opened()
            connection.receive(b"USER u\r\n" + between + b"\r\nPASS p\r\n")
            connection.next_event()
            connection.send(replies.NAME_ACCEPTED)
            connection.next_event()
            block = Block(replies.ok(""), b"")
            bare = between in {b"CAPA", b"AUTH"}
            connection.send(block if bare else replies.NO_MECHANISM)
            self.assertEqual(Wrong(replies.NAME_FIRST), connection.next_event())

    def test_typing_error_keeps_name(self) -> None:
        """A line that is no command changes nothing."""
        connection = _opened()
        connection.receive(b"USER u\r\nPSAS p\r\nPASS p\r\n")
        connection.next_event()
        connection.send(replies.NAME_ACCEPTED)
        wrong = connection.next_event()
        assert isinstance(wrong, Wrong)
        connection.send(wrong.reply)
        self.assertIsInstance(connection.next_event(), Pass)

    def test_quit_always_closes(self) -> None:
        """After QUIT the connection closes, also if messages were not removed."""
        for reply in (replies.BYE, replies.BUG):
            connection = _logged_in()
            connection.receive(b"QUIT\r\nSTAT\r\n")
            self.assertIsInstance(connection.next_event(), Quit)
            connection.send(reply)
            self.assertTrue(connection.wants_close)
            self.assertIs(NEED_DATA, connection.next_event())

    def test_eof(self) -> None:
        """What was asked before the end of input is answered; half a line is not."""
        connection = _logged_in()
        connection.receive(b"STAT\r\nQUIT\r")
        connection.receive_eof()
        self.assertEqual(Stat(), connection.next_event())
        connection.send(replies.ok("0 0"))
        self.assertIs(NEED_DATA, connection.next_event())
        self.assertTrue(connection.wants_close)


class TLSTests(SynchronousTestCase):
    """STLS (RFC 2595, section 4)."""

    @threat(7)
    def test_injection(self) -> None:
        """What follows STLS in the clear is never answered, wherever the cut is."""
        for cut in CUTS.values():
            connection = _opened()
            for piece in cut(b"STLS\r\nNOOP\r\n"):
                connection.receive(piece)
            event = connection.next_event()
            self.assertEqual(Wrong(replies.TLS_INJECTION), event)
            connection.send(replies.TLS_INJECTION)
            self.assertTrue(connection.wants_close)
            self.assertFalse(connection.wants_tls)

    @threat(7)
    def test_injection_later(self) -> None:
        """Nor what comes between the command and the go-ahead, or half a line of it."""
        connection = _opened()
        connection.receive(b"STLS\r\n")
        self.assertIsInstance(connection.next_event(), Stls)
        connection.receive(b"N")
        sent = connection.send(replies.BEGIN_TLS)
        self.assertEqual([replies.TLS_INJECTION.octets], list(sent))
        self.assertTrue(connection.wants_close)

    @threat(7)
    def test_injection_after(self) -> None:
        """Nor what comes between the go-ahead and the handshake."""
        connection = _opened()
        connection.receive(b"STLS\r\n")
        connection.next_event()
        connection.send(replies.BEGIN_TLS)
        self.assertTrue(connection.wants_tls)
        connection.receive(b"USER evil\r\n")
        self.assertIs(NEED_DATA, connection.next_event())
        connection.tls_started()
        self.assertEqual(0, connection.buffered)
        self.assertIs(NEED_DATA, connection.next_event())
        self.assertIs(State.AUTHORIZATION, connection.state)

    def test_name_is_forgotten(self) -> None:
        """A USER of before TLS does not count under it."""
        connection = _opened()
        connection.receive(b"USER u\r\n")
        connection.next_event()
        connection.send(replies.NAME_ACCEPTED)
        connection.receive(b"STLS\r\n")
        connection.next_event()
        connection.send(replies.BEGIN_TLS)
        connection.tls_started()
        connection.receive(b"PASS p\r\n")
        self.assertEqual(Wrong(replies.NAME_FIRST), connection.next_event())


class LimitTests(SynchronousTestCase):
    """What one connection may cost."""

    def test_line(self) -> None:
        """A command has 255 octets with its CRLF (RFC 2449, section 4), no more."""
        connection = _opened()
        connection.receive(b"USER " + b"u" * 248 + b"\r\n")
        self.assertIsInstance(connection.next_event(), User)
        connection.send(replies.NAME_ACCEPTED)
        connection.receive(b"PASS " + b"p" * 249 + b"\r\n")
        self.assertEqual(Wrong(replies.LINE_TOO_LONG), connection.next_event())

    @threat(43)
    def test_endless_line(self) -> None:
        """A line without an end costs the limit and is reported once."""
        connection = _opened()
        for _ in range(1000):
            connection.receive(b"x" * 1000)
            self.assertIs(NEED_DATA, connection.next_event())
            self.assertLess(connection.buffered, 2000)
        connection.receive(b"\r\n")
        self.assertEqual(Wrong(replies.LINE_TOO_LONG), connection.next_event())

    @threat(43)
    def test_responses(self) -> None:
        """A SASL response may be long, 12 KiB; an exchange ends after 64 KiB."""
        connection = _opened()
        connection.receive(b"AUTH SCRAM-SHA-256\r\n")
        self.assertIsInstance(connection.next_event(), Auth)
        connection.send(Continuation(b""))
        for _ in range(6):
            connection.receive(b"A" * 10_000 + b"\r\n")
            self.assertIsInstance(connection.next_event(), Response)
            connection.send(Continuation(b"challenge"))
        connection.receive(b"A" * 10_000 + b"\r\n")
        self.assertEqual(Wrong(replies.LINE_TOO_LONG), connection.next_event())
        connection.send(replies.LINE_TOO_LONG)
        self.assertIs(State.AUTHORIZATION, connection.state)

    @threat(43)
    def test_endless_response(self) -> None:
        """A response that never ends costs 12 KiB."""
        connection = _opened()
        connection.receive(b"AUTH PLAIN\r\n")
        connection.next_event()
        connection.send(Continuation(b""))
        for _ in range(100):
            connection.receive(b"A" * 10_000)
            self.assertIs(NEED_DATA, connection.next_event())
            self.assertLess(connection.buffered, 25_000)
        connection.receive(b"\r\n")
        self.assertEqual(Wrong(replies.LINE_TOO_LONG), connection.next_event())

    def test_commands_after_exchange(self) -> None:
        """After an exchange the limit of a command is that of a command again."""
        connection = _opened()
        connection.receive(b"AUTH PLAIN\r\n*\r\n")
        connection.next_event()
        connection.send(Continuation(b""))
        self.assertEqual(Wrong(replies.CANCELLED), connection.next_event())
        connection.send(replies.CANCELLED)
        connection.receive(b"x" * 300 + b"\r\n")
        self.assertEqual(Wrong(replies.LINE_TOO_LONG), connection.next_event())

    def test_bad_commands(self) -> None:
        """Too many lines that are no commands end the connection."""
        connection = _opened(bad_commands=3)
        connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nSTAT\r\n")
        said = b""
        while isinstance(event := connection.next_event(), Wrong):
            said += b"".join(map(bytes, connection.send(event.reply)))  # type: ignore[arg-type]
        self.assertEqual(3, said.count(b"-ERR "))
        self.assertTrue(connection.wants_close)

    def test_failed_logins(self) -> None:
        """So do too many failed logins."""
        connection = _opened(failed_logins=2)
        for _ in range(2):
            self.assertFalse(connection.wants_close)
            connection.receive(b"AUTH X\r\n")
            connection.next_event()
            connection.send(replies.BAD_CREDENTIALS)
        self.assertTrue(connection.wants_close)

    @threat(124)
    def test_timeouts(self) -> None:
        """A login has a minute for each step, a session ten (RFC 1939, section 3)."""
        self.assertEqual(60, _opened().timeout)
        self.assertEqual(600, _logged_in().timeout)

    @threat(77)
    def test_time_out_is_silent(self) -> None:
        """When the timer expires nothing is said, and QUIT does not count any more."""
        connection = _logged_in()
        connection.receive(b"QUIT\r\n")
        self.assertEqual([], list(connection.time_out()))
        self.assertTrue(connection.wants_close)
        self.assertIs(NEED_DATA, connection.next_event())


class EndTests(SynchronousTestCase):
    """Draining and bugs."""

    def test_drain_idle(self) -> None:
        """An idle client is told at once."""
        connection = _logged_in()
        self.assertEqual([replies.GOING_DOWN.octets], list(connection.drain()))
        self.assertTrue(connection.wants_close)
        self.assertEqual([], list(connection.drain()))

    def test_drain_busy(self) -> None:
        """Work under way is finished and answered first."""
        connection = _logged_in()
        connection.receive(b"STAT\r\nSTAT\r\n")
        connection.next_event()
        self.assertEqual([], list(connection.drain()))
        sent = list(connection.send(replies.ok("0 0")))
        self.assertEqual([b"+OK 0 0\r\n", replies.GOING_DOWN.octets], sent)
        self.assertTrue(connection.wants_close)

    def test_drain_quit(self) -> None:
        """After QUIT nothing more is said."""
        connection = _logged_in()
        connection.receive(b"QUIT\r\n")
        connection.next_event()
        connection.drain()
        self.assertEqual([replies.BYE.octets], list(connection.send(replies.BYE)))

    def test_fail(self) -> None:
        """A bug of the driver or session ends it with a temporary error."""
        connection = _logged_in()
        self.assertTrue(bytes(connection.fail()[0]).startswith(b"-ERR [SYS/TEMP] "))  # type: ignore[arg-type]
        self.assertTrue(connection.wants_close)


class PropertyTests(SynchronousTestCase):
    """For any octets, cut anywhere, answered in any way."""

    _pieces = st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    b"USER u\r\n",
                    b"PASS p\r\n",
                    b"AUTH PLAIN\r\n",
                    b"STLS\r\n",
                    b"*\r\n",
                    b"QUIT\r\n",
                    b"RETR 1\r\n",
                    b"CAPA\r\n",
                    b"\r\n",
                    b"A" * 300,
                ]
            ),
        ),
        max_size=12,
    )
    _answers = st.lists(
        st.sampled_from(
            [
                replies.NOOP,
                replies.BUG,
                replies.BAD_CREDENTIALS,
                Continuation(b"x"),
                Block(replies.ok(""), b"A\r\n"),
            ]
        ),
        min_size=1,
    )

    @settings(deadline=None, max_examples=200)
    @given(_pieces, _answers)
    def test_anything(self, pieces: list[bytes], answers: list[object]) -> None:
        """Nothing raises, every event is answered once, and the end comes."""
        connection = _opened()
        turn = 0
        for piece in pieces:
            connection.receive(piece)
            while not isinstance(event := connection.next_event(), type(NEED_DATA)):
                legal = LEGAL.get(type(event))  # type: ignore[arg-type]
                self.assertTrue(legal is None or connection.state in legal)
                answer = answers[turn % len(answers)]
                turn += 1
                if isinstance(event, Wrong):
                    answer = event.reply
                connection.send(answer)  # type: ignore[arg-type]
            if connection.wants_tls:
                connection.tls_started()
        connection.receive_eof()
        while not isinstance(connection.next_event(), type(NEED_DATA)):
            connection.send(replies.BUG)
        self.assertTrue(connection.wants_close)
