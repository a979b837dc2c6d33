"""mailapp.policy.checks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.peer import Peer
from mailapp.policy.check import Site
from mailapp.policy.interfaces import Content, Origin
from mailapp.policy.table import make_policy
from mailapp.policy.verdict import ACCEPT, Reject, Verdict
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import ALICE, BOB, envelope, run

SITE = Site("mx.example.test", ("example.test", "example.org"))
STRANGER = Peer("192.0.2.7", local_address="192.0.2.1")


def reply(verdict: Verdict) -> str:
    """``accept``, or code and enhanced code."""
    if verdict == ACCEPT:
        return "accept"
    assert isinstance(verdict, Reject)
    code = verdict.reply_code
    return f"{code} {verdict.status.enhanced(code)}"


@tabled
class HeloSyntaxTests(SynchronousTestCase):
    """What can't be a name is refused, what is only wrong is not."""

    @rows(
        full=("client.example.net", "accept"),
        short=("printer", "accept"),
        underscore=("my_pc", "accept"),
        final_dot=("client.example.net.", "accept"),
        literal=("[192.0.2.7]", "accept"),
        literal_6=("[IPv6:2001:db8::7]", "accept"),
        label_63=("a" * 63, "accept"),
        label_64=("a" * 64, "501 5.5.4"),
        empty=("", "501 5.5.4"),
        dot=(".", "501 5.5.4"),
        dots=("a..b", "501 5.5.4"),
        first_dot=(".a", "501 5.5.4"),
        name_255=(".".join(["a" * 63] * 4), "accept"),
        name_256=(".".join(["a" * 63] * 4) + ".", "501 5.5.4"),
    )
    def test_name(self, name: str, expected: str) -> None:
        """Labels of 1 to 63 octets, 255 in all."""
        policy = make_policy(["helo-syntax"], SITE)
        self.assertEqual(expected, reply(run(policy.helo(STRANGER, name))))


@tabled
class OwnNameTests(SynchronousTestCase):
    """Our names are ours."""

    @rows(
        other=(STRANGER, "client.example.net", "accept"),
        hostname=(STRANGER, "MX.example.test", "550 5.7.1"),
        domain=(STRANGER, "example.org.", "550 5.7.1"),
        loopback=(Peer("127.0.0.1"), "mx.example.test", "accept"),
        loopback_6=(Peer("::1"), "mx.example.test", "accept"),
        mapped=(Peer("::ffff:127.0.0.1"), "mx.example.test", "accept"),
        ourselves=(
            Peer("192.0.2.1", local_address="192.0.2.1"),
            "mx.example.test",
            "accept",
        ),
        trusted=(Peer("192.0.2.7", trusted=True), "mx.example.test", "accept"),
    )
    def test_name(self, peer: Peer, name: str, expected: str) -> None:
        """Only strangers are refused."""
        policy = make_policy(["own-name"], SITE)
        self.assertEqual(expected, reply(run(policy.helo(peer, name))))


@tabled
class SenderTests(SynchronousTestCase):
    """full-sender."""

    @rows(
        full=(Address("a", "example.net"), STRANGER, None, "accept"),
        null=(None, STRANGER, None, "accept"),
        literal=(Address("a", "[192.0.2.7]"), STRANGER, None, "accept"),
        short=(Address("root", "printer"), STRANGER, None, "553 5.1.7"),
        trusted=(
            Address("root", "printer"),
            Peer("192.0.2.7", trusted=True),
            None,
            "accept",
        ),
        account=(Address("root", "printer"), STRANGER, "alice", "accept"),
    )
    def test_sender(
        self, path: Address | None, peer: Peer, account: str | None, expected: str
    ) -> None:
        """A sender that nobody can answer."""
        policy = make_policy(["full-sender"], SITE)
        origin = Origin(peer, "c", path, account)
        self.assertEqual(expected, reply(run(policy.mail(origin))))


@tabled
class BounceTests(SynchronousTestCase):
    """bounce-recipients."""

    @rows(
        first=(None, 0, "accept"),
        second=(None, 1, "550 5.5.3"),
        ordinary=(BOB, 5, "accept"),
    )
    def test_recipients(
        self, path: Address | None, accepted: int, expected: str
    ) -> None:
        """The null reverse-path has one recipient."""
        policy = make_policy(["bounce-recipients"], SITE)
        origin = Origin(STRANGER, "c", path)
        self.assertEqual(expected, reply(run(policy.rcpt(origin, ALICE, accepted))))


TO_ALICE = b"Delivered-To: alice@example.test\r\n"


@tabled
class LoopTests(SynchronousTestCase):
    """delivered-before."""

    @rows(
        none=(b"Subject: x\r\n", "accept"),
        twice=(TO_ALICE * 2, "accept"),
        thrice=(TO_ALICE * 3, "554 5.4.6"),
        mixed=(
            TO_ALICE * 2 + b"Subject: x\r\nDELIVERED-TO:\r\n Alice@Example.test \r\n",
            "554 5.4.6",
        ),
        another=(b"Delivered-To: bob@example.test\r\n" * 9, "accept"),
        in_body=(b"Subject: x\r\n\r\n" + TO_ALICE * 9, "accept"),
        cut=(TO_ALICE * 2 + TO_ALICE[:-2], "554 5.4.6"),
    )
    @threat(21)
    def test_loop(self, header: bytes, expected: str) -> None:
        """The third pass through the same mailbox is the last."""
        policy = make_policy(["delivered-before"], SITE)
        content = Content(header, len(header))
        self.assertEqual(expected, reply(run(policy.body(envelope(ALICE), content))))

    def test_several(self) -> None:
        """With several recipients it is for the Received fields to tell."""
        policy = make_policy(["delivered-before"], SITE)
        content = Content(TO_ALICE * 9, 9)
        verdict = run(policy.body(envelope(ALICE, BOB), content))
        self.assertEqual(ACCEPT, verdict)
