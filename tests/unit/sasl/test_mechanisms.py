"""Tests of PLAIN, LOGIN and EXTERNAL, and of what all mechanisms share."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.secret import Secret
from mailapp.sasl import base64
from mailapp.sasl.external import External
from mailapp.sasl.login import Login
from mailapp.sasl.mechanism import (
    CREDENTIALS,
    EXCHANGE_LIMIT,
    RESPONSE_LIMIT,
    SYNTAX,
    Certificate,
    Challenge,
    Channel,
    Done,
    Failed,
    NeedVerifier,
    Password,
    Step,
    Verifier,
)
from mailapp.sasl.plain import Plain
from mailapp.sasl.table import MECHANISMS
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.sasl.vectors import vectors

CHANNEL = Channel({}, plus_offered=False, client_name=None, nonce=lambda: "nonce")
BOUND = Channel(
    {"tls-exporter": b"x" * 32},
    plus_offered=True,
    client_name="alice@example.test",
    nonce=lambda: "nonce",
)
VERIFIER = Verifier(b"s" * 16, 4096, b"k" * 32, b"v" * 32)


@tabled
class PlainTests(SynchronousTestCase):
    """RFC 4616."""

    def test_vectors(self) -> None:
        """RFC 4954, section 4.1: the example there."""
        for vector in vectors("PLAIN"):
            step = Plain(CHANNEL).step(base64.decode(vector.expected.encode()))
            values = vector.values
            claim = Password(
                values["authc"], values["authz"], Secret(values["pass"].encode())
            )
            self.assertEqual(step, Done(claim))

    @rows(
        no_authzid=(b"\0tim\0tanstaaf", ("tim", "", b"tanstaaf")),
        authzid=(b"Ursel\0Kurt\0xipj3plmq", ("Kurt", "Ursel", b"xipj3plmq")),
        utf8=("\0j\u00fcrgen\0p\u00e4ss".encode(), ("jürgen", "", "päss".encode())),
        odd_octets_in_the_password=(b"\0a\0\xff\xfe", ("a", "", b"\xff\xfe")),
        longest=(b"\0" + b"a" * 255 + b"\0" + b"p" * 255, ("a" * 255, "", b"p" * 255)),
    )
    def test_accepted(self, response: bytes, claim: tuple[str, str, bytes]) -> None:
        """RFC 4616, section 4: authzid, authcid, passwd."""
        name, authzid, password = claim
        expected = Done(Password(name, authzid, Secret(password)))
        self.assertEqual(Plain(CHANNEL).step(response), expected)

    @rows(
        empty=b"",
        no_nul=b"user",
        one_nul=b"user\0password",
        three_nuls=b"\0user\0pass\0word",
        no_name=b"\0\0password",
        no_password=b"\0user\0",
        bad_utf8_name=b"\0\xff\0password",
        bad_utf8_authzid=b"\xff\0user\0password",
    )
    def test_refused(self, response: bytes) -> None:
        """Anything else is malformed."""
        self.assertEqual(Plain(CHANNEL).step(response), SYNTAX)

    def test_no_initial_response(self) -> None:
        """Without an initial response an empty challenge asks for one, once."""
        machine = Plain(CHANNEL)
        self.assertEqual(machine.step(None), Challenge(b""))
        self.assertEqual(machine.step(None), SYNTAX)


@tabled
class LoginTests(SynchronousTestCase):
    """The old LOGIN."""

    DONE = Done(Password("tim", "", Secret(b"tanstaaf")))

    def test_server_first(self) -> None:
        """The server asks for the name, then for the password."""
        machine = Login(CHANNEL)
        self.assertEqual(machine.step(None), Challenge(b"Username:"))
        self.assertEqual(machine.step(b"tim"), Challenge(b"Password:"))
        self.assertEqual(machine.step(b"tanstaaf"), self.DONE)

    def test_initial_response(self) -> None:
        """An initial response is the name."""
        machine = Login(CHANNEL)
        self.assertEqual(machine.step(b"tim"), Challenge(b"Password:"))
        self.assertEqual(machine.step(b"tanstaaf"), self.DONE)

    @rows(
        empty_name=[b""],
        nul_in_name=[b"t\0m"],
        bad_utf8=[b"\xff"],
        empty_password=[b"tim", b""],
        nul_in_password=[b"tim", b"a\0b"],
    )
    def test_refused(self, responses: list[bytes]) -> None:
        """What can't be a name or a password is malformed."""
        machine = Login(CHANNEL)
        last: Step | None = None
        for response in responses:
            last = machine.step(response)
        self.assertEqual(last, SYNTAX)


