"""Tests of mailapp.auth.exchange: SASL through the authenticator and twisted.cred."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from mailapp.auth.interfaces import (
    Challenge,
    IExchange,
    IMaildropAvatar,
    Refusal,
    Refused,
)
from mailapp.core.peer import TLS, Peer
from mailapp.core.secret import Secret
from mailapp.directory.accounts import NewPassword
from mailapp.sasl.scram_client import ScramClient
from mailapp.sasl.scram_syntax import ServerFirst
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import (
    ALICE,
    BAD,
    EXPORTER,
    SAFE,
    AuthCase,
)

PASSWORD = b"pencil alice@example.test"


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
