"""Tests of mailapp.sasl.scram, server against client."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.sasl import base64
from mailapp.sasl.mechanism import (
    CREDENTIALS,
    SYNTAX,
    Challenge,
    Channel,
    Done,
    Failed,
    NeedVerifier,
    Proof,
    Step,
)
from mailapp.sasl.scram import (
    SHA_256,
    ScramPlusServer,
    ScramServer,
    make_verifier,
    proves,
)
from mailapp.sasl.scram_client import ScramClient
from mailapp.sasl.scram_syntax import ClientFinal, ClientFirst, ServerFirst
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.sasl.vectors import vectors

SALT = b"0123456789abcdef"
EXPORTER = b"\x01" * 32
END_POINT = b"\x02" * 32
VERIFIER = make_verifier(b"pencil", SALT, 4096)


def channel(*, plus: bool = False, nonce: str = "3rfcNHYJY1ZVvWVs7j") -> Channel:
    """A connection with or without channel binding."""
    bindings = {"tls-exporter": EXPORTER, "tls-server-end-point": END_POINT}
    return Channel(
        bindings if plus else {},
        plus_offered=plus,
        client_name=None,
        nonce=lambda: nonce,
    )


def client(
    binding: tuple[str, bytes] | None = None,
    *,
    name: str = "user",
    password: bytes = b"pencil",
    authzid: str = "",
) -> ScramClient:
    """A client that knows the password."""
    return ScramClient(
        name, Secret(password), lambda: "fyko+d2lbbFgONRv9qkxdawL", binding, authzid
    )


def server(*, plus: bool = False) -> ScramServer:
    """A server, of the mechanism with channel binding or without."""
    return ScramPlusServer(channel(plus=True)) if plus else ScramServer(channel())


def begin(machine: ScramServer, first: bytes) -> Step:
    """Up to the server's first message."""
    step = machine.step(first)
    return machine.supply(VERIFIER) if isinstance(step, NeedVerifier) else step


class VectorTests(SynchronousTestCase):
    """RFC 7677, section 3."""

    def test_vectors(self) -> None:
        """Both sides say what the RFC prints."""
        (vector,) = vectors("SCRAM-SHA-256")
        values = vector.values
        salt = base64.decode(values["salt"].encode())
        verifier = make_verifier(values["pass"].encode(), salt, int(values["i"]))
        machine = ScramServer(channel(nonce=values["sn"]))
        one = ScramClient(
            values["user"], Secret(values["pass"].encode()), lambda: values["cn"]
        )
        self.assertEqual(one.first(), b"n,,n=user,r=" + values["cn"].encode())
        self.assertEqual(
            machine.step(one.first()), NeedVerifier("user", "SCRAM-SHA-256")
        )
        challenge = machine.supply(verifier)
        assert isinstance(challenge, Challenge)
        nonce = values["cn"] + values["sn"]
        expected = f"r={nonce},s={values['salt']},i={values['i']}"
        self.assertEqual(challenge.octets, expected.encode())
        proof, signature = vector.expected.split(" ")
        final = one.answer(challenge.octets)
        self.assertEqual(final, f"c=biws,r={nonce},{proof}".encode())
        self.assertEqual(machine.step(final), Challenge(signature.encode()))
        one.verify(signature.encode())
        step = machine.step(b"")
        assert isinstance(step, Done)
        assert isinstance(step.claim, Proof)
        self.assertEqual((step.claim.name, step.claim.authzid), ("user", ""))
        self.assertTrue(proves(step.claim, verifier))
        self.assertFalse(proves(step.claim, VERIFIER))