class ExternalTests(SynchronousTestCase):
    """RFC 4422, appendix A."""

    def test_certificate(self) -> None:
        """The certificate names the account, the response whom to act as."""
        for response in (b"", b"bob"):
            step = External(BOUND).step(response)
            claim = Certificate("alice@example.test", response.decode())
            self.assertEqual(step, Done(claim))

    def test_no_certificate(self) -> None:
        """Nobody is anybody without one."""
        self.assertEqual(External(CHANNEL).step(b"alice"), CREDENTIALS)

    def test_malformed(self) -> None:
        """An authzid is UTF-8 without NUL."""
        self.assertEqual(External(BOUND).step(b"\xff"), SYNTAX)
        self.assertEqual(External(BOUND).step(b"a\0b"), SYNTAX)


@tabled
class AllTests(SynchronousTestCase):
    """What holds for every row of the table."""

    @rows(**{name.replace("-", "_"): name for name in MECHANISMS})
    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_never_raises(self, name: str, data: st.DataObject) -> None:
        """Random octets end in a step, and a failed exchange stays failed."""
        machine = MECHANISMS[name].begin(BOUND)
        failed = False
        piece = st.one_of(
            st.none(),
            st.binary(max_size=40),
            st.sampled_from(
                [b"n,,n=user,r=abc", b"p=tls-exporter,,n=user,r=abc", b"\0a\0b", b""]
            ),
        )
        for response in data.draw(st.lists(piece, max_size=6)):
            step = machine.step(response)
            if failed:
                self.assertEqual(step, SYNTAX)
            if isinstance(step, NeedVerifier):
                step = machine.supply(VERIFIER)
                self.assertIsInstance(step, Challenge)
            failed = failed or isinstance(step, Done | Failed)

    @rows(**{name.replace("-", "_"): name for name in MECHANISMS})
    @threat(43)
    def test_response_limit(self, name: str) -> None:
        """A response above 12 KiB ends the exchange."""
        machine = MECHANISMS[name].begin(BOUND)
        self.assertEqual(machine.step(b"a" * (RESPONSE_LIMIT + 1)), SYNTAX)
        self.assertEqual(machine.step(b"\0a\0b"), SYNTAX)

    @threat(43)
    def test_exchange_limit(self) -> None:
        """So do responses above 64 KiB together."""
        machine = Login(CHANNEL)
        machine._state = lambda _: Challenge(b"more")
        steps = [
            machine.step(b"a" * RESPONSE_LIMIT)
            for _ in range(EXCHANGE_LIMIT // RESPONSE_LIMIT + 1)
        ]
        self.assertEqual(steps[-1], SYNTAX)
        self.assertEqual(set(steps[:-1]), {Challenge(b"more")})

    def test_order(self) -> None:
        """The best comes first."""
        self.assertEqual(
            list(MECHANISMS),
            [
                "EXTERNAL",
                "SCRAM-SHA-256-PLUS",
                "SCRAM-SHA-256",
                "PLAIN",
                "LOGIN",
                "CRAM-MD5",
            ],
        )

    def test_supply_unasked(self) -> None:
        """A verifier that nobody asked for ends the exchange."""
        for row in MECHANISMS.values():
            self.assertEqual(row.begin(BOUND).supply(VERIFIER), SYNTAX)

    @threat(53)
    def test_secrets_do_not_show(self) -> None:
        """The repr of a step holds no password and no key."""
        step = Plain(CHANNEL).step(b"\0tim\0tanstaaf")
        self.assertNotIn("tanstaaf", repr(step))
        self.assertNotIn("kkkk", repr(VERIFIER))
