"""The POP2 client: against the tables of RFC 937, and against our own server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA, PAUSED
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.pop2.client import (
    Counted,
    Farewell,
    Greeted,
    Measured,
    Piece,
    Pop2Client,
    Trouble,
)
from mailapp.pop2.grammar import Ackd, Acks, Fold, Helo, Nack, Quit, Read, Retr
from mailapp.pop2.table import CLIENT, ClientAction, ClientInput, ClientState
from tests.play import Wire
from tests.rows import rows, tabled
from tests.svt import TRANSCRIPTS, make_message
from tests.unit.pop2.support import Server

_GREET = b"+ POP2 host ready\r\n"
_LINES = {
    ClientInput.GREET: _GREET,
    ClientInput.COUNT: b"#1 message\r\n",
    ClientInput.LENGTH: b"=5 octets\r\n",
    ClientInput.BYE: b"+ bye\r\n",
    ClientInput.OTHER: b"- no\r\n",
}


def client_in(state: ClientState) -> Pop2Client:
    """A client that waits in this state."""
    client = Pop2Client()
    if state is ClientState.CALL:
        return client
    client.receive(_GREET)
    client.next_event()
    if state is ClientState.EXIT:
        client.send(Quit())
        return client
    client.send(Helo(b"u", Secret(b"p")))
    for line, command in ((b"#1\r\n", Read()), (b"=5\r\n", Retr())):
        if client.state is state:
            break
        client.receive(line)
        client.next_event()
        client.send(command)
    return client


@tabled
class TableTests(SynchronousTestCase):
    """RFC 937, page 20."""

    def test_is_the_printed_one(self) -> None:
        """The table in the code is the one of the transcript."""
        text = (TRANSCRIPTS / "pop2_client_table.tsv").read_text("utf-8")
        lines = [line for line in text.splitlines() if not line.startswith("# ")]
        head, *table = (line.split("\t") for line in lines)
        for name, *numbers in table:
            for state, number in zip(head[1:], numbers, strict=True):
                action = CLIENT[ClientInput(name), ClientState[state]]
                self.assertEqual(int(number), action)
        self.assertEqual(len(CLIENT), 8 * 5)

    @rows(**{state.name: state for state in ClientState})
    def test_acts(self, state: ClientState) -> None:
        """The client does in each state what the table says."""
        for kind in ClientInput:
            if kind is ClientInput.CONTENT or state is ClientState.XFER:
                continue  # in XFER every octet is the message's
            client = client_in(state)
            self.assertIs(client.state, state)
            if kind is ClientInput.CLOSE:
                client.receive_eof()
            elif kind is ClientInput.TIMEOUT:
                client.time_out()
            else:
                client.receive(_LINES[kind])
            event = client.next_event()
            action = CLIENT[kind, state]
            self.assertEqual(
                action is ClientAction.GARBAGE,
                isinstance(event, Trouble) and state is not ClientState.EXIT,
                f"{state} {kind} {event}",
            )
            if action is ClientAction.GARBAGE:
                self.assertIs(client.state, ClientState.EXIT)
                wanted = b"" if kind is ClientInput.CLOSE else b"QUIT\r\n"
                self.assertEqual(wanted, client.to_send())
            elif action is ClientAction.CLOSE:
                self.assertTrue(client.closed)

    def test_illegal_choice(self) -> None:
        """A command that may not come now is not sent."""
        client = client_in(ClientState.NMBR)
        with self.assertRaises(ValueError):
            client.send(Read())
        client.receive(b"#0\r\n")
        client.next_event()
        self.assertIs(PAUSED, client.next_event())
        for command in (Retr(), Acks(), Helo(b"u", Secret(b"p"))):
            with self.assertRaises(ValueError):
                client.send(command)
        with self.assertRaises(SyntaxProblem):
            client.send(Fold(b"x" * 600))
        client.send(Read())
        client.receive(b"=0\r\n")
        client.next_event()
        with self.assertRaises(ValueError):
            client.send(Retr())

    def test_closes_in_transfer(self) -> None:
        """A message that breaks off is trouble, never a shorter message."""
        client = client_in(ClientState.XFER)
        client.receive(b"abc")
        client.receive_eof()
        self.assertEqual(Piece(b"abc", 2), client.next_event())
        self.assertIsInstance(client.next_event(), Trouble)
        self.assertTrue(client.closed)

    @given(st.lists(st.binary(max_size=600), max_size=5))
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """Whatever a server sends, the client goes on or ends in order."""
        client = Pop2Client()
        for piece in pieces:
            client.receive(piece)
            while client.next_event() not in {NEED_DATA, PAUSED}:
                pass
        client.receive_eof()
        client.time_out()
        while client.next_event() not in {NEED_DATA, PAUSED}:
            pass


class TogetherTests(SynchronousTestCase):
    """Client and server."""

    def test_session(self) -> None:
        """Login, folder, message kept, again, and deleted, goodbye."""
        bodies = [make_message("dots:64"), make_message("300000")]
        server = Server(*bodies)
        server.deliver(b"A: b\r\n\r\nc\r\n", ("My Box",))
        wire, client = server.connect(), Pop2Client()
        client.receive(b"+ POP2 mail.example.test ready\r\n")
        self.assertIsInstance(client.next_event(), Greeted)
        for command, wanted in (
            (Helo(b"u", Secret(b"p w")), Counted(2)),
            (Fold(b"My Box"), Counted(1)),
            (Fold(b"INBOX"), Counted(2)),
            (Read(2), Measured(300_000)),
            (Read(1), Measured(64)),
            (Retr(), Piece(bodies[0], 0)),
            (Nack(), Measured(64)),
            (Retr(), Piece(bodies[0], 0)),
            (Acks(), Measured(300_000)),
            (Retr(), Piece(bodies[1], 0)),
            (Ackd(), Measured(0)),
        ):
            self.exchange(wire, client, client.send(command))
            self.assertEqual(wanted, client.next_event())
        self.exchange(wire, client, client.send(Quit()))
        self.assertEqual(Farewell(b"+ bye"), client.next_event())
        self.assertEqual([bodies[0]], server.bodies())
        self.assertEqual(NEED_DATA, client.next_event())

    def exchange(self, wire: Wire, client: Pop2Client, octets: bytes) -> None:
        """To the server and back."""
        wire.feed(octets)
        client.receive(wire.take())
