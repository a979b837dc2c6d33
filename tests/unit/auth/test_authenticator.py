"""Tests of mailapp.auth.authenticator with its checkers, through twisted.cred."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, eventAsText
from zope.interface.verify import verifyObject

from mailapp.auth.authenticator import Authenticator
from mailapp.auth.interfaces import (
    Challenge,
    IAuthenticator,
    IExchange,
    IMaildropAvatar,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.core.secret import Secret
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.directory.accounts import NewPassword
from mailapp.sasl import base64
from mailapp.sasl.scram_client import ScramClient
from mailapp.sasl.scram_syntax import ServerFirst
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import (
    ALICE,
    BAD,
    BOB,
    CLEAR,
    EXPORTER,
    SAFE,
    AuthCase,
)

PASSWORD = b"pencil alice@example.test"


@tabled
class PasswordTests(AuthCase):
    """USER and PASS, and PLAIN."""

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IAuthenticator, self.authenticator)

    @rows(
        whole=b"alice@example.test",
        user_alone=b"alice",
        case=b"ALICE@Example.TEST",
        soft_hyphen="al\u00adice".encode(),
    )
    def test_good(self, name: bytes) -> None:
        """The right password lets in, whatever the spelling of the name."""
        self.assertEqual(self.account_of(self.login(name, PASSWORD)), ALICE)

    def test_normalised(self) -> None:
        """A password may be typed composed or decomposed (RFC 4013, section 2.2)."""
        self.accounts.set_password(
            ALICE, self.hashes.make(Secret("p\u00e4ss".encode()))
        )
        self.assertEqual(
            self.account_of(self.login(b"alice", "pa\u0308ss".encode())), ALICE
        )

    @rows(
        wrong=(b"alice@example.test", b"pencil"),
        other_users=(b"alice@example.test", b"pencil bob@example.test"),
        empty=(b"alice@example.test", b""),
        unknown=(b"carol@example.test", b"pencil carol@example.test"),
        unknown_domain=(b"alice@example.org", PASSWORD),
        disabled=(b"gone@example.test", b"pencil gone@example.test"),
        disabled_wrong=(b"gone@example.test", b"pencil"),
        no_name=(b"", b"pencil"),
        no_account_name=(b"../alice", b"pencil"),
        sql=(b"' OR 1=1 --", b"pencil"),
        not_utf8=(b"\xff\xfe", b"pencil"),
        nul=(b"alice\0@example.test", b"pencil"),
        huge=(b"a" * 12_000, b"p" * 12_000),
    )
    @threat(19, 40, 47, 48)
    def test_bad(self, name: bytes, password: bytes) -> None:
        """Every failure gives the same answer after the same work: one argon2 check."""
        self.assertEqual(self.login(name, password), BAD)
        self.assertEqual(self.thread.calls, 1)
        self.assertEqual(self.login(name, password), BAD)
        self.assertEqual(self.thread.calls, 2)

    @rows(clear_right=(PASSWORD,), clear_wrong=(b"x",))
    @threat(29)
    def test_in_the_clear(self, password: bytes) -> None:
        """In the clear nothing is looked at, right or wrong."""
        result = self.login(b"alice", password, CLEAR)
        self.assertEqual(result, Refused(Refusal.CLEARTEXT))
        self.assertEqual(self.thread.calls, 0)
        self.assertFalse(self.authenticator.password_allowed(CLEAR))
        self.assertEqual(self.authenticator.mechanisms(CLEAR), ())
        for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
            self.assertEqual(
                self.authenticator.exchange(mechanism, CLEAR),
                Refused(Refusal.CLEARTEXT),
            )

    def test_allowed_in_the_clear(self) -> None:
        """A listener may allow it."""
        self.authenticator = self.authentication.authenticator(
            IMaildropAvatar, allow_cleartext=True
        )
        self.assertEqual(self.account_of(self.login(b"alice", PASSWORD, CLEAR)), ALICE)
        self.assertEqual(
            self.authenticator.mechanisms(CLEAR), ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
        )

    def test_busy(self) -> None:
        """Too much work is no wrong password, and counts as none."""
        self.thread.trouble = TemporaryFailure(SYSTEM_TROUBLE)
        for _ in range(50):
            result = self.login(b"alice", PASSWORD)
            self.assertEqual(result, Refused(Refusal.UNAVAILABLE))
        self.thread.trouble = None
        self.assertEqual(self.account_of(self.login(b"alice", PASSWORD)), ALICE)

    def test_directory_trouble(self) -> None:
        """An accounts file that can't be read makes nobody unknown."""
        self.accounts.close()
        result = self.login(b"alice", PASSWORD)
        self.assertEqual(result, Refused(Refusal.UNAVAILABLE))

    def test_portal_is_used(self) -> None:
        """What no checker of the portal takes is neither offered nor taken."""
        authenticator = Authenticator(
            Portal(self.authentication.portal.realm),
            IMaildropAvatar,
            self.directory,
            self.throttle,
            self.authentication.decoys,
            random=bytes,
        )
        self.assertEqual(authenticator.mechanisms(SAFE), [])
        self.assertFalse(authenticator.password_allowed(SAFE))
        result = self.now(authenticator.login(b"alice", Secret(PASSWORD), SAFE))
        self.assertEqual(result, Refused(Refusal.MECHANISM))

    @threat(53)
    def test_log(self) -> None:
        """The log tells who and how; no password, not even one in the wrong place."""
        with capturedLogs() as events:
            self.login(b"alice", PASSWORD)
            self.login(b"alice", b"wrong secret")
            self.login(b"my p@ssword!", b"wrong secret")
        self.assertEqual(
            [event["event"] for event in events],
            ["auth.login.succeeded", "auth.login.refused", "auth.login.refused"],
        )
        for event in events:
            text = eventAsText(event) + repr(event)
            for secret in ("pencil", "wrong secret", "p@ssword"):
                self.assertNotIn(secret, text)


