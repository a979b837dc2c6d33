"""A next hop that lacks each extension in turn receives what the 7-bit rule says."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.envelope import Body
from mailapp.message.sevenbit import SevenBit, convert
from mailapp.message.structure import scan
from mailapp.net.records import MX, RecordType
from mailapp.queue.types import Attempt
from mailapp.smtp.stuffing import whole_lines
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.trees import leaves, messages
from tests.unit.relay.net import ALL, FakeServer, World, outcomes

HEAD = b"MIME-Version: 1.0\r\nSubject: x\r\n"
PLAIN = HEAD + b"\r\nhello\r\n"
LATIN = (
    HEAD + b"Content-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\nr\xe4t\r\n"
)
BINARY = (
    HEAD + b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n"
    b"\r\n\x89PNG\r\n\x1a\n\0\r.\r\n\n.\n"
)
SIGNED = (
    HEAD + b'Content-Type: multipart/signed; boundary=b; protocol="a/b"\r\n\r\n'
    b"--b\r\n\r\nr\xe4t\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"
)
UTF8_HEADER = b"Subject: \xc3\xa4\r\n\r\nhello\r\n"


def without(*words: str) -> tuple[str, ...]:
    """All extensions but these."""
    return tuple(word for word in ALL if word not in words)


def sent(
    extensions: tuple[str, ...], content: bytes, *names: str, **changes: Any
) -> tuple[list[Attempt], FakeServer]:
    """What such a server makes of a message."""
    world = World(lambda: FakeServer(extensions))
    attempts = world.carry(*names, content=content, **changes)
    return list(attempts), world.connected[-1]


@tabled
class HopTests(SynchronousTestCase):
    """Each extension, missing and there."""

    @rows(
        plain=(ALL, PLAIN, {}, b"", PLAIN),
        plain_anywhere=((), PLAIN, {}, b"", PLAIN),
        eight_bit=(ALL, LATIN, {}, b"BODY=8BITMIME", LATIN),
        eight_bit_by_data=(("8BITMIME",), LATIN, {}, b"BODY=8BITMIME", LATIN),
        binary=(ALL, BINARY, {"body": Body.BINARY}, b"BODY=BINARYMIME", BINARY),
        binary_lockstep=(
            ("CHUNKING", "BINARYMIME", "8BITMIME"),
            BINARY,
            {"body": Body.BINARY},
            b"BODY=BINARYMIME",
            BINARY,
        ),
        utf8=(ALL, UTF8_HEADER, {"smtputf8": True}, b"BODY=8BITMIME SMTPUTF8", None),
        utf8_not_needed=(without("SMTPUTF8"), PLAIN, {"smtputf8": True}, b"", PLAIN),
    )
    def test_as_it_is(
        self,
        extensions: tuple[str, ...],
        content: bytes,
        changes: dict[str, Any],
        parameters: bytes,
        expected: bytes | None,
    ) -> None:
        """What the server can take arrives octet by octet, and is declared."""
        attempts, server = sent(extensions, content, **changes)
        self.assertEqual(outcomes(attempts), [("relayed", "2.0.0")])
        self.assertEqual(server.messages, [expected or content])
        mail = next(line for line in server.commands if line.startswith(b"MAIL"))
        self.assertTrue(mail.endswith(parameters), mail)
        if not parameters:
            self.assertNotIn(b"BODY", mail)
            self.assertNotIn(b"SMTPUTF8", mail)

    @rows(
        eight_bit=(without("8BITMIME"), LATIN, {}),
        eight_bit_lockstep=((), LATIN, {}),
        binary_no_binarymime=(without("BINARYMIME"), BINARY, {"body": Body.BINARY}),
        binary_no_chunking=(without("CHUNKING"), BINARY, {"body": Body.BINARY}),
        binary_old_server=((), BINARY, {"body": Body.BINARY}),
    )
    @threat(24)
    def test_converted(
        self, extensions: tuple[str, ...], content: bytes, changes: dict[str, Any]
    ) -> None:
        """Else it is valid 7-bit MIME of the same content, and declared as nothing."""
        attempts, server = sent(extensions, content, **changes)
        self.assertEqual(outcomes(attempts), [("relayed", "2.0.0")])
        [message] = server.messages
        self.assertTrue(message.isascii() and b"\0" not in message)
        self.assertEqual(
            list(leaves(message, scan(message))), list(leaves(content, scan(content)))
        )
        self.assertNotIn(b"BODY", b" ".join(server.commands))

    @rows(
        signed=(without("8BITMIME"), SIGNED, {}, "5.6.3"),
        header=(without("8BITMIME"), UTF8_HEADER, {}, "5.6.9"),
        header_declared=(without("SMTPUTF8"), UTF8_HEADER, {"smtputf8": True}, "5.6.9"),
        sender=(
            without("SMTPUTF8"),
            PLAIN,
            {"smtputf8": True, "reverse_path": Address("ü", "us.test")},
            "5.6.7",
        ),
        no_eight_bit=(
            without("8BITMIME"),
            PLAIN,
            {"smtputf8": True, "reverse_path": Address("ü", "us.test")},
            "5.6.7",
        ),
    )
    @threat(24, 25)
    def test_refused(
        self,
        extensions: tuple[str, ...],
        content: bytes,
        changes: dict[str, Any],
        status: str,
    ) -> None:
        """What can't be changed fails, and nothing of it is sent."""
        attempts, server = sent(extensions, content, **changes)
        self.assertEqual(outcomes(attempts), [("failed", status)])
        self.assertEqual(server.messages, [])
        self.assertEqual([line[:4] for line in server.commands], [b"EHLO"])

    @threat(25)
    def test_recipients_one_by_one(self) -> None:
        """Only the recipient that can't be named fails."""
        attempts, server = sent(without("SMTPUTF8"), PLAIN, "ü", "bob", smtputf8=True)
        self.assertEqual(
            outcomes(attempts), [("failed", "5.6.7"), ("relayed", "2.0.0")]
        )
        self.assertIn(b"RCPT TO:<bob@example.test>", server.commands)
        attempts, server = sent(ALL, PLAIN, "ü", smtputf8=True)
        self.assertIn("RCPT TO:<ü@example.test>".encode(), server.commands)

    def test_another_server_first(self) -> None:
        """One more MX host is asked before a message is converted."""
        zone: Any = {
            ("example.test", RecordType.MX): [MX(1, "old.test"), MX(2, "new.test")],
            ("old.test", RecordType.A): ["192.0.2.1"],
            ("new.test", RecordType.A): ["192.0.2.2"],
        }
        old, new = (lambda: FakeServer(("SIZE",))), FakeServer
        world = World({"192.0.2.1": old, "192.0.2.2": new}, zone)
        world.carry(content=LATIN)
        self.assertEqual(world.connected[1].messages, [LATIN])
        self.assertTrue(world.connected[0].closed)
        world = World({"192.0.2.1": old, "192.0.2.2": old}, zone)
        self.assertEqual(outcomes(world.carry(content=LATIN)), [("relayed", "2.0.0")])
        self.assertTrue(world.connected[0].messages[0].isascii())
        self.assertTrue(world.connected[1].closed)

    def test_too_big(self) -> None:
        """SIZE says no before anything is sent (RFC 1870, section 6.1)."""
        attempts, server = sent(("SIZE 10",), PLAIN)
        self.assertEqual(outcomes(attempts), [("failed", "5.3.4")])
        self.assertEqual(server.messages, [])


