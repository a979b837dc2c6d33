"""POP2 sessions over the store in memory: what clients are promised."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.interfaces import Refusal
from mailapp.core.peer import TLS, Peer
from mailapp.pop2 import mailboxes, replies
from mailapp.pop2.connection import Limits
from mailapp.storage.types import INBOX_ID, NoSpace, Unavailable
from tests.play import Wire
from tests.rows import rows, tabled
from tests.svt import make_message
from tests.threats import threat
from tests.unit.pop.support import ask, now
from tests.unit.pop2.support import LOGIN, Server

_A: bytes = b"a\r\n"
_B: bytes = b"bb\r\n"
_ARCHIVE = ("Archive",)


def mark_first(wire: Wire) -> None:
    """READ, RETR and ACKD."""
    assert ask(wire, b"READ 1\r\nRETR\r\nACKD").startswith(b"=")


class MarkTests(SynchronousTestCase):
    """Who deletes what, and when (RFC 937, page 9)."""

    @threat(75, 77)
    def test_gone_between_ackd_and_quit(self) -> None:
        """Who goes without QUIT deletes nothing, and the mailbox is free again."""
        garbage = b"- unknown command\r\n"
        for end, said in (
            (Wire.client_closes, b""),
            (Wire.time_out, replies.TIMED_OUT.octets),
            (lambda wire: wire.feed(b"XYZZY\r\n"), garbage),
            (lambda wire: wire.feed(b"READ 9\r\nRETR\r\n"), b"=0 no message\r\n"),
        ):
            server = Server(_A, _B)
            wire = server.login()
            mark_first(wire)
            end(wire)
            self.assertEqual(said, wire.take())
            self.assertTrue(wire.closed)
            self.assertEqual([_A, _B], server.bodies())
            self.assertEqual(0, server.user.logged_in)
            server.login()

    def test_quit(self) -> None:
        """After the "+" of QUIT what was marked is gone."""
        server = Server(_A, _B)
        wire = server.login()
        mark_first(wire)
        self.assertEqual(b"+ bye\r\n", ask(wire, b"QUIT"))
        self.assertTrue(wire.closed)
        self.assertEqual([_B], server.bodies())
        self.assertEqual(0, server.user.logged_in)

    def test_quit_waits(self) -> None:
        """Nothing is said before all is gone, and nothing unlocked under the store."""
        server = Server(_A)
        commit = server.account.commit
        disk: Deferred[None] = Deferred()

        async def slow(*args: Any, **kwargs: Any) -> Any:
            await disk
            return await commit(*args, **kwargs)

        server.account.commit = slow  # type: ignore[method-assign]
        wire = server.login()
        mark_first(wire)
        self.assertEqual(b"", ask(wire, b"QUIT"))
        wire.session.closed()
        self.assertEqual(replies.IN_USE.octets, ask(server.connect(), LOGIN[:-2]))
        disk.callback(None)
        self.assertEqual([], server.bodies())
        self.assertEqual(0, server.user.logged_in)

    def test_fold_removes(self) -> None:
        """FOLD deletes what was marked before; another mailbox has its own marks."""
        server = Server(_A, _B)
        server.deliver(_A, _ARCHIVE)
        wire = server.login()
        mark_first(wire)
        self.assertTrue(ask(wire, b"FOLD Archive").startswith(b"#1"))
        self.assertEqual([_B], server.bodies())
        mark_first(wire)
        self.assertTrue(ask(wire, b"FOLD nowhere").startswith(b"#0"))
        self.assertEqual([], server.bodies(_ARCHIVE))
        self.assertEqual(b"=0 no message\r\n", ask(wire, b"READ 1"))

    def test_gone_while_folding(self) -> None:
        """Who goes while a mailbox is being opened leaves no lock and no login."""
        server = Server(_A)
        server.deliver(_A, _ARCHIVE)
        wire = server.login()
        folders = server.account.folders
        disk: Deferred[None] = Deferred()

        async def slow() -> Any:
            await disk
            return await folders()

        server.account.folders = slow  # type: ignore[method-assign]
        wire.feed(b"FOLD Archive\r\n")
        wire.session.closed()
        disk.callback(None)
        self.assertEqual({}, server.account.leases)
        self.assertEqual(0, server.user.logged_in)

    def test_removal_fails(self) -> None:
        """If the store fails, QUIT and FOLD say so; nothing is gone but the lock."""
        for command in (b"QUIT", b"FOLD INBOX"):
            server = Server(_A)

            async def fail(*_args: object, **_kwargs: object) -> Any:
                raise NoSpace

            wire = server.login()
            mark_first(wire)
            server.account.commit = fail  # type: ignore[method-assign]
            self.assertEqual(replies.NOT_REMOVED.octets, ask(wire, command))
            self.assertTrue(wire.closed)
            self.assertEqual([_A], server.bodies())
            server.login()

    @threat(75)
    def test_lock_lost(self) -> None:
        """A session whose lease ran out is told so and ends; it removes nothing."""
        server = Server(_A)
        wire = server.login()
        mark_first(wire)
        server.clock.advance(10_000)
        server.login()
        self.assertEqual(replies.LOCK_LOST.octets, ask(wire, b"QUIT"))
        self.assertEqual([_A], server.bodies())

    @threat(78)
    def test_concurrent_expunge(self) -> None:
        """A message that another removed is =0; the others are as before."""
        server = Server(_A, _B, b"ccc\r\n")
        wire = server.login()
        server.expunge(2)
        self.assertEqual(b"=0 no message\r\n", ask(wire, b"READ 2"))
        self.assertEqual(b"=5 characters\r\nccc\r\n", ask(wire, b"READ 3\r\nRETR"))

    @threat(78)
    def test_vanishes_before_retr(self) -> None:
        """A large one that goes between READ and RETR closes without a word."""
        server = Server(make_message("100000"))
        wire = server.login()
        self.assertEqual(b"=100000 characters\r\n", ask(wire, b"READ 1"))
        server.expunge(1)
        self.assertEqual(b"", ask(wire, b"RETR"))
        self.assertTrue(wire.closed)

    def test_account_closed(self) -> None:
        """A session of an account that was disabled ends, and removes nothing."""
        server = Server(_A)
        wire = server.login()
        mark_first(wire)
        server.user.valid = False
        session: Any = wire.session
        self.assertFalse(now(session.still_welcome()))
        self.assertEqual(replies.ACCOUNT_GONE.octets, ask(wire, b"QUIT"))
        self.assertEqual([_A], server.bodies())

    def test_account_closed_while_silent(self) -> None:
        """It is told why it has to go, without a command."""
        wire = Server(_A).login()
        wire.dismiss()
        self.assertEqual(replies.ACCOUNT_GONE.octets, wire.take())


@tabled
class LoginTests(SynchronousTestCase):
    """Who comes in."""

    @threat(29, 51)
    def test_clear(self) -> None:
        """In the clear right and wrong get the same, and nothing is evaluated."""
        server = Server(_A)
        server.authenticator.in_clear = False
        for words in (b"HELO u p\\ w", b"HELO nobody wrong"):
            wire = server.connect()
            self.assertEqual(replies.PRIVACY_FIRST.octets, ask(wire, words))
            self.assertTrue(wire.closed)
        self.assertEqual(0, server.authenticator.evaluated)
        wire = server.connect(Peer("192.0.2.1", tls=TLS()))
        self.assertEqual(b"#1 message\r\n", ask(wire, LOGIN[:-2]))

    @rows(**{refusal.name.lower(): refusal for refusal in Refusal})
    def test_refused(self, refusal: Refusal) -> None:
        """Every refusal is a "-" and the end; nobody tries twice on a connection."""
        server = Server(_A)
        server.authenticator.refusal = refusal
        wire = server.connect()
        self.assertRegex(ask(wire, b"HELO u wrong"), rb"\A- [ -~]+\r\n\Z")
        self.assertTrue(wire.closed)

    def test_in_use(self) -> None:
        """The second session waits some seconds, then is told and closed."""
        server = Server(_A)
        server.pause = server.wait
        first, second = server.login(), server.connect()
        self.assertEqual(b"", ask(second, LOGIN[:-2]))
        server.clock.pump([0.1] * 60)
        self.assertEqual(replies.IN_USE.octets, second.take())
        self.assertTrue(second.closed)
        self.assertEqual(1, server.user.logged_in)
        third = server.connect()
        third.feed(LOGIN)
        ask(first, b"QUIT")
        server.clock.pump([0.1] * 2)
        self.assertEqual(b"#1 message\r\n", third.take())

    def test_other_mailbox_is_free(self) -> None:
        """A mailbox that nobody has selected can be had by FOLD."""
        server = Server(_A)
        server.deliver(_B, _ARCHIVE)
        first = server.login()
        self.assertEqual(b"#1 message\r\n", ask(first, b"FOLD Archive"))
        second = server.login()
        self.assertEqual(replies.IN_USE.octets, ask(second, b"FOLD Archive"))

    @rows(trouble=Unavailable(), bug=ValueError("a bug"))
    def test_trouble(self, trouble: Exception) -> None:
        """A mailbox that can't be opened ends the session, and is free again."""
        server = Server(_A)
        server.user.trouble = trouble
        wire = server.connect()
        self.assertTrue(ask(wire, LOGIN[:-2]).startswith(b"- "))
        self.assertTrue(wire.closed)
        self.assertEqual(0, server.user.logged_in)
        self.flushLoggedErrors(ValueError)

    def test_limits(self) -> None:
        """60 seconds to HELO, 5 minutes after it, unless told otherwise."""
        for limits, login, idle in ((None, 60.0, 300.0), (Limits(1, 2), 1, 2)):
            server = Server(limits=limits)
            wire = server.connect()
            self.assertEqual(login, wire.connection.timeout)
            ask(wire, LOGIN[:-2])
            self.assertEqual(idle, wire.connection.timeout)

    def test_drain(self) -> None:
        """A server that goes down says so, after the answer that is due."""
        server = Server(_A)
        wire = server.login()
        (said,) = wire.connection.drain()
        self.assertEqual(replies.GOING_DOWN.octets, said)
        self.assertTrue(wire.connection.wants_close)
        wire.client_closes()
        wire = server.login()
        wire.connection.receive(b"READ\r\n")
        event = wire.connection.next_event()
        self.assertEqual((), tuple(wire.connection.drain()))
        said = b"".join(
            part
            for part in wire.connection.send(now(wire.session.respond(event)))
            if isinstance(part, bytes)
        )
        self.assertEqual(b"=3 characters\r\n" + replies.GOING_DOWN.octets, said)