@tabled
class ExchangeTests(SynchronousTestCase):
    """Whole exchanges, our client against our server."""

    def play(self, one: ScramClient, machine: ScramServer) -> Step:
        """To the end; the client verifies the server."""
        challenge = begin(machine, one.first())
        if not isinstance(challenge, Challenge):
            return challenge
        last = machine.step(one.answer(challenge.octets))
        if not isinstance(last, Challenge):
            return last
        one.verify(last.octets)
        return machine.step(b"")

    @rows(
        unbound=(None, False),
        exporter=(("tls-exporter", EXPORTER), True),
        end_point=(("tls-server-end-point", END_POINT), True),
    )
    def test_good(self, binding: tuple[str, bytes] | None, plus: bool) -> None:  # noqa: FBT001
        """RFC 9266, section 2 and RFC 5929, section 4: either binding will do."""
        step = self.play(client(binding, authzid="a=b,c"), server(plus=plus))
        assert isinstance(step, Done)
        self.assertEqual(step.claim.authzid, "a=b,c")

    def test_name_is_prepared(self) -> None:
        """RFC 5802, section 5.1: the name is prepared, and hashed as it was sent."""
        step = self.play(client(name="a,b=\u2168"), server())
        assert isinstance(step, Done)
        self.assertEqual(step.claim.name, "a,b=IX")

    def test_wrong_password(self) -> None:
        """Another password proves nothing."""
        step = self.play(client(password=b"pencil2"), server())
        self.assertEqual(step, CREDENTIALS)

    @rows(
        wrong_octets=("tls-exporter", END_POINT),
        unknown_type=("tls-unique", EXPORTER),
    )
    @threat(44)
    def test_wrong_binding(self, kind: str, octets: bytes) -> None:
        """Somebody in the middle has another channel."""
        step = self.play(client((kind, octets)), server(plus=True))
        self.assertEqual(step, CREDENTIALS)

    @threat(44)
    def test_downgrade(self) -> None:
        """RFC 5802, section 6: ``y`` where -PLUS was offered tells of an attack."""
        self.assertEqual(
            ScramServer(channel(plus=True)).step(b"y,,n=user,r=abc"), CREDENTIALS
        )
        step = ScramServer(channel()).step(b"y,,n=user,r=abc")
        self.assertIsInstance(step, NeedVerifier)

    @rows(
        bound_on_the_plain_one=(False, b"p=tls-exporter,,n=user,r=abc"),
        unbound_on_plus=(True, b"n,,n=user,r=abc"),
        supported_on_plus=(True, b"y,,n=user,r=abc"),
    )
    @threat(44)
    def test_flag(self, plus: bool, first: bytes) -> None:  # noqa: FBT001
        """The flag agrees with the mechanism."""
        self.assertEqual(server(plus=plus).step(first), CREDENTIALS)

    def test_last_response_is_empty(self) -> None:
        """The answer to the server's signature holds nothing."""
        one, machine = client(), server()
        challenge = begin(machine, one.first())
        assert isinstance(challenge, Challenge)
        self.assertIsInstance(machine.step(one.answer(challenge.octets)), Challenge)
        self.assertEqual(machine.step(b"x"), SYNTAX)

    def test_verifier_is_needed(self) -> None:
        """A response in place of the verifier is out of order."""
        machine = server()
        machine.step(client().first())
        self.assertEqual(machine.step(b"c=biws,r=abc,p=AAAA"), SYNTAX)


@tabled
class ClientFirstTests(SynchronousTestCase):
    """client-first-message."""

    @rows(
        plain=b"n,,n=user,r=abc",
        authzid=b"n,a=other,n=user,r=abc",
        extension=b"n,,n=user,r=abc,x=1,y=2",
        escaped=b"n,,n=a=2Cb=3Dc,r=abc",
        equals_in_nonce=b"n,,n=user,r=a=b",
    )
    def test_accepted(self, octets: bytes) -> None:
        """RFC 5802, section 7."""
        found = ClientFirst.parse(octets)
        self.assertEqual(found.gs2_header + found.bare, octets)

    @rows(
        empty=b"",
        no_header=b"n=user,r=abc",
        bad_flag=b"x,,n=user,r=abc",
        upper_flag=b"N,,n=user,r=abc",
        gss_flag=b"F,n,,n=user,r=abc",
        empty_binding_type=b"p=,,n=user,r=abc",
        bad_binding_type=b"p=tls_x,,n=user,r=abc",
        mandatory_extension=b"n,,m=x,n=user,r=abc",
        late_mandatory_extension=b"n,,n=user,r=abc,m=x",
        no_nonce=b"n,,n=user",
        empty_nonce=b"n,,n=user,r=",
        empty_name=b"n,,n=,r=abc",
        order=b"n,,r=abc,n=user",
        second_name=b"n,,n=user,r=abc,n=other",
        raw_equals=b"n,,n=a=b,r=abc",
        lower_case_escape=b"n,,n=a=2cb,r=abc",
        bare_equals_at_end=b"n,,n=a=,r=abc",
        space_in_nonce=b"n,,n=user,r=a b",
        eight_bit_nonce="n,,n=user,r=\u00e4".encode(),
        nul=b"n,,n=us\0er,r=abc",
        bad_utf8=b"n,,n=\xff,r=abc",
        empty_authzid=b"n,a=,n=user,r=abc",
        bad_authzid=b"n,b=x,n=user,r=abc",
        trailing_comma=b"n,,n=user,r=abc,",
        bad_extension=b"n,,n=user,r=abc,xx",
    )
    def test_refused(self, octets: bytes) -> None:
        """All else is malformed."""
        self.assertRaises(SyntaxProblem, ClientFirst.parse, octets)
        self.assertEqual(ScramServer(channel()).step(octets), SYNTAX)


