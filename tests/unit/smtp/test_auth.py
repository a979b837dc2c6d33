"""Tests of AUTH: from the octets on the wire to the account (RFC 4954)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.auth.authenticator import Authenticator
from mailapp.auth.interfaces import ISubmitterAvatar
from mailapp.core.peer import TLS, Peer
from mailapp.core.secret import Secret
from mailapp.sasl import base64
from mailapp.sasl.scram_client import ScramClient
from mailapp.smtp.connection import SmtpConnection
from mailapp.smtp.extensions.auth import LINE_LIMIT, Auth, Response
from mailapp.smtp.grammar.reply import Reply, make_reply
from mailapp.smtp.profile import Login, Profile, SessionLimits
from mailapp.smtp.states import State
from tests.play import CUTS, Wire
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import ALICE, BOB, EXPORTER, AuthCase
from tests.unit.smtp.ledger import CLIENT, PROFILE, Ledger, Rules, codes, dial, say
from tests.unit.smtp.machine import opened

SECURE = TLS(version="TLSv1.3", bindings=EXPORTER, client_name=BOB)
SAFE = evolve(CLIENT, tls=SECURE)
SUBMISSION = evolve(PROFILE, login=Login.REQUIRED)
STARTTLS = evolve(SUBMISSION, tls_available=True)
PLAIN = base64.encode(b"\0alice@example.test\0pencil alice@example.test")
WRONG = base64.encode(b"\0alice@example.test\0pencil")
MAIL = b"MAIL FROM:<alice@example.test>"


class SubmissionCase(AuthCase):
    """A submission server for alice and bob."""

    def setUp(self) -> None:
        """Who may come in, and what comes of it."""
        super().setUp()
        self.ledger = Ledger()
        self.rules = Rules()
        self.authenticator: Authenticator = self.authentication.authenticator(
            ISubmitterAvatar
        )

    def connect(
        self, profile: Profile = SUBMISSION, peer: Peer = SAFE, *, clear: bool = False
    ) -> Wire:
        """A client that said EHLO."""
        authenticator = self.authenticator
        if clear:
            authenticator = self.authentication.authenticator(
                ISubmitterAvatar, allow_cleartext=True
            )
        wire = dial(
            self.ledger,
            profile=profile,
            peer=peer,
            policy=self.rules,
            authenticator=authenticator,
        )
        say(wire, b"EHLO bar.com")
        return wire

    def logged_in(self, **options: Any) -> Wire:
        """A client that is alice."""
        wire = self.connect(**options)
        reply = say(wire, b"AUTH PLAIN " + PLAIN)
        self.assertEqual(reply, b"235 2.7.0 welcome\r\n")
        return wire


@tabled
class ExchangeTests(SubmissionCase):
    """What both sides say."""

    def test_announced(self) -> None:
        """EHLO lists what this client may use."""
        reply = say(self.connect(), b"EHLO a")
        self.assertIn(
            b"250-AUTH EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n", reply
        )
        self.assertNotIn(b"AUTH", say(self.connect(PROFILE), b"EHLO a"))

    @rows(**{name.replace(" ", "_"): name for name in CUTS})
    def test_plain(self, cut: str) -> None:
        """With an initial response and without, at every cut."""
        for lines in (
            b"AUTH PLAIN %b\r\n" % PLAIN,
            b"auth plain\r\n%b\r\n" % PLAIN,
        ):
            wire = self.connect()
            first, _, rest = lines.partition(b"\r\n")
            wire.feed(first + b"\r\n", CUTS[cut])
            if rest:
                self.assertEqual(wire.take(), b"334 \r\n")
                wire.feed(rest, CUTS[cut])
            self.assertEqual(wire.take(), b"235 2.7.0 welcome\r\n")
            self.assertIs(wire.connection.state, State.READY)  # type: ignore[attr-defined]

    def test_login(self) -> None:
        """LOGIN asks twice; an initial response is the name."""
        password = base64.encode(b"pencil alice@example.test")
        name = base64.encode(b"alice")
        wire = self.connect()
        self.assertEqual(say(wire, b"AUTH LOGIN"), b"334 VXNlcm5hbWU6\r\n")
        self.assertEqual(say(wire, name), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(codes(say(wire, password)), [235])
        wire = self.connect()
        self.assertEqual(say(wire, b"AUTH LOGIN " + name), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(codes(say(wire, password)), [235])

    @rows(
        plain=("SCRAM-SHA-256", None),
        plus=("SCRAM-SHA-256-PLUS", ("tls-exporter", EXPORTER["tls-exporter"])),
    )
    def test_scram(self, mechanism: str, binding: tuple[str, bytes] | None) -> None:
        """The server's last words are a challenge with an empty answer."""
        secret = Secret(b"pencil alice@example.test")
        client = ScramClient("alice@example.test", secret, lambda: "abc", binding)
        wire = self.connect()
        first = base64.encode(client.first())
        reply = say(wire, b"AUTH %b %b" % (mechanism.encode(), first))
        answer = client.answer(base64.decode(reply[4:-2]))
        reply = say(wire, base64.encode(answer))
        client.verify(base64.decode(reply[4:-2]))
        self.assertEqual(codes(say(wire, b"")), [235])
        reply = say(wire, MAIL)
        self.assertEqual(self.rules.origins[-1].account, ALICE)

    def test_external(self) -> None:
        """The certificate says who it is; ``=`` is an empty response."""
        wire = self.connect()
        self.assertEqual(codes(say(wire, b"AUTH EXTERNAL =")), [235])
        say(wire, MAIL)
        self.assertEqual(self.rules.origins[-1].account, BOB)

    @rows(
        cancel=(b"*", b"501 5.7.0 login cancelled\r\n"),
        base64=(b"====", b"501 5.5.2 not valid base64\r\n"),
        inside=(b"AAA=BBB", b"501 5.5.2 not valid base64\r\n"),
        space=(PLAIN + b" ", b"501 5.5.2 not valid base64\r\n"),
        malformed=(b"AAAA", b"501 5.7.0 that is not how this mechanism works\r\n"),
        wrong=(WRONG, b"535 5.7.8 wrong name or password\r\n"),
        long=(b"A" * (LINE_LIMIT - 1), b"500 5.5.6 line too long\r\n"),
    )
    @threat(42, 43)
    def test_broken(self, line: bytes, reply: bytes) -> None:
        """What goes wrong ends this exchange, and the next one is as good as any."""
        wire = self.connect()
        say(wire, b"AUTH PLAIN")
        self.assertEqual(say(wire, line), reply)
        self.assertEqual(codes(say(wire, b"NOOP")), [250])
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [235])

    def test_longest(self) -> None:
        """A response of 12288 octets is read (section 4)."""
        wire = self.connect()
        say(wire, b"AUTH PLAIN")
        reply = say(wire, b"A" * 12288)
        self.assertEqual(reply[:9], b"501 5.7.0")

    @rows(
        none=(b"AUTH", 501),
        unknown=(b"AUTH GSSAPI", 504),
        not_asked_for=(b"AUTH CRAM-MD5", 504),
        bad_name=(b"AUTH PL@IN", 501),
        long_name=(b"AUTH " + b"A" * 21, 501),
        bad_initial=(b"AUTH PLAIN !", 501),
        two_words=(b"AUTH PLAIN AA== AA==", 501),
        long_initial=(b"AUTH PLAIN " + b"A" * 5000, 501),
        too_long=(b"AUTH PLAIN " + b"A" * 13000, 500),
    )
    def test_command(self, line: bytes, code: int) -> None:
        """What is no AUTH command, or none that is served."""
        wire = self.connect()
        self.assertEqual(codes(say(wire, line)), [code])
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [235])

    def test_initial_too_early(self) -> None:
        """Where the server begins, an initial response is refused 501 5.7.0."""
        legacy = evolve(self.authentication, cram_md5=True)
        self.authenticator = legacy.authenticator(ISubmitterAvatar)
        reply = say(self.connect(), b"AUTH CRAM-MD5 AAAA")
        self.assertEqual(reply[:9], b"501 5.7.0")

    def test_once(self) -> None:
        """After a login every AUTH is refused 503, also after EHLO and RSET."""
        wire = self.logged_in()
        for line in (b"NOOP", b"EHLO again", b"RSET"):
            say(wire, line)
            self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [503])

    def test_not_inside(self) -> None:
        """No AUTH before EHLO, and none in a transaction."""
        wire = dial(profile=SUBMISSION, peer=SAFE, authenticator=self.authenticator)
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [503])
        wire = self.connect(evolve(SUBMISSION, login=Login.OFFERED))
        self.assertEqual(codes(say(wire, MAIL)), [250])
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [503])
        say(wire, b"RCPT TO:<Jones@foo.com>")
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [503])
        self.assertEqual(codes(say(wire, b"RSET", b"AUTH PLAIN " + PLAIN)), [235])

    @threat(6)
    def test_pipelined(self) -> None:
        """Only what ends in one round trip may be followed at once (section 4)."""
        wire = self.connect()
        wire.feed(b"AUTH PLAIN " + PLAIN + b"\r\n" + MAIL + b"\r\n")
        self.assertEqual(codes(wire.take()), [235, 250])
        wire = self.connect()
        wire.feed(b"AUTH PLAIN\r\n" + PLAIN + b"\r\n")
        self.assertEqual(codes(wire.take()), [503])
        self.assertTrue(wire.closed)
        wire = self.connect()
        say(wire, b"AUTH PLAIN")
        wire.feed(PLAIN + b"\r\n" + MAIL + b"\r\n")
        self.assertEqual(codes(wire.take()), [503])
        self.assertTrue(wire.closed)

    @threat(39)
    def test_guessing(self) -> None:
        """After some wrong passwords the connection ends."""
        wire = self.connect(evolve(SUBMISSION, limits=SessionLimits(failed_logins=3)))
        for code in (535, 535, 421):
            self.assertEqual(codes(say(wire, b"AUTH PLAIN " + WRONG)), [code])
        self.assertTrue(wire.closed)

    def test_gone_inside(self) -> None:
        """A client that goes in the middle of an exchange leaves nothing behind."""
        wire = self.connect()
        say(wire, b"AUTH LOGIN")
        wire.client_closes()
        self.assertTrue(wire.closed)


