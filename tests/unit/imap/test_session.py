"""IMAP sessions over the store in memory: logging in, and what needs no mailbox."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.peer import TLS, Peer
from mailapp.imap.limits import Limits
from mailapp.imap.protocol import REFUSAL
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.support import Server, ask

PLAIN = base64.b64encode(b"\0u\0p w")


@tabled
class LoginTests(SynchronousTestCase):
    """RFC 9051, section 6.2."""

    def test_greeting(self) -> None:
        """The greeting says what there is, and no version (threat 73)."""
        server = Server()
        server.connect()
        self.assertEqual(
            b"* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID STARTTLS"
            b" AUTH=PLAIN] mail.example.test is ready\r\n",
            server.greeting,
        )

    @threat(29)
    def test_in_clear(self) -> None:
        """Where no password is taken, LOGINDISABLED is said and none is looked at."""
        server = Server()
        server.authenticator.in_clear = False
        wire = server.connect()
        self.assertIn(b" LOGINDISABLED]", server.greeting)
        self.assertNotIn(b"AUTH=", server.greeting)
        for command in (b'a LOGIN u "p w"', b"a AUTHENTICATE PLAIN " + PLAIN):
            self.assertTrue(ask(wire, command).startswith(b"a NO [PRIVACYREQUIRED] "))
        self.assertEqual(0, server.authenticator.evaluated)

    @rows(
        quoted=b'a LOGIN u "p w"',
        literal=b"a LOGIN {1+}\r\nu {3+}\r\np w",
        initial=b"a AUTHENTICATE PLAIN " + PLAIN,
        case=b"a authenticate plain " + PLAIN,
    )
    def test_login(self, command: bytes) -> None:
        """Each way in ends with the capabilities of those who are in."""
        server = Server()
        wire = server.connect()
        reply = ask(wire, command)
        self.assertTrue(reply.startswith(b"a OK [CAPABILITY IMAP4rev1 "), reply)
        self.assertIn(b" IDLE ", reply)
        self.assertNotIn(b"AUTH=", reply)
        self.assertEqual(1, server.user.logged_in)
        self.assertEqual(b"b BAD already logged in\r\n", ask(wire, b"b LOGIN u x"))
        ask(wire, b"c SELECT INBOX")
        self.assertEqual(b"d BAD already logged in\r\n", ask(wire, b"d LOGIN u x"))
        reply = b"e BAD unselect the mailbox first\r\n"
        self.assertEqual(reply, ask(wire, b"e ENABLE QRESYNC"))
        wire.client_closes()
        self.assertEqual(0, server.user.logged_in)

    def test_challenge(self) -> None:
        """Without an initial response there is an empty challenge."""
        wire = Server().connect()
        self.assertEqual(b"+ \r\n", ask(wire, b"a AUTHENTICATE PLAIN"))
        self.assertTrue(ask(wire, PLAIN).startswith(b"a OK "))

    @threat(42)
    def test_exchange_ends(self) -> None:
        """What is wrong with a response ends the exchange and nothing else."""
        wire = Server().connect()
        for response in (b"*", b"!!", b"x" * 13000):
            ask(wire, b"a AUTHENTICATE PLAIN")
            self.assertTrue(ask(wire, response).startswith(b"a BAD "), response[:9])
        self.assertTrue(ask(wire, b'b LOGIN u "p w"').startswith(b"b OK "))

    @threat(43)
    def test_endless_response(self) -> None:
        """A response without an end is not kept; the connection ends."""
        wire = Server().connect()
        ask(wire, b"a AUTHENTICATE PLAIN")
        for _ in range(10):
            wire.feed(b"A" * 4096)
        self.assertIn(b"* BYE ", wire.take())
        self.assertTrue(wire.closed)
        self.assertEqual(0, wire.connection.buffered)

    def test_failed_logins(self) -> None:
        """The fifth wrong password is the last one."""
        wire = Server().connect()
        for _ in range(4):
            reply = ask(wire, b"a LOGIN u wrong")
            self.assertEqual(
                b"a NO [AUTHENTICATIONFAILED] wrong name or password\r\n", reply
            )
        self.assertIn(b"\r\n* BYE ", ask(wire, b"a LOGIN u wrong"))
        self.assertTrue(wire.closed)

    def test_disabled(self) -> None:
        """An account that was disabled is out within a second (threat 48)."""
        server = Server()
        wire = server.login()
        server.user.valid = False
        server.clock.advance(2)
        self.assertIn(b"* BYE [EXPIRED] ", ask(wire, b"a NOOP"))
        self.assertTrue(wire.closed)


class StartTlsTests(SynchronousTestCase):
    """RFC 9051, section 6.2.1."""

    def test_starttls(self) -> None:
        """After the handshake it is no longer offered, and passwords are taken."""
        server = Server()
        server.authenticator.in_clear = False
        wire = server.connect()
        self.assertEqual(b"a OK begin TLS now\r\n", ask(wire, b"a STARTTLS"))
        wire.start_tls(TLS())
        reply = ask(wire, b"b CAPABILITY")
        self.assertNotIn(b"STARTTLS", reply)
        self.assertIn(b" AUTH=PLAIN\r\n", reply)
        self.assertEqual(b"c BAD TLS is active already\r\n", ask(wire, b"c STARTTLS"))
        self.assertTrue(ask(wire, b'd LOGIN u "p w"').startswith(b"d OK "))

    @threat(7)
    def test_injection(self) -> None:
        """What comes behind STARTTLS in the clear is never carried out."""
        for octets in (b"a STARTTLS\r\nb NOOP\r\n", b"a STARTTLS\r\nb"):
            wire = Server().connect()
            wire.feed(octets)
            self.assertTrue(wire.take().startswith(b"* BYE "))
            self.assertTrue(wire.closed)


@tabled
class CommandTests(SynchronousTestCase):
    """What needs no mailbox."""

    @rows(
        noop=(b"NOOP", b""),
        id=(b'ID ("name" "x" "os" NIL)', b'* ID ("name" "mailapp")\r\n'),
        id_nil=(b"id nil", b'* ID ("name" "mailapp")\r\n'),
        enable=(b"ENABLE IMAP4rev2 X-UNKNOWN", b"* ENABLED IMAP4rev2\r\n"),
        nothing=(b"ENABLE X", b"* ENABLED\r\n"),
        namespace=(b"NAMESPACE", b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
    )
    def test_command(self, command: bytes, untagged: bytes) -> None:
        """The untagged response comes first, then OK."""
        reply = ask(Server().login(), b"t " + command)
        self.assertTrue(reply.startswith(untagged + b"t OK "), reply)

    def test_logout(self) -> None:
        """BYE, OK, and the connection ends."""
        wire = Server().connect()
        self.assertEqual(
            b"* BYE logging out\r\na OK goodbye\r\n", ask(wire, b"a LOGOUT")
        )
        self.assertTrue(wire.closed)

    def test_idle(self) -> None:
        """DONE ends it; anything else ends it as a mistake."""
        wire = Server().login()
        self.assertEqual(b"+ idling\r\n", ask(wire, b"a IDLE"))
        self.assertEqual(b"a OK done\r\n", ask(wire, b"done"))
        ask(wire, b"b IDLE")
        self.assertEqual(b"b BAD DONE was expected\r\n", ask(wire, b"c NOOP"))
        self.assertTrue(ask(wire, b"d NOOP").startswith(b"d OK "))

    @rows(
        unknown=(b"a XYZZY", b"a BAD unknown command\r\n"),
        none=(b"a", b"a BAD a space is missing\r\n"),
        early=(b"a NAMESPACE", b"a BAD log in first\r\n"),
        empty=(b"", b"* BAD a command begins with a tag\r\n"),
        plus=(b"+ NOOP", b"* BAD a command begins with a tag\r\n"),
        star=(b"* NOOP", b"* BAD a command begins with a tag\r\n"),
        space=(b" a NOOP", b"* BAD a command begins with a tag\r\n"),
        more=(b"a NOOP x", b"a BAD unexpected characters at the end\r\n"),
    )
    @threat(66)
    def test_mistakes(self, command: bytes, reply: bytes) -> None:
        """A mistake is told behind its tag, or behind ``*`` if it has none."""
        self.assertEqual(reply, ask(Server().connect(), command))

    def test_long_tag(self) -> None:
        """A tag without an end is not repeated."""
        reply = ask(Server().connect(), b"a" * 1000 + b" NOOP")
        self.assertEqual(b"a" * 64 + b" BAD the tag is too long\r\n", reply)

    def test_too_many_mistakes(self) -> None:
        """Who only makes mistakes is told goodbye; one good command pardons all."""
        wire = Server(limits=Limits(bad_commands=3)).connect()
        for command in (b"a X", b"a X", b"a NOOP", b"a X", b"a X"):
            ask(wire, command)
        self.assertFalse(wire.closed)
        self.assertIn(b"* BYE ", ask(wire, b"a X"))
        self.assertTrue(wire.closed)

    @threat(32)
    def test_browser(self) -> None:
        """An HTTP request is no mistake to be patient with, and is not repeated."""
        wire = Server().connect()
        reply = ask(wire, b"GET /<script> HTTP/1.1")
        self.assertTrue(reply.startswith(b"* BYE "), reply)
        self.assertNotIn(b"script", reply)
        self.assertTrue(wire.closed)

    @threat(73)
    def test_id_fields(self) -> None:
        """More than 30 fields, or long ones, are refused; no version is ever told."""
        wire = Server().connect()
        many = b" ".join([b'"a" "b"'] * 31)
        for fields in (many, b'"a" "%b"' % (b"x" * 1025), b'"%b" NIL' % (b"x" * 31)):
            self.assertTrue(ask(wire, b"a ID (" + fields + b")").startswith(b"a BAD "))
        good = b" ".join([b'"a" "b"'] * 30)
        reply = ask(wire, b"a ID (" + good + b")")
        self.assertEqual(b'* ID ("name" "mailapp")', reply.split(b"\r\n")[0])

    @threat(65)
    def test_pipelined(self) -> None:
        """Commands in one segment are answered as one by one, in order."""
        script = [b"a NOOP", b'b LOGIN u "p w"', b"c IDLE", b"DONE", b"d NAMESPACE"]
        one = Server().connect()
        slow = b"".join(ask(one, command) for command in script)
        fast = ask(Server().connect(), b"\r\n".join(script))
        self.assertEqual(slow, fast)

    def test_refusal(self) -> None:
        """What is said to a connection too many is a greeting."""
        self.assertTrue(REFUSAL.startswith(b"* BYE [LIMIT] "))

    def test_tls_from_the_start(self) -> None:
        """On port 993 STARTTLS is neither offered nor taken."""
        server = Server()
        wire = server.connect(Peer("192.0.2.1", tls=TLS()))
        self.assertNotIn(b"STARTTLS", server.greeting)
        self.assertTrue(ask(wire, b"a STARTTLS").startswith(b"a BAD "))