@tabled
class MutationTests(SynchronousTestCase):
    """Any change of the last message of a good client makes it fail."""

    def final(self, plus: bool) -> tuple[ScramServer, bytes]:  # noqa: FBT001
        """A server that waits for the proof, and the good proof."""
        one = client(("tls-exporter", EXPORTER) if plus else None)
        machine = server(plus=plus)
        challenge = begin(machine, one.first())
        assert isinstance(challenge, Challenge)
        return machine, one.answer(challenge.octets)

    @rows(
        nonce=lambda m: m.replace(b"r=fyko", b"r=fykp"),
        short_nonce=lambda m: m.replace(b"ZVvWVs7j,", b"ZVvWVs7,"),
        long_nonce=lambda m: m.replace(b"ZVvWVs7j,", b"ZVvWVs7jj,"),
        other_header=lambda m: m.replace(b"c=biws", b"c=eSws"),
        no_header=lambda m: m.replace(b"c=biws", b"c="),
        unused_bits=lambda m: m.replace(b"c=biws", b"c=biwt"),
        padded_header=lambda m: m.replace(b"c=biws", b"c=biws===="),
        added_extension=lambda m: m.replace(b",p=", b",x=1,p="),
        mandatory_extension=lambda m: m.replace(b",p=", b",m=1,p="),
        proof_missing=lambda m: m.rpartition(b",p=")[0],
        proof_empty=lambda m: m.rpartition(b",p=")[0] + b",p=",
        proof_short=lambda m: m.rpartition(b",p=")[0] + b",p=AAAA",
        proof_zero=lambda m: (
            m.rpartition(b",p=")[0] + b",p=" + base64.encode(bytes(32))
        ),
        proof_not_last=lambda m: m + b",x=1",
        proof_twice=lambda m: m + b",p=" + m.rpartition(b",p=")[2],
        order=lambda m: b",".join(
            [m.split(b",")[1], m.split(b",")[0], m.split(b",")[2]]
        ),
        line_end=lambda m: m + b"\n",
    )
    @threat(44)
    def test_field(self, mutate: Callable[[bytes], bytes]) -> None:
        """Each field of the message is checked."""
        machine, good = self.final(plus=False)
        bad = mutate(good)
        self.assertNotEqual(bad, good)
        self.assertIsInstance(machine.step(bad), Failed)

    @settings(deadline=None, max_examples=150)
    @given(st.booleans(), st.integers(0, 500), st.integers(1, 255))
    @threat(44)
    def test_octet(self, plus: bool, place: int, flip: int) -> None:  # noqa: FBT001
        """So is each octet of it."""
        machine, good = self.final(plus)
        place %= len(good)
        bad = good[:place] + bytes([good[place] ^ flip]) + good[place + 1 :]
        self.assertIsInstance(machine.step(bad), Failed)

    def test_unbound_final_on_plus(self) -> None:
        """A binding that was announced can't be left out."""
        machine, good = self.final(plus=True)
        header = base64.encode(b"p=tls-exporter,,")
        parts = good.split(b",")
        self.assertEqual(
            machine.step(b",".join([b"c=" + header, *parts[1:]])), CREDENTIALS
        )


@tabled
class ClientTests(SynchronousTestCase):
    """A client does not trust its server."""

    @rows(
        too_few=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4095",
        one=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=1",
        bomb=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=1000001",
        huge=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=99999999999999999",
        zero=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=0",
        leading_zero=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=04096",
        other_nonce=b"r=xyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096",
        our_nonce_alone=b"r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",
        bad_salt=b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR,i=4096",
        error=b"e=unknown-user",
        empty=b"",
        garbage=b"\xff\0",
    )
    @threat(45)
    def test_first_refused(self, challenge: bytes) -> None:
        """A server that asks for too little or too much work is left."""
        self.assertRaises(SyntaxProblem, client().answer, challenge)

    @rows(
        wrong=b"v=AAAA",
        error=b"e=other-error",
        empty=b"",
        not_base64=b"v=*",
    )
    def test_final_refused(self, challenge: bytes) -> None:
        """A server that does not know the password is left."""
        one = client()
        one.answer(b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=4096")
        self.assertRaises(SyntaxProblem, one.verify, challenge)

    def test_final_too_early(self) -> None:
        """An empty signature does not match one that was never made."""
        self.assertRaises(SyntaxProblem, client().verify, b"v=")

    @settings(deadline=None)
    @given(st.binary(max_size=60))
    def test_never_raises(self, octets: bytes) -> None:
        """No message raises anything but a syntax problem."""
        for parse in (ClientFirst.parse, ClientFinal.parse, ServerFirst.parse):
            try:
                parse(octets)
            except SyntaxProblem:
                continue

    def test_name(self) -> None:
        """Verifiers are stored under the name without -PLUS."""
        self.assertEqual(server(plus=True).plus, True)
        self.assertEqual(SHA_256, "SCRAM-SHA-256")