@tabled
class ClearTests(SubmissionCase):
    """Without TLS."""

    @threat(29)
    def test_same_reply(self) -> None:
        """Right or wrong: 538, and nobody has looked at the password."""
        for profile in (SUBMISSION, STARTTLS):
            wire = self.connect(profile, CLIENT)
            self.assertNotIn(b"AUTH", say(wire, b"EHLO a"))
            for line in (b"AUTH PLAIN " + PLAIN, b"AUTH PLAIN " + WRONG, b"AUTH X"):
                self.assertEqual(say(wire, line)[:10], b"538 5.7.11")
        self.assertEqual(self.thread.calls, 0)

    def test_before_mail(self) -> None:
        """530 tells what to do first."""
        self.assertEqual(
            say(self.connect(STARTTLS, CLIENT), MAIL),
            b"530 5.7.0 send STARTTLS first, then log in\r\n",
        )
        for wire in (self.connect(), self.connect(STARTTLS, CLIENT, clear=True)):
            self.assertEqual(say(wire, MAIL), b"530 5.7.0 log in first\r\n")
        self.assertEqual(self.ledger.asked, 0)

    def test_starttls(self) -> None:
        """After STARTTLS the mechanisms are there."""
        wire = self.connect(STARTTLS, CLIENT)
        say(wire, b"STARTTLS")
        wire.start_tls(SECURE)
        self.assertIn(b"AUTH EXTERNAL", say(wire, b"EHLO a"))
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [235])

    def test_forgotten(self) -> None:
        """STARTTLS forgets a login in the clear (RFC 3207, section 4.2)."""
        wire = self.logged_in(profile=STARTTLS, peer=CLIENT, clear=True)
        say(wire, b"STARTTLS")
        wire.start_tls(SECURE)
        say(wire, b"EHLO a")
        self.assertEqual(codes(say(wire, MAIL)), [530])
        self.assertEqual(codes(say(wire, b"AUTH PLAIN " + PLAIN)), [235])