class RecentTests(AuthCase):
    """The second login is cheap."""

    def test_no_hash_no_thread(self) -> None:
        """A good login spares the next one its hash, in every spelling of the name."""
        self.login(b"alice", PASSWORD)
        for name in (b"alice", b"Alice@example.test"):
            self.assertEqual(self.account_of(self.login(name, PASSWORD)), ALICE)
        self.assertEqual(self.thread.calls, 1)

    @threat(46)
    def test_per_account(self) -> None:
        """Two users with one password share nothing."""
        for name in (ALICE, BOB):
            self.accounts.set_password(name, self.hashes.make(Secret(b"the same one")))
        self.login(b"alice", b"the same one")
        self.assertEqual(self.login(b"gone", b"the same one"), BAD)
        self.assertEqual(self.account_of(self.login(b"bob", b"the same one")), BOB)
        self.assertEqual(self.thread.calls, 3)

    def test_wrong_is_not_kept(self) -> None:
        """A wrong password is hashed each time."""
        self.login(b"alice", b"wrong")
        self.login(b"alice", b"wrong")
        self.assertEqual(self.thread.calls, 2)

    def test_expires(self) -> None:
        """After some minutes it is hashed again."""
        self.login(b"alice", PASSWORD)
        self.clock.advance(299)
        self.login(b"alice", PASSWORD)
        self.assertEqual(self.thread.calls, 1)
        self.clock.advance(2)
        self.login(b"alice", PASSWORD)
        self.assertEqual(self.thread.calls, 2)

    @threat(46, 48)
    def test_changes(self) -> None:
        """Every change of the account makes it forgotten at once."""
        self.login(b"alice", PASSWORD)
        new = self.hashes.make(Secret(b"new password"))
        self.accounts.set_password(ALICE, new)
        self.assertEqual(self.login(b"alice", PASSWORD), BAD)
        self.assertEqual(self.account_of(self.login(b"alice", b"new password")), ALICE)
        self.accounts.set_enabled(ALICE, enabled=False)
        self.assertEqual(self.login(b"alice", b"new password"), BAD)
        self.accounts.set_enabled(ALICE, enabled=True)
        self.assertEqual(self.account_of(self.login(b"alice", b"new password")), ALICE)
        self.accounts.remove(ALICE)
        self.assertEqual(self.login(b"alice", b"new password"), BAD)

    def test_at_once(self) -> None:
        """Five connections at once cost one check; a wrong password among them, one."""
        self.thread.held = True
        results: list[Any] = []
        for password in (PASSWORD, PASSWORD, b"wrong", PASSWORD, b"wrong"):
            login = self.authenticator.login(b"alice", Secret(password), SAFE)
            done = Deferred.fromCoroutine(login)
            _: Deferred[None] = done.addCallback(results.append)
        self.assertEqual((self.thread.calls, results), (2, []))
        self.thread.release()
        self.assertEqual(results.count(BAD), 2)
        self.assertEqual(len([r for r in results if isinstance(r, LoggedIn)]), 3)