@tabled
class NameTests(SynchronousTestCase):
    """What FOLD calls a mailbox."""

    @rows(
        inbox=(b"INBOX", ("INBOX",)),
        inbox_case=(b"inbox", ("INBOX",)),
        plain=(b"Archive", ("Archive",)),
        spaces=(b"My Box", ("My Box",)),
        slash=(b"Work/2024", ("Work", "2024")),
        period=(b"Work.2024", ("Work", "2024")),
        below_inbox=(b"inbox.Sub", ("INBOX", "Sub")),
        period_in_name=(b"a.b", ("a.b",)),
        utf7=(b"Entw&APw-rfe", ("Entwürfe",)),
        utf7_ampersand=(b"A&-B", ("A&B",)),
        utf7_slash=(b"&,wA-/x", ("\uff00", "x")),
    )
    def test_found(self, mailbox: bytes, name: tuple[str, ...]) -> None:
        """INBOX is blind to case; levels are parted by "/" or "."."""
        server = Server()
        server.deliver(_A, ("other",))
        server.deliver(_B, name)
        folders = now(server.account.folders())
        (wanted,) = (folder.id for folder in folders if folder.name == name)
        self.assertEqual(wanted, mailboxes.find(mailbox, folders))

    @rows(
        case=b"archive",
        up=b"../../etc/passwd",
        empty_level=b"Work//2024",
        half=b"Work",
        absolute=b"/Archive",
        other_account=b"bob@example.test/INBOX",
    )
    def test_not_found(self, mailbox: bytes) -> None:
        """Everything else has no messages, and says no more."""
        server = Server(_A)
        server.deliver(_A, ("Archive",))
        server.deliver(_A, ("Works", "2024"))
        wire = server.login()
        self.assertEqual(b"#0 messages\r\n", ask(wire, b"FOLD " + mailbox))
        self.assertEqual(b"=0 no message\r\n", ask(wire, b"READ"))
        self.assertEqual(b"", ask(wire, b"RETR"))
        self.assertTrue(wire.closed)

    def test_inbox_needs_no_list(self) -> None:
        """INBOX is found without looking at the others."""
        self.assertEqual(INBOX_ID, mailboxes.find(b"InBox", ()))
