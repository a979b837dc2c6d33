"""The POP2 machine: the table of RFC 937, page 22, and what no cut may change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA, PAUSED
from mailapp.pop2 import replies
from mailapp.pop2.connection import Garbage, Pop2Connection
from mailapp.pop2.replies import Reply
from mailapp.pop2.table import LEADS_TO, SERVER, Action, Input, State
from tests.play import octetwise
from tests.rows import rows, tabled
from tests.svt import TRANSCRIPTS
from tests.unit.pop2.support import Server

_LINES = {
    Input.HELO: b"HELO u p\\ w\r\n",
    Input.FOLD: b"FOLD INBOX\r\n",
    Input.READ: b"READ 1\r\n",
    Input.RETR: b"RETR\r\n",
    Input.ACKS: b"ACKS\r\n",
    Input.ACKD: b"ACKD\r\n",
    Input.NACK: b"NACK\r\n",
    Input.QUIT: b"QUIT\r\n",
    Input.OTHER: b"NOOP\r\n",
}
_WAY = {
    State.AUTH: (),
    State.MBOX: (Input.HELO,),
    State.ITEM: (Input.HELO, Input.READ),
    State.NEXT: (Input.HELO, Input.READ, Input.RETR),
}
_BODY = b"A: b\r\n\r\nc\r\n"


@tabled
class TableTests(SynchronousTestCase):
    """What may come in which state."""

    def test_is_the_printed_one(self) -> None:
        """The table in the code is the one of the transcript."""
        text = (TRANSCRIPTS / "pop2_server_table.tsv").read_text("utf-8")
        head, *table = (line.split("\t") for line in text.splitlines()[1:])
        for name, *numbers in table:
            for state, number in zip(head[1:], numbers, strict=True):
                # nobody times out before the connection is made
                wanted = 1 if number == "-" else int(number)
                self.assertEqual(wanted, SERVER[Input(name), State[state]])
        self.assertEqual(12 * 6, len(SERVER))

    @rows(**{state.name: state for state in _WAY})
    def test_acts(self, state: State) -> None:
        """The server does in each state what the table says."""
        for kind, line in _LINES.items():
            server = Server(_BODY)
            wire = server.connect()
            for step in _WAY[state]:
                wire.feed(_LINES[step])
            wire.take()
            self.assertIs(state, wire.connection.state)  # type: ignore[attr-defined]
            wire.feed(line)
            said, action = wire.take(), SERVER[kind, state]
            if action is Action.TRANSFER:
                self.assertEqual(_BODY, said)
            elif action is Action.GARBAGE:
                self.assertEqual(b"-", said[:1])
            else:
                signs = {Action.PART: b"+", Action.LOG_IN: b"#", Action.SELECT: b"#"}
                self.assertEqual(signs.get(action, b"="), said[:1], (state, kind))
            self.assertEqual(action not in LEADS_TO, wire.closed)

    def test_time_out(self) -> None:
        """A time-out is garbage in every state."""
        for way in _WAY.values():
            wire = Server(_BODY).connect()
            for step in way:
                wire.feed(_LINES[step])
            wire.take()
            wire.time_out()
            self.assertEqual(b"- timeout\r\n", wire.take())


@tabled
class LineTests(SynchronousTestCase):
    """Lines (RFC 937, pages 5 and 12)."""

    @rows(
        longest=(b"FOLD " + b"x" * 505 + b"\r\n", replies.NOT_NOW),
        too_long=(b"FOLD " + b"x" * 506 + b"\r\n", replies.LINE_TOO_LONG),
        endless=(b"x" * 512, replies.LINE_TOO_LONG),
        lone_lf=(b"QUIT\n", replies.BAD_LINE_END),
        only_lf=(b"\n", replies.BAD_LINE_END),
        two_cr=(b"QUIT\r\r\n", replies.BAD_LINE_END),
        cr_inside=(b"HELO a\rb c\r\n", replies.BAD_LINE_END),
    )
    def test_line(self, octets: bytes, reply: Reply) -> None:
        """Told as soon as it is seen, at any cut, and closed."""
        for pieces in ([octets], octetwise(octets)):
            wire = Server().connect()
            for piece in pieces:
                wire.feed(piece)
            self.assertEqual(reply.octets, wire.take())
            self.assertTrue(wire.closed)

    def test_incomplete(self) -> None:
        """511 octets without an end are waited with; at EOF they are dropped."""
        connection = Pop2Connection()
        connection.next_event()
        connection.send(replies.greeting("h"))
        connection.receive(b"x" * 511)
        self.assertIs(NEED_DATA, connection.next_event())
        self.assertEqual(511, connection.buffered)
        connection.receive_eof()
        self.assertIs(NEED_DATA, connection.next_event())
        self.assertTrue(connection.wants_close)

    def test_half_close(self) -> None:
        """Who sends all and closes its side gets all answers."""
        server = Server(_BODY)
        wire = server.connect()
        wire.connection.receive(b"HELO u p\\ w\r\nREAD\r\nRETR\r\nACKD\r\nQUIT\r\n")
        wire.connection.receive_eof()
        wire.feed(b"")
        self.assertTrue(wire.take().endswith(b"=0 no message\r\n+ bye\r\n"))
        self.assertEqual([], server.bodies())

    def test_one_at_a_time(self) -> None:
        """No event comes before the last one was answered."""
        connection = Pop2Connection()
        connection.receive(b"QUIT\r\n")
        connection.next_event()
        self.assertIs(PAUSED, connection.next_event())
        connection.send(replies.greeting("h"))
        connection.next_event()
        connection.send(replies.BYE)
        with self.assertRaises(RuntimeError):
            connection.send(replies.BYE)
        self.assertEqual((), tuple(connection.drain()))

    def test_fail(self) -> None:
        """A bug says so and closes."""
        connection = Pop2Connection()
        connection.next_event()
        self.assertEqual((replies.FAILED.octets,), tuple(connection.fail()))
        self.assertTrue(connection.wants_close)

    def test_replies_are_lines(self) -> None:
        """A reply is one line of at most 512 octets with a first character."""
        for octets in (b"+ a\n", b"? a\r\n", b"+ a\r\nb\r\n", b"+ " + b"a" * 511):
            with self.assertRaises(ValueError):
                Reply(octets)

    @given(st.lists(st.binary(max_size=40) | st.sampled_from([*_LINES.values()])))
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """Whatever comes in whatever cuts, the server answers or closes."""
        server = Server(_BODY)
        whole, cut = server.connect(), None
        octets = b"".join(pieces)
        whole.feed(octets)
        whole.client_closes()
        cut = server.connect() if server.bodies() == [_BODY] else None
        if cut is not None:
            for piece in octetwise(octets):
                cut.feed(piece)
            cut.client_closes()
            self.assertEqual(whole.take(), cut.take())

    def test_flood(self) -> None:
        """A garbage line ends it: what was pipelined behind it is not looked at."""
        connection = Pop2Connection()
        connection.next_event()
        connection.send(replies.greeting("h"))
        connection.receive(b"NOOP\r\n" + b"QUIT\r\n" * 10_000)
        event = connection.next_event()
        assert isinstance(event, Garbage)
        connection.send(event.reply)
        self.assertEqual(0, connection.buffered)
        self.assertIs(NEED_DATA, connection.next_event())