class ExchangeCase(AuthCase):
    """Speaks SASL."""

    def begin(self, mechanism: str, peer: Peer = SAFE) -> IExchange:
        """A fresh exchange."""
        exchange = self.authenticator.exchange(mechanism, peer)
        assert not isinstance(exchange, Refused), exchange
        return exchange

    def respond(self, exchange: IExchange, response: bytes | None) -> Any:
        """One response."""
        answer: Any = exchange.respond(response)
        return self.now(answer)

    def scram(
        self,
        name: str,
        password: bytes,
        *,
        plus: bool = False,
        authzid: str = "",
        peer: Peer = SAFE,
    ) -> Any:
        """A whole exchange."""
        binding = ("tls-exporter", EXPORTER["tls-exporter"]) if plus else None
        client = ScramClient(name, Secret(password), lambda: "c" * 18, binding, authzid)
        mechanism = "SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256"
        exchange = self.begin(mechanism, peer)
        first = self.respond(exchange, client.first())
        if not isinstance(first, Challenge):
            return first
        last = self.respond(exchange, client.answer(first.octets))
        if not isinstance(last, Challenge):
            return last
        client.verify(last.octets)
        return self.respond(exchange, b"")


@tabled
class PlainTests(ExchangeCase):
    """PLAIN and LOGIN."""

    @rows(
        no_authzid=(b"\0alice\0" + PASSWORD, True),
        own_authzid=(b"alice\0alice\0" + PASSWORD, True),
        own_authzid_spelt_out=(b"Alice@Example.test\0alice\0" + PASSWORD, True),
        victim=(b"bob\0alice\0" + PASSWORD, False),
        unknown_victim=(b"carol\0alice\0" + PASSWORD, False),
        no_name_at_all=(b"../x\0alice\0" + PASSWORD, False),
        wrong=(b"\0alice\0x", False),
        unknown=(b"\0carol\0x", False),
    )
    @threat(41)
    def test_authzid(self, response: bytes, good: bool) -> None:  # noqa: FBT001
        """Nobody acts as somebody else, however good the password."""
        result = self.respond(self.begin("PLAIN"), response)
        if good:
            self.assertEqual(self.account_of(result), ALICE)
        else:
            self.assertEqual(result, BAD)

    def test_challenge_first(self) -> None:
        """Without an initial response an empty challenge comes."""
        exchange = self.begin("plain")
        verifyObject(IExchange, exchange)
        self.assertEqual(self.respond(exchange, None), Challenge(b""))
        result = self.respond(exchange, b"\0alice\0" + PASSWORD)
        self.assertEqual(self.account_of(result), ALICE)

    def test_login(self) -> None:
        """LOGIN asks twice."""
        exchange = self.begin("LOGIN")
        self.assertEqual(self.respond(exchange, None), Challenge(b"Username:"))
        self.assertEqual(self.respond(exchange, b"alice"), Challenge(b"Password:"))
        self.assertEqual(self.account_of(self.respond(exchange, PASSWORD)), ALICE)

    @threat(42, 43)
    def test_malformed(self) -> None:
        """Garbage fails its own exchange and no other one."""
        good = self.begin("PLAIN")
        for response in (b"", b"\xff", b"a" * 20_000, b"\0\0"):
            result = self.respond(self.begin("PLAIN"), response)
            self.assertEqual(result, Refused(Refusal.SYNTAX))
        result = self.respond(good, b"\0alice\0" + PASSWORD)
        self.assertEqual(self.account_of(result), ALICE)

    def test_unknown_mechanism(self) -> None:
        """What is not there is refused, also what the connection has no use for."""
        for mechanism in ("CRAM-MD5", "", "PLAIN ", "EXTERNAL"):
            self.assertEqual(
                self.authenticator.exchange(mechanism, SAFE),
                Refused(Refusal.MECHANISM),
            )

    def test_fewer_mechanisms(self) -> None:
        """A listener may offer fewer."""
        authenticator = self.authentication.authenticator(
            IMaildropAvatar, mechanisms=["PLAIN"]
        )
        self.assertEqual(authenticator.mechanisms(SAFE), ["PLAIN"])