@tabled
class LoggedInTests(SubmissionCase):
    """What a login changes."""

    def store(self, wire: Wire) -> Any:
        """Send a message; what was stored."""
        say(wire, MAIL, b"RCPT TO:<x@elsewhere.org>", b"DATA")
        self.assertEqual(codes(say(wire, b"A: b\r\n\r\n.")), [250])
        return self.ledger.stored[-1]

    @rows(
        tls=(SAFE, b"", "ESMTPSA"),
        clear=(CLIENT, b"", "ESMTPA"),
        utf8=(SAFE, b" SMTPUTF8", "UTF8SMTPSA"),
    )
    def test_envelope(self, peer: Peer, parameter: bytes, protocol: str) -> None:
        """The trace says A (RFC 3848), and the envelope says who."""
        wire = self.logged_in(peer=peer, clear=True)
        say(wire, MAIL + parameter, b"RCPT TO:<Jones@foo.com>", b"DATA", b"\r\n.")
        envelope = self.ledger.stored[-1].envelope
        self.assertEqual(envelope.protocol, protocol)
        self.assertEqual(envelope.account, ALICE)
        self.assertEqual(envelope.helo, "bar.com")

    @threat(18)
    def test_relays(self) -> None:
        """The logged in send anywhere; so do networks that may, and nobody else."""
        self.store(self.logged_in())
        networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
        trusting = evolve(PROFILE, relay_networks=networks)
        for address, code in (
            ("192.0.2.7", 250),
            ("::ffff:192.0.2.7", 250),
            ("2001:db8::7", 250),
            ("192.0.3.7", 550),
            ("::1", 550),
        ):
            wire = dial(self.ledger, profile=trusting, peer=Peer(address))
            reply = say(wire, b"EHLO a", MAIL, b"RCPT TO:<x@elsewhere.org>")
            self.assertEqual(codes(reply), [code], address)

    @threat(48)
    def test_disabled(self) -> None:
        """An account that is disabled sends no more, on open connections too."""
        wire = self.logged_in()
        self.store(wire)
        session: Any = wire.session
        self.assertTrue(self.now(session.still_welcome()))
        self.accounts.set_enabled(ALICE, enabled=False)
        self.assertFalse(self.now(session.still_welcome()))
        self.assertEqual(codes(say(wire, MAIL)), [421])
        self.assertTrue(wire.closed)

    @rows(
        unknown=(b"<>", 250),
        address=(b"e+3Dmc2@example.com", 250),
        none=(b"", 501),
        not_xtext=(b"a+zz@b.c", 501),
        control=(b"a@b.c+0D+0AX:", 501),
        no_address=(b"a", 501),
        equals=(b"a=b@c.d", 501),
    )
    @threat(17)
    def test_parameter(self, value: bytes, code: int) -> None:
        """AUTH= of MAIL is read, and believed by nobody (section 5)."""
        wire = self.logged_in()
        self.assertEqual(codes(say(wire, MAIL + b" AUTH=" + value)), [code])

    def test_parameter_without_login(self) -> None:
        """It is taken from clients that did not log in (section 5)."""
        wire = self.connect(evolve(SUBMISSION, login=Login.OFFERED))
        self.assertEqual(codes(say(wire, MAIL + b" AUTH=<>")), [250])
        wire = dial(peer=SAFE)
        self.assertEqual(codes(say(wire, b"EHLO a", MAIL + b" AUTH=<>")), [555])


