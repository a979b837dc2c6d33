"""The POP3 client: its answers, its bounds, and any cut."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import PAUSED, Signal
from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.pop3.client import (
    AHEAD,
    LINE_LIMIT,
    Accepted,
    Announced,
    Challenge,
    ClientEvent,
    Greeted,
    Measured,
    Named,
    Piece,
    Pop3Client,
    Refused,
    Retrieved,
    Trouble,
)
from mailapp.pop3.grammar import (
    Apop,
    Auth,
    Capa,
    Command,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    parse_command,
)
from mailapp.pop3.multiline import encode_block
from mailapp.pop3.requests import Request, Response, encode_request
from mailapp.pop3.unstuffing import Unstuffer
from tests.play import CUTS, Cut
from tests.rows import rows, tabled
from tests.threats import threat

_CAPA = b"+OK\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n"


def events(client: Pop3Client, octets: bytes, cut: Cut = CUTS["whole"]) -> list[object]:
    """All that comes of octets; pieces of a message are joined."""
    found: list[object] = []
    for piece in cut(octets):
        client.receive(piece)
        while not isinstance(event := client.next_event(), Signal):
            last = found[-1] if found else None
            if isinstance(event, Piece) and isinstance(last, Piece):
                found[-1] = Piece(event.number, last.octets + event.octets)
            else:
                found.append(event)
    return found


def greeted(*, pipelining: bool = False) -> Pop3Client:
    """A client that may send commands."""
    client = Pop3Client(100)
    events(client, b"+OK\r\n")
    if pipelining:
        client.send(Capa())
        events(client, _CAPA)
    return client


@tabled
class AnswerTests(SynchronousTestCase):
    """One command, and what may come."""

    @rows(
        ok=(Stat(), b"+OK 2 3\r\n", Accepted(Stat(), b"2 3")),
        err=(Stat(), b"-ERR [IN-USE] x\r\n", Refused(Stat(), b"[IN-USE] x", "IN-USE")),
        bare=(Noop(), b"-ERR\r\n", Refused(Noop(), b"", "")),
        capa=(Capa(), b"+OK\r\nTop\r\nSASL a B\r\n.\r\n",
              Announced({"TOP": (), "SASL": ("A", "B")})),
        list=(List(), b"+OK 2\r\n1 10\r\n3 5 x\r\n.\r\n", Measured({1: 10, 3: 5})),
        list_one=(List(1), b"+OK 1 10\r\n", Accepted(List(1), b"1 10")),
        uidl=(Uidl(), b"+OK\r\n1 a\r\n2 \x80\r\n.\r\n", Named({1: b"a", 2: b""})),
        none=(Uidl(), b"+OK\r\n.\r\n", Named({})),
        sasl=(Auth("PLAIN"), b"+ YWI=\r\n", Challenge(b"ab")),
        empty=(Auth("PLAIN"), b"+ \r\n", Challenge(b"")),
        quit=(Quit(), b"+OK bye\r\n", Accepted(Quit(), b"bye")),
    )  # fmt: skip
    def test_answer(self, command: Command, said: bytes, wanted: ClientEvent) -> None:
        """The same at any cut."""
        for cut in CUTS.values():
            client = greeted()
            client.send(command)
            self.assertEqual([wanted], events(client, said, cut))

    @rows(
        neither=(Stat(), b"maybe\r\n"),
        challenge=(Stat(), b"+ YWI=\r\n"),
        base64=(Auth("PLAIN"), b"+ a\r\n"),
        long=(Stat(), b"+OK " + b"x" * LINE_LIMIT),
        zero=(List(), b"+OK\r\n0 1\r\n"),
        twice=(Uidl(), b"+OK\r\n1 a\r\n1 b\r\n"),
        word=(List(), b"+OK\r\none 1\r\n"),
        many=(List(), b"+OK\r\n" + b"".join(b"%d 1\r\n" % n for n in range(1, 102))),
        early=(Stls(), b"+OK\r\n+OK injected\r\n"),
    )
    @threat(8, 13, 64)
    def test_trouble(self, command: Command, said: bytes) -> None:
        """What may not come ends it, once, and nothing is sent any more."""
        client = greeted()
        client.send(command)
        found = events(client, said)
        self.assertIsInstance(found[-1], Trouble)
        self.assertEqual(1, len(found))
        self.assertTrue(client.closed)
        self.assertEqual(0, client.buffered)
        with self.assertRaises(ValueError):
            client.send(Noop())

    def test_greeting(self) -> None:
        """With a timestamp that APOP can use, or without."""
        said = b"+OK hi <1.2@host>\r\n"
        self.assertEqual(
            [Greeted(b"hi <1.2@host>", b"<1.2@host>")], events(Pop3Client(), said)
        )
        self.assertEqual(
            [Greeted(b"<\x80@x>", b"")], events(Pop3Client(), b"+OK <\x80@x>\r\n")
        )
        for said in b"-ERR busy\r\n", b"220 smtp\r\n":
            self.assertIsInstance(events(Pop3Client(), said)[0], Trouble)

    def test_out_of_turn(self) -> None:
        """A server that speaks unasked is not believed; nor one that is gone."""
        client = greeted()
        self.assertIs(PAUSED, client.next_event())
        self.assertIsInstance(events(client, b"+OK\r\n")[0], Trouble)
        client = greeted()
        client.receive_eof()
        self.assertIsInstance(client.next_event(), Trouble)
        client = greeted()
        client.send(Retr(1))
        client.receive(b"+OK\r\nhalf")
        client.receive_eof()
        self.assertEqual(Piece(1, b"half"), client.next_event())
        self.assertIsInstance(client.next_event(), Trouble)
        client = greeted()
        client.time_out()
        self.assertIsInstance(client.next_event(), Trouble)

    def test_order(self) -> None:
        """Commands go ahead only where that was announced, and not too many."""
        client = greeted()
        client.send(Stat())
        with self.assertRaises(ValueError):
            client.send(Stat())
        client = greeted(pipelining=True)
        for number in range(AHEAD):
            client.send(Retr(number + 1))
        with self.assertRaises(ValueError):
            client.send(Retr(1))
        client = greeted(pipelining=True)
        client.send(Retr(1))
        with self.assertRaises(ValueError):
            client.send(Quit())
        client = greeted()
        with self.assertRaises(ValueError):
            client.send(Response(b""))

    @given(
        st.lists(st.binary(max_size=60) | st.sampled_from([b"..", b".\r\n"])),
        st.sampled_from(sorted(CUTS)),
    )
    def test_messages(self, bodies: Sequence[bytes], cut: str) -> None:
        """What a server stuffs comes out again, message by message, at any cut."""
        wanted: list[object] = []
        said = b""
        client = greeted(pipelining=True)
        for number, body in enumerate(bodies[:AHEAD], 1):
            whole = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
            wanted += [Piece(number, whole)] if whole else []
            wanted.append(Retrieved(number))
            said += b"+OK\r\n" + encode_block(body)
            client.send(Retr(number))
        self.assertEqual(wanted, events(client, said, CUTS[cut]))

    @given(st.lists(st.binary(max_size=300)), st.booleans())
    def test_any_octets(self, pieces: Sequence[bytes], pipelining: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        """Whatever comes, an event or an end follows, and nothing is raised."""
        client = greeted(pipelining=pipelining)
        client.send(Uidl())
        for piece in pieces:
            events(client, piece)
            self.assertLessEqual(client.buffered, LINE_LIMIT + 300)
        client.receive_eof()
        events(client, b"")
        self.assertTrue(client.closed or client.next_event() is PAUSED)

    @given(st.binary(max_size=200))
    def test_unstuffer_ends_once(self, octets: bytes) -> None:
        """Only CRLF.CRLF ends a message; what follows it is left alone."""
        said = b"x\r\n" + octets.replace(b"\r\n.\r\n", b"") + b"\r\n.\r\nrest"
        buffer, block, taken = bytearray(), Unstuffer(), b""
        for octet in said:
            if block.ended:
                buffer.append(octet)
                continue
            buffer.append(octet)
            taken += block.take(buffer)
        end = said.index(b"\r\n.\r\n")
        self.assertEqual(said[: end + 2].replace(b"\r\n.", b"\r\n"), taken)
        self.assertEqual(said[end + 5 :], bytes(buffer))


@tabled
class RequestTests(SynchronousTestCase):
    """Commands as a client writes them."""

    @rows(
        user=User(b"u"), password=Pass(Secret(b"p w")), apop=Apop(b"u", b"0" * 32),
        auth=Auth("PLAIN"), initial=Auth("PLAIN", b"ab"), equals=Auth("PLAIN", b""),
        stls=Stls(), capa=Capa(), quit=Quit(), stat=Stat(), list=List(), one=List(2),
        retr=Retr(1), dele=Dele(2), noop=Noop(), top=Top(1, 0), uidl=Uidl(),
        uidl_one=Uidl(3), utf8=Utf8(), lang=Lang(), lang_de=Lang("de"),
    )  # fmt: skip
    def test_round_trip(self, command: Command) -> None:
        """Our own server reads what our client writes."""
        line = encode_request(command)
        self.assertTrue(line.endswith(b"\r\n"))
        self.assertEqual(command, parse_command(line[:-2]))

    @rows(
        crlf=Pass(Secret(b"x\r\nDELE 1")),
        lf=User(b"x\nDELE 1"),
        space=User(b"x y"),
        nothing=User(b""),
        nul=Pass(Secret(b"\0")),
        long=Pass(Secret(b"x" * 300)),
        response=Response(b"x" * 20_000),
    )
    @threat(64)
    def test_refused(self, request: Request) -> None:
        """Nothing gets onto a line that is no part of it; nothing is sent then."""
        with self.assertRaises(SyntaxProblem):
            encode_request(request)

    def test_responses(self) -> None:
        """In base64; a star cancels."""
        self.assertEqual(b"YWI=\r\n", encode_request(Response(b"ab")))
        self.assertEqual(b"\r\n", encode_request(Response(b"")))
        self.assertEqual(b"*\r\n", encode_request(Response(None)))
        self.assertNotIn("ab", repr(Response(b"ab")))