@tabled
class ScramTests(ExchangeCase):
    """SCRAM-SHA-256 and -PLUS."""

    @rows(unbound=False, bound=True)
    def test_good(self, plus: bool) -> None:  # noqa: FBT001
        """The right password proves itself, with no argon2 at all."""
        result = self.scram("alice", PASSWORD, plus=plus, authzid="alice@example.test")
        self.assertEqual(self.account_of(result), ALICE)
        self.assertEqual(self.thread.calls, 0)

    @rows(
        wrong=("alice", b"pencil", ""),
        unknown=("carol", b"pencil", ""),
        disabled=("gone", b"pencil gone@example.test", ""),
        victim=("alice", PASSWORD, "bob"),
        no_account_name=("../x", b"pencil", ""),
    )
    @threat(40, 41, 48)
    def test_bad(self, name: str, password: bytes, authzid: str) -> None:
        """Every failure gives the same answer."""
        self.assertEqual(self.scram(name, password, authzid=authzid), BAD)

    def salt(self, name: str) -> ServerFirst:
        """What the server says of a name."""
        exchange = self.begin("SCRAM-SHA-256")
        first = self.respond(exchange, f"n,,n={name},r=abc".encode())
        return ServerFirst.parse(first.octets)

    @threat(40)
    def test_unknown_looks_known(self) -> None:
        """An unknown name has a salt of its own that stays the same."""
        known, unknown = self.salt("alice"), self.salt("carol")
        self.assertEqual(unknown.salt, self.salt("CAROL@example.test").salt)
        self.assertNotEqual(unknown.salt, self.salt("carl").salt)
        self.assertEqual(len(unknown.salt), len(known.salt))
        self.assertEqual(unknown.iterations, known.iterations)
        self.assertEqual(len(unknown.nonce), len(known.nonce))

    def test_change_in_between(self) -> None:
        """The proof is compared with the verifier that the account has at the end."""
        client = ScramClient("alice", Secret(PASSWORD), lambda: "c" * 18)
        exchange = self.begin("SCRAM-SHA-256")
        first = self.respond(exchange, client.first())
        last = self.respond(exchange, client.answer(first.octets))
        self.assertIsInstance(last, Challenge)
        self.accounts.set_password(ALICE, self.hashes.make(Secret(b"other")))
        self.assertEqual(self.respond(exchange, b""), BAD)

    def test_no_verifier(self) -> None:
        """An account that was imported without a verifier looks like any other."""
        self.accounts.set_password(ALICE, NewPassword(""))
        self.assertEqual(self.scram("alice", PASSWORD), BAD)

    @threat(44)
    def test_announced(self) -> None:
        """-PLUS is announced only with a binding, and then ``y`` is refused."""
        self.assertEqual(
            self.authenticator.mechanisms(SAFE),
            ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"],
        )
        exchange = self.begin("SCRAM-SHA-256")
        self.assertEqual(self.respond(exchange, b"y,,n=alice,r=abc"), BAD)
        unbound = Peer("192.0.2.1", tls=TLS())
        self.assertEqual(
            self.authenticator.mechanisms(unbound), ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
        )
        exchange = self.begin("SCRAM-SHA-256", unbound)
        answer = self.respond(exchange, b"y,,n=alice,r=abc")
        self.assertIsInstance(answer, Challenge)

    @threat(39)
    def test_throttled(self) -> None:
        """Wrong proofs are throttled like wrong passwords."""
        for _ in range(10):
            self.assertEqual(self.scram("alice", b"pencil"), BAD)
        waiting = Deferred.fromCoroutine(
            self.authenticator.login(b"alice", Secret(PASSWORD), SAFE)
        )
        self.assertEqual(self.account_of(self.successResultOf(waiting)), ALICE)
        peer = evolve(SAFE, address="192.0.2.99")
        for _ in range(2):
            _ = Deferred.fromCoroutine(
                self.authenticator.login(b"alice", Secret(b"x"), peer)
            )
        last = Deferred.fromCoroutine(
            self.authenticator.login(b"alice", Secret(b"x"), peer)
        )
        self.assertNoResult(last)
        self.clock.pump([1] * 60)
        self.assertEqual(self.successResultOf(last), BAD)