class MachineTests(SynchronousTestCase):
    """The connection alone."""

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.sampled_from([b"AUTH PLAIN", b"*", b"AAAA", b"!", b"NOOP"])))
    def test_lines(self, lines: list[bytes]) -> None:
        """In an exchange every line is a response; outside none is."""
        connection: SmtpConnection = opened(SUBMISSION)
        connection.receive(b"EHLO a\r\n")
        connection.next_event()
        connection.send(_reply(250))
        for line in lines:
            inside = connection.state is State.AUTH
            connection.receive(line + b"\r\n")
            event = connection.next_event()
            if not inside:
                self.assertNotIsInstance(event, Response)
            else:
                self.assertEqual(
                    isinstance(event, Response), line in {b"AAAA", b"NOOP"}
                )
            goes_on = isinstance(event, Auth | Response)
            refusal = getattr(event, "reply", None)
            connection.send(_reply(334) if goes_on else refusal or _reply(250))
            if connection.wants_close:
                break
            expected = State.AUTH if goes_on else State.READY
            self.assertIs(connection.state, expected)

    @threat(53)
    def test_repr(self) -> None:
        """What a client sends to log in shows in no repr."""
        self.assertNotIn("secret", repr(Auth("PLAIN", b"secret")))
        self.assertNotIn("secret", repr(Response(b"secret")))


def _reply(code: int) -> Reply:
    return make_reply(code, None, ["x"])