class TreeTests(SynchronousTestCase):
    """Any MIME tree, to any server."""

    @given(messages)
    @settings(deadline=None, max_examples=25)
    @threat(3, 24)
    def test_seven_bit_hop(self, octets: bytes) -> None:
        """It arrives with equal parts in 7 bit, or it fails; nothing in between."""
        for extensions in (without("8BITMIME"), ("PIPELINING",)):
            attempts, server = sent(extensions, octets, body=Body.BINARY)
            expected = convert(octets)
            if not isinstance(expected, SevenBit):
                self.assertEqual(attempts[0].outcome.value, "failed")
                self.assertEqual(server.messages, [])
                continue
            [message] = server.messages
            self.assertTrue(message.isascii())
            bare = message.replace(b"\r\n", b"")
            self.assertFalse(b"\r" in bare or b"\n" in bare)
            self.assertEqual(message, whole_lines(expected.octets))

    @given(messages)
    @settings(deadline=None, max_examples=25)
    @threat(3)
    def test_smuggling(self, octets: bytes) -> None:
        """Whatever entered the queue: one message comes out, its lines in order."""
        for extensions in (ALL, ("PIPELINING", "8BITMIME"), ("8BITMIME",)):
            _, server = sent(extensions, octets)
            [message] = server.messages
            bare = message.replace(b"\r\n", b"")
            self.assertFalse(b"\r" in bare or b"\n" in bare)
            allowed = {b"EHLO", b"MAIL", b"RCPT", b"DATA", b"BDAT"}
            self.assertLessEqual({line[:4] for line in server.commands}, allowed)