class ExternalTests(ExchangeCase):
    """EXTERNAL, by client certificate."""

    PEER = Peer("192.0.2.1", tls=TLS(client_name="alice@example.test"))

    def test_good(self) -> None:
        """The certificate's name is the account, and nobody else."""
        self.assertEqual(self.authenticator.mechanisms(self.PEER)[0], "EXTERNAL")
        for response in (b"", b"alice"):
            result = self.respond(self.begin("EXTERNAL", self.PEER), response)
            self.assertEqual(self.account_of(result), ALICE)
        result = self.respond(self.begin("EXTERNAL", self.PEER), b"bob")
        self.assertEqual(result, BAD)

    def test_unknown(self) -> None:
        """A good certificate of nobody lets nobody in."""
        for name in ("carol@example.test", "gone@example.test"):
            peer = Peer("192.0.2.1", tls=TLS(client_name=name))
            result = self.respond(self.begin("EXTERNAL", peer), b"")
            self.assertEqual(result, BAD)


class ApopOffTests(AuthCase):
    """APOP where nobody asked for it."""

    @threat(49)
    def test_off(self) -> None:
        """It is off by default, also for those who opted in."""
        self.accounts.set_sealed(ALICE, self.key.seal(Secret(b"tanstaaf"), ALICE))
        self.assertFalse(self.authenticator.apop_allowed(SAFE))
        result = self.now(self.authenticator.apop(b"alice", b"", b"<x>", SAFE))
        self.assertEqual(result, Refused(Refusal.MECHANISM))


class ApopTests(AuthCase):
    """APOP where the admin turned it on."""

    apop = True
    TIMESTAMP = b"<1896.697170952@dbc.mtview.ca.us>"
    DIGEST = b"c4c9334bac560ecc979e58001b3e22fb"

    def setUp(self) -> None:
        """Alice opted in."""
        super().setUp()
        self.accounts.set_sealed(ALICE, self.key.seal(Secret(b"tanstaaf"), ALICE))

    def apop_as(self, name: bytes, digest: bytes, peer: Peer = SAFE) -> Any:
        """One APOP."""
        return self.now(self.authenticator.apop(name, digest, self.TIMESTAMP, peer))

    def test_example(self) -> None:
        """RFC 1939, section 7: the example there."""
        self.assertTrue(self.authenticator.apop_allowed(SAFE))
        self.assertEqual(self.account_of(self.apop_as(b"alice", self.DIGEST)), ALICE)

    def test_bad(self) -> None:
        """Another digest, or another account, or one that did not opt in."""
        for name, digest in (
            (b"alice", self.DIGEST.upper()),
            (b"alice", b""),
            (b"alice", b"0" * 32),
            (b"bob", self.DIGEST),
            (b"carol", self.DIGEST),
            (b"\xff", self.DIGEST),
        ):
            self.assertEqual(self.apop_as(name, digest), BAD)

    @threat(29)
    def test_in_the_clear(self) -> None:
        """Not even APOP in the clear, where cleartext is not allowed."""
        self.assertFalse(self.authenticator.apop_allowed(CLEAR))
        result = self.apop_as(b"alice", self.DIGEST, CLEAR)
        self.assertEqual(result, Refused(Refusal.CLEARTEXT))

    @threat(50)
    def test_sealed(self) -> None:
        """The accounts file shows no secret, and sealed for alice is not for bob."""
        found = self.accounts.verifiers(ALICE)
        assert found is not None
        assert found.sealed is not None
        self.accounts.set_sealed(BOB, found.sealed)
        self.assertEqual(self.apop_as(b"bob", self.DIGEST), BAD)
        self.accounts.close()
        for form in (b"tanstaaf", base64.encode(b"tanstaaf")):
            self.assertNotIn(form, self.path.read_bytes())
