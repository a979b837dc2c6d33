"""Status, Secret, Peer, Envelope and the failures: what their values promise."""

from __future__ import annotations

import copy
import pickle
from ipaddress import IPv4Address, IPv6Address

from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core import status
from mailapp.core.address import parse_address
from mailapp.core.envelope import Body, Envelope, Recipient
from mailapp.core.failures import (
    DeliveryFailure,
    PermanentFailure,
    SyntaxProblem,
    TemporaryFailure,
)
from mailapp.core.peer import TLS, Peer
from mailapp.core.secret import Secret
from mailapp.core.status import Status, is_reply
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class StatusTests(SynchronousTestCase):
    """RFC 3463, section 2."""

    @rows(ok=(250, "2.1.5"), temporary=(450, "4.1.5"), permanent=(550, "5.1.5"))
    def test_enhanced(self, code: int, enhanced: str) -> None:
        """The class comes from the reply code (RFC 2034, section 4)."""
        self.assertEqual(Status(1, 5, "x").enhanced(code), enhanced)

    @rows(
        text=("550 5.1.1 no such user", True),
        lines=("250-a b", True),
        alone=("421", True),
        ours=("the connection was refused", False),
        number=("5000 octets are too many", False),
        enhanced=("5.1.1 no such user", False),
        no_code=("150 what is this", False),
        none=("", False),
        inside=("they said 550 5.1.1", False),
    )
    def test_is_reply(self, text: str, expected: bool) -> None:  # noqa: FBT001
        """Words of a server begin with its reply code, and ours do not."""
        self.assertEqual(is_reply(text), expected)

    @rows(negative=(-1, 0), big=(1000, 0), detail=(0, 1000), both=(-1, -1))
    def test_three_digits(self, subject: int, detail: int) -> None:
        """One to three digits each, or there is no such value."""
        self.assertRaises(ValueError, Status, subject, detail, "x")

    @rows(crlf="a\r\nb", nul="\0", escape="\x1b[1m", separator="a\u2028b")
    @threat(27)
    def test_one_line(self, text: str) -> None:
        """A text that would break a reply makes no Status."""
        self.assertRaises(ValueError, Status, 1, 1, text)

    def test_constants(self) -> None:
        """Every shared status has a text for people, and a subject of RFC 3463."""
        shared = [v for v in vars(status).values() if isinstance(v, Status)]
        self.assertGreater(len(shared), 9)
        for value in shared:
            self.assertTrue(value.text)
            self.assertIn(value.subject, range(8))

    def test_text(self) -> None:
        """In logs the class is left open."""
        self.assertEqual(str(Status(1, 1, "no such mailbox")), "X.1.1 no such mailbox")


class SecretTests(SynchronousTestCase):
    """A secret does not show itself."""

    @threat(53)
    def test_hidden(self) -> None:
        """Neither repr, str, format, vars nor an exception shows it."""
        secret = Secret(b"tanstaaftanstaaf")
        texts = [repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret])]
        for text in texts:
            self.assertNotIn("tanst", text)
        self.assertFalse(hasattr(secret, "__dict__"))

    @threat(53)
    def test_not_pickled(self) -> None:
        """It can't leave the process by pickle, nor be copied."""
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            self.assertRaises(TypeError, pickle.dumps, Secret(b"x"), protocol)
        self.assertRaises(TypeError, copy.copy, Secret(b"x"))

    @given(st.binary(), st.binary())
    def test_equal(self, one: bytes, other: bytes) -> None:
        """Equal as their octets are, and equal ones have equal hashes."""
        self.assertEqual(Secret(one) == Secret(other), one == other)
        self.assertEqual(Secret(one).equals(other), one == other)
        self.assertEqual(hash(Secret(one)), hash(Secret(bytes(bytearray(one)))))
        self.assertNotEqual(Secret(one), one)
        self.assertEqual(Secret(one).reveal(), one)


@tabled
class PeerTests(SynchronousTestCase):
    """Who is at the other end."""

    @rows(
        v4=("192.0.2.1", IPv4Address("192.0.2.1")),
        v6=("2001:db8::1", IPv6Address("2001:db8::1")),
        mapped=("::ffff:192.0.2.1", IPv4Address("192.0.2.1")),
        zone=("fe80::1%eth0", IPv6Address("fe80::1%eth0")),
    )
    def test_ip(self, text: str, ip: IPv4Address | IPv6Address) -> None:
        """A mapped address is the IPv4 address that it stands for."""
        self.assertEqual(Peer(text).ip, ip)

    def test_hash(self) -> None:
        """Peers are values, with or without TLS."""
        one = Peer("192.0.2.1", tls=TLS("TLSv1.3", bindings={"tls-exporter": b"x"}))
        self.assertEqual(hash(one), hash(copy.deepcopy(one)))
        self.assertRaises(FrozenInstanceError, setattr, one, "port", 1)


class EnvelopeTests(SynchronousTestCase):
    """One mail transaction."""

    def test_defaults(self) -> None:
        """What no extension said is what plain SMTP means."""
        envelope = Envelope(
            "id", None, [Recipient(parse_address(b"a@x"))], Peer("::1"), "h", "SMTP", 0
        )
        self.assertIs(envelope.body, Body.SEVEN_BIT)
        self.assertFalse(envelope.smtputf8)
        self.assertIsNone(envelope.account)
        self.assertEqual([body.value for body in Body],
                         ["7BIT", "8BITMIME", "BINARYMIME"])  # fmt: skip


class FailureTests(SynchronousTestCase):
    """Expected failures carry their status."""

    def test_status(self) -> None:
        """Both kinds are told apart and have one parent."""
        for kind in (TemporaryFailure, PermanentFailure):
            failure = kind(status.MAILBOX_FULL)
            self.assertIs(failure.status, status.MAILBOX_FULL)
            self.assertIsInstance(failure, DeliveryFailure)
            self.assertIn("mailbox full", str(failure))
        self.assertNotIsInstance(
            TemporaryFailure(status.MAILBOX_FULL), PermanentFailure
        )

    def test_syntax(self) -> None:
        """A SyntaxProblem is a ValueError with a reason."""
        self.assertEqual(SyntaxProblem("why").reason, "why")
        self.assertIsInstance(SyntaxProblem("why"), ValueError)
