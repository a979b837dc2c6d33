"""POP3 sessions over the store in memory: what clients are promised."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.interfaces import Refusal
from mailapp.core.output import Stream
from mailapp.core.peer import TLS, Peer
from mailapp.pop3 import replies
from mailapp.pop3.protocol import REFUSAL
from mailapp.storage.types import BlobRef, NoSpace, NoSuch, Unavailable
from tests.play import Wire
from tests.rows import rows, tabled
from tests.svt import make_message
from tests.threats import threat
from tests.unit.pop.support import ask, now
from tests.unit.pop3.support import LOGIN, Server


class MaildropTests(SynchronousTestCase):
    """RFC 1939, sections 4 to 6."""

    @threat(75)
    def test_in_use(self) -> None:
        """The second session is told [IN-USE] (RFC 2449, section 8.1.2)."""
        server = Server(b"a\r\n")
        first = server.login()
        second = server.connect()
        self.assertIn(b"\r\n-ERR [IN-USE] ", ask(second, LOGIN[:-2]))
        self.assertEqual(1, server.user.logged_in)
        ask(first, b"QUIT")
        self.assertIn(b"\r\n+OK maildrop has 1 ", ask(second, LOGIN[:-2]))

    @threat(75, 77)
    def test_gone_between_dele_and_quit(self) -> None:
        """Who goes without QUIT removes nothing, and the maildrop is free again."""
        for end in (Wire.client_closes, Wire.time_out):
            server = Server(b"a\r\n", b"b\r\n")
            wire = server.login()
            self.assertTrue(ask(wire, b"DELE 1").startswith(b"+OK"))
            wire.feed(b"QUIT")
            end(wire)
            self.assertEqual(b"", wire.take())
            self.assertEqual([b"a\r\n", b"b\r\n"], server.bodies())
            self.assertEqual(0, server.user.logged_in)
            server.login()

    def test_quit(self) -> None:
        """QUIT removes what was marked; the reply comes when it is gone."""
        server = Server(b"a\r\n", b"b\r\n", b"c\r\n")
        wire = server.login()
        ask(wire, b"DELE 1\r\nDELE 3")
        self.assertEqual(replies.BYE.octets, ask(wire, b"QUIT"))
        self.assertTrue(wire.closed)
        self.assertEqual([b"b\r\n"], server.bodies())
        self.assertEqual(0, server.user.logged_in)

    def test_quit_waits(self) -> None:
        """As long as the store works on the removal nothing is said (promise 1)."""
        server = Server(b"a\r\n")
        commit = server.account.commit
        disk: Deferred[None] = Deferred()

        async def slow(*args: Any, **kwargs: Any) -> Any:
            await disk
            return await commit(*args, **kwargs)

        server.account.commit = slow  # type: ignore[method-assign]
        wire = server.login()
        ask(wire, b"DELE 1")
        self.assertEqual(b"", ask(wire, b"QUIT"))
        disk.callback(None)
        self.assertEqual(replies.BYE.octets, wire.take())
        self.assertEqual([], server.bodies())

    def test_gone_while_quitting(self) -> None:
        """Who goes during the removal does not unlock the maildrop under it."""
        server = Server(b"a\r\n")
        commit = server.account.commit
        disk: Deferred[None] = Deferred()

        async def slow(*args: Any, **kwargs: Any) -> Any:
            await disk
            return await commit(*args, **kwargs)

        server.account.commit = slow  # type: ignore[method-assign]
        wire = server.login()
        ask(wire, b"DELE 1\r\nQUIT")
        wire.session.closed()
        self.assertIn(b"[IN-USE]", ask(server.connect(), LOGIN[:-2]))
        disk.callback(None)
        self.assertEqual([], server.bodies())
        self.assertEqual(0, server.user.logged_in)
        server.login()

    def test_waits_for_the_lock(self) -> None:
        """Who comes while another session ends gets the maildrop after it."""
        server = Server(b"a\r\n")
        server.pause = server.wait
        first, second = server.login(), server.connect()
        self.assertEqual(1, ask(second, LOGIN[:-2]).count(b"+OK "))
        server.clock.advance(1)
        self.assertEqual(b"", second.take())
        ask(first, b"QUIT")
        server.clock.advance(1)
        self.assertIn(b"+OK maildrop has 1 ", second.take())

    def test_does_not_wait_for_ever(self) -> None:
        """After some seconds the maildrop is said to be in use."""
        server = Server(b"a\r\n")
        server.pause = server.wait
        server.login()
        second = server.connect()
        second.feed(LOGIN)
        server.clock.pump([0.1] * 60)
        self.assertIn(b"[IN-USE]", second.take())

    @threat(75)
    def test_gone_while_locking(self) -> None:
        """Who goes while the maildrop is being locked leaves no lock behind."""
        server = Server(b"a\r\n")
        lease = server.account.lease
        disk: Deferred[None] = Deferred()

        async def slow(*args: Any) -> Any:
            await disk
            return await lease(*args)

        server.account.lease = slow  # type: ignore[method-assign,assignment]
        wire = server.connect()
        wire.feed(LOGIN)
        wire.session.closed()
        disk.callback(None)
        self.assertEqual(0, server.user.logged_in)
        server.account.lease = lease  # type: ignore[method-assign]
        server.login()

    def test_quit_fails(self) -> None:
        """If the store fails, QUIT says so, nothing is gone, and the lock is."""
        server = Server(b"a\r\n")

        async def fail(*_args: object, **_kwargs: object) -> Any:
            raise NoSpace

        commit, server.account.commit = server.account.commit, fail  # type: ignore[method-assign]
        wire = server.login()
        ask(wire, b"DELE 1")
        self.assertEqual(replies.NOT_REMOVED.octets, ask(wire, b"QUIT"))
        self.assertTrue(wire.closed)
        server.account.commit = commit  # type: ignore[method-assign]
        self.assertEqual([b"a\r\n"], server.bodies())
        server.login()

    @threat(75)
    def test_lock_lost(self) -> None:
        """A session whose lease ran out is told so and ends; it removes nothing."""
        server = Server(b"a\r\n")
        wire = server.login()
        ask(wire, b"DELE 1")
        server.clock.advance(10_000)
        other = server.login()
        self.assertEqual(replies.LOCK_LOST.octets, ask(wire, b"QUIT"))
        self.assertTrue(wire.closed)
        self.assertEqual([b"a\r\n"], server.bodies())
        self.assertEqual(b"+OK 1 3\r\n", ask(other, b"STAT"))

    def test_lock_kept(self) -> None:
        """A client that says something every ten minutes keeps its maildrop."""
        server = Server(b"a\r\n")
        wire = server.login()
        for _ in range(10):
            server.clock.advance(600)
            self.assertTrue(ask(wire, b"NOOP").startswith(b"+OK"))
        self.assertIn(b"[IN-USE]", ask(server.connect(), LOGIN[:-2]))

    @threat(78)
    def test_concurrent_expunge(self) -> None:
        """A message that another removed is [SYS/TEMP]; the others are as before."""
        server = Server(b"a\r\n", b"b\r\n", b"c\r\n")
        wire = server.login()
        server.expunge(2)
        for command in (b"RETR 2", b"TOP 2 1"):
            self.assertTrue(ask(wire, command).startswith(b"-ERR [SYS/TEMP] "))
        self.assertEqual(b"+OK 3 octets\r\nc\r\n.\r\n", ask(wire, b"RETR 3"))
        ask(wire, b"DELE 2\r\nDELE 3")
        self.assertEqual(replies.BYE.octets, ask(wire, b"QUIT"))
        self.assertEqual([b"a\r\n"], server.bodies())

    @threat(76)
    def test_unique_ids(self) -> None:
        """UIDL gives the same in each session, whatever is removed or arrives."""
        server = Server(b"a\r\n", b"b\r\n", b"c\r\n")
        seen = ask(server.login(), b"UIDL\r\nDELE 1\r\nQUIT").split(b"\r\n")[1:4]
        server.deliver(b"d\r\n")
        again = ask(server.login(), b"UIDL").split(b"\r\n")[1:4]
        self.assertEqual(
            [line.split()[1] for line in seen[1:]],
            [line.split()[1] for line in again[:2]],
        )
        self.assertNotIn(again[2].split()[1], [line.split()[1] for line in seen])

    def test_long_listings(self) -> None:
        """10,000 rows come in pieces of some 64 KiB, marked ones left out."""
        server = Server(*[b"a\r\n"] * 10_000)
        wire = server.login()
        ask(wire, b"DELE 1\r\nDELE 4000\r\nDELE 10000")
        wanted = [n for n in range(1, 10_001) if n not in {1, 4000, 10_000}]
        for command in (b"LIST", b"UIDL"):
            status, *lines, dot, end = ask(wire, command).split(b"\r\n")
            self.assertEqual((b".", b""), (dot, end))
            self.assertTrue(status.startswith(b"+OK 9997 messages"))
            self.assertEqual(wanted, [int(line.split()[0]) for line in lines])

    def test_large_message(self) -> None:
        """A message of many chunks is the same octet for octet, as is its TOP."""
        body = make_message("dots:200000")
        wire = Server(body).login()
        got = ask(wire, b"RETR 1")
        self.assertTrue(got.startswith(b"+OK 200000 octets\r\n"))
        lines = got.removesuffix(b".\r\n").split(b"\r\n", 1)[1]
        self.assertEqual(body, lines.replace(b"\r\n.", b"\r\n"))
        block = got.split(b"\r\n", 1)[1]
        self.assertEqual(block, ask(wire, b"TOP 1 9999").split(b"\r\n", 1)[1])
        top = ask(wire, b"TOP 1 1").split(b"\r\n", 1)[1]
        self.assertEqual(b"Subject: x\r\n\r\n..\r\n.\r\n", top)

    def test_one_write(self) -> None:
        """A message of one chunk leaves in one write."""
        server = Server(make_message("4096"))
        wire = server.login()
        wire.connection.receive(b"RETR 1\r\n")
        answer = now(wire.session.respond(wire.connection.next_event()))
        (octets,) = wire.connection.send(answer)
        self.assertNotIsInstance(octets, Stream)

    def test_breaks_off(self) -> None:
        """A message that fails in the middle gets no end that looks like one."""
        server = Server(make_message("4096"))
        read = server.account.read

        async def fail(blob: BlobRef) -> AsyncIterator[bytes]:
            async for chunk in read(blob):
                yield chunk[:100]
            raise Unavailable

        server.account.read = fail  # type: ignore[method-assign,assignment]
        server.account.at_hand = lambda blob: None  # type: ignore[method-assign]
        wire = server.login()
        wire.connection.receive(b"RETR 1\r\n")
        answer = now(wire.session.respond(wire.connection.next_event()))
        _head, stream = wire.connection.send(answer)
        assert isinstance(stream, Stream)
        with self.assertRaises(Unavailable):
            now(stream.chunks.__anext__())


@tabled
class LoginTests(SynchronousTestCase):
    """Who comes in."""

    @threat(29)
    def test_clear(self) -> None:
        """In the clear right and wrong get the same, and nothing is evaluated."""
        server = Server(b"a\r\n")
        server.authenticator.in_clear = False
        said = set()
        for commands in (
            (b"USER u", b"PASS p w", b"AUTH PLAIN AHUAcCB3"),
            (b"USER nobody", b"PASS wrong", b"AUTH PLAIN AHgAeQ=="),
        ):
            wire = server.connect()
            said.add(b"".join(ask(wire, command) for command in commands))
        self.assertEqual(1, len(said))
        self.assertNotIn(b"+OK", said.pop())
        self.assertEqual(0, server.authenticator.evaluated)

    def test_implicit_tls(self) -> None:
        """On port 995 the password is welcome at once, and STLS is not offered."""
        server = Server(b"a\r\n")
        server.authenticator.in_clear = False
        wire = server.connect(Peer("192.0.2.1", tls=TLS()))
        capabilities = ask(wire, b"CAPA")
        self.assertIn(b"\r\nUSER\r\n", capabilities)
        self.assertNotIn(b"STLS", capabilities)
        self.assertTrue(ask(wire, b"STLS").startswith(b"-ERR"))
        self.assertIn(b"+OK maildrop has", ask(wire, LOGIN[:-2]))

    @rows(
        credentials=(Refusal.CREDENTIALS, b"-ERR [AUTH] "),
        throttled=(Refusal.THROTTLED, b"-ERR [LOGIN-DELAY] "),
        unavailable=(Refusal.UNAVAILABLE, b"-ERR [SYS/TEMP] "),
        mechanism=(Refusal.MECHANISM, b"-ERR mech"),
        syntax=(Refusal.SYNTAX, b"-ERR mal"),
        cancelled=(Refusal.CANCELLED, b"-ERR auth"),
    )
    def test_refusals(self, refusal: Refusal, start: bytes) -> None:
        """Each reason has its response code; the client may try again."""
        server = Server()
        server.authenticator.refusal = refusal
        wire = server.connect()
        ask(wire, b"USER nobody")
        self.assertTrue(ask(wire, b"PASS x").startswith(start))
        self.assertIn(b"+OK maildrop has", ask(wire, LOGIN[:-2]))

    @rows(
        unavailable=(Unavailable(), b"[SYS/TEMP] "),
        missing=(NoSuch(), b"[SYS/PERM] "),
        bug=(ValueError("a bug"), b"[SYS/TEMP] "),
    )
    def test_no_maildrop(self, trouble: Exception, code: bytes) -> None:
        """A maildrop that can't be opened is no problem of the credentials."""
        server = Server()
        server.user.trouble = trouble
        wire = server.connect()
        self.assertIn(b"\r\n-ERR " + code, ask(wire, LOGIN[:-2]))
        self.assertEqual(0, server.user.logged_in)
        self.flushLoggedErrors(ValueError)
        server.user.trouble = None
        self.assertIn(b"+OK maildrop has", ask(wire, LOGIN[:-2]))

    @threat(42)
    def test_bad_base64(self) -> None:
        """Base64 that is none ends one exchange and disturbs no other."""
        server = Server(b"a\r\n")
        wires = [server.connect() for _ in range(100)]
        for wire in wires:
            self.assertEqual(b"+ \r\n", ask(wire, b"AUTH PLAIN"))
        for wire in wires[1:]:
            self.assertTrue(ask(wire, b"\xff\0====").startswith(b"-ERR "))
        self.assertIn(b"+OK maildrop", ask(wires[0], b"AHUAcCB3"))

    def test_apop_off(self) -> None:
        """Without APOP the greeting has no timestamp and the command is refused."""
        wire = Server().connect()
        digest = b"c4c9334bac560ecc979e58001b3e22fb"
        self.assertEqual(replies.NO_APOP.octets, ask(wire, b"APOP u " + digest))

    def test_apop_timestamps(self) -> None:
        """10,000 greetings hold 10,000 different msg-ids (RFC 822)."""
        server = Server()
        server.authenticator.apop_on = True
        seen = set()
        for _ in range(10_000):
            server.connect()
            greeting = rb"\+OK [^<>]* (<[A-Za-z0-9]+@[a-z.]+>)\r\n"
            match = re.fullmatch(greeting, server.greeting)
            assert match is not None
            seen.add(match[1])
        self.assertEqual(10_000, len(seen))

    def test_refusal(self) -> None:
        """Over the limit of connections a client is told to come back."""
        self.assertTrue(REFUSAL.startswith(b"-ERR [SYS/TEMP] "))
