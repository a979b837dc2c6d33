"""Trace fields (RFC 5321, section 4.4) and fields of our own."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address, parse_address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import SyntaxProblem
from mailapp.core.peer import TLS, Peer
from mailapp.message.fields import HeaderDefect, parse_header
from mailapp.message.trace import (
    count_received,
    delivered_to,
    received,
    return_path,
)
from mailapp.message.words import decode_text
from mailapp.message.writing import build_field, build_text_field
from tests.rows import rows, tabled
from tests.threats import threat

BOB = parse_address(b"bob@example.test")
JOERG = parse_address("jörg@bücher.example".encode())
ENVELOPE = Envelope(
    id="abc123",
    reverse_path=parse_address(b"alice@example.org"),
    recipients=[Recipient(BOB)],
    peer=Peer("192.0.2.1", 1025),
    helo="client.example.org",
    protocol="ESMTP",
    received_at=1795435200.75,
)


def one_line(octets: bytes) -> bytes:
    """The only field in these octets, as one line."""
    header = parse_header(octets + b"\r\n")
    assert len(header.fields) == 1
    assert header.defects is HeaderDefect.NONE
    return header.fields[0].name + b": " + header.fields[0].unfolded


@tabled
class ReceivedTests(SynchronousTestCase):
    """Who gave us what, when."""

    @rows(
        plain=({}, b"from client.example.org ([192.0.2.1]) by mx.example.test with"
               b" ESMTP id abc123 for <bob@example.test>;"),
        first=({"priority": -3},
               b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTP"
               b" id abc123 for <bob@example.test> priority -3;"),
        two=({"recipients": [Recipient(BOB), Recipient(JOERG)]},
             b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTP"
             b" id abc123;"),
        v6=({"peer": Peer("2001:db8::1")},
            b"from client.example.org ([IPv6:2001:db8::1]) by mx.example.test with"
            b" ESMTP id abc123 for <bob@example.test>;"),
        mapped=({"peer": Peer("::ffff:192.0.2.1")},
                b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTP"
                b" id abc123 for <bob@example.test>;"),
        zone=({"peer": Peer("fe80::1%eth0")},
              b"from client.example.org ([IPv6:fe80::1]) by mx.example.test with ESMTP"
              b" id abc123 for <bob@example.test>;"),
        literal=({"helo": "[192.0.2.1]"},
                 b"from [192.0.2.1] ([192.0.2.1]) by mx.example.test with ESMTP id"
                 b" abc123 for <bob@example.test>;"),
        tls=({"peer": Peer("192.0.2.1", tls=TLS("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
              "protocol": "ESMTPS"},
             b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTPS id"
             b" abc123 for <bob@example.test> tls TLS_AES_256_GCM_SHA384;"),
        tls_other_name=(
            {"peer": Peer("192.0.2.1", tls=TLS("TLSv1.2", "ECDHE-RSA-AES128"))},
            b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTP id"
            b" abc123 for <bob@example.test>;"),
        no_helo=({"helo": ""},
                 b"from unknown ([192.0.2.1]) by mx.example.test with ESMTP id abc123"
                 b" for <bob@example.test>;"),
        # RFC 6531, section 3.7.3
        utf8=({"smtputf8": True, "protocol": "UTF8SMTP", "helo": "xn--bcher-kva.test",
               "recipients": [Recipient(JOERG)]},
              "from bücher.test ([192.0.2.1]) by mx.example.test with UTF8SMTP id"
              " abc123 for <jörg@bücher.example>;".encode()),
        utf8_not_allowed=(
            {"recipients": [Recipient(JOERG)]},
            b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTP id"
            b" abc123;"),
        utf8_domain_only=(
            {"recipients": [Recipient(Address("a", "xn--bcher-kva.example"))]},
            b"from client.example.org ([192.0.2.1]) by mx.example.test with ESMTP id"
            b" abc123 for <a@xn--bcher-kva.example>;"),
    )  # fmt: skip
    def test_received(self, change: dict[str, object], expected: bytes) -> None:
        """The whole stamp."""
        octets = received(evolve(ENVELOPE, **change), "mx.example.test")  # type: ignore[arg-type]  # rows
        self.assertEqual(
            one_line(octets),
            b"Received: " + expected + b" Mon, 23 Nov 2026 12:00:00 +0000",
        )
        self.assertTrue(all(len(line) <= 78 for line in octets.split(b"\r\n")))

    def test_client_name(self) -> None:
        """TCP-info with the verified name of the client."""
        octets = received(ENVELOPE, "mx", client_name="out.example.org")
        self.assertIn(b"(out.example.org [192.0.2.1])", one_line(octets))

    @settings(deadline=None)
    @given(st.text(max_size=300), st.text(max_size=50), st.text(max_size=80))
    @threat(4, 17, 122)
    def test_never_broken(self, helo: str, id_: str, protocol: str) -> None:
        """Whatever a client calls itself, it stays one field of printable octets."""
        for utf8 in (False, True):
            envelope = evolve(
                ENVELOPE, helo=helo, id=id_, protocol=protocol, smtputf8=utf8
            )
            line = one_line(received(envelope, "mx", client_name=helo))
            self.assertTrue(line.decode().isprintable())
            self.assertTrue(utf8 or line.isascii())
            self.assertEqual(line.count(b";"), 1)
            self.assertEqual(line.count(b"("), 1)
            self.assertEqual(line.count(b" by "), 1)

    @threat(17)
    def test_strange_recipients(self) -> None:
        """Quoted local parts do not leave their clause."""
        for local in ("a b", "x> ; (", '"', "\\", "a\u2028b"):
            address = Address(local, "example.test")
            envelope = evolve(ENVELOPE, recipients=[Recipient(address)], smtputf8=True)
            line = one_line(received(envelope, "mx"))
            self.assertIn(b"for <" + address.encode() + b">;", line)
            self.assertEqual(one_line(delivered_to(address)),
                             b"Delivered-To: " + address.encode())  # fmt: skip


@tabled
class OtherTraceTests(SynchronousTestCase):
    """Return-Path, Delivered-To and counting."""

    def test_return_path(self) -> None:
        """RFC 5321, section 4.4; the null reverse-path is ``<>``."""
        self.assertEqual(return_path(None), b"Return-Path: <>\r\n")
        self.assertEqual(return_path(BOB), b"Return-Path: <bob@example.test>\r\n")
        self.assertEqual(
            return_path(JOERG, utf8=True),
            "Return-Path: <jörg@bücher.example>\r\n".encode(),
        )

    @rows(
        none=(b"Subject: x\r\n\r\nReceived: y\r\n", 0),
        three=(b"Received: a\r\n b\r\nRECEIVED: c\r\nX: y\r\nreceived : d\r\n\r\n", 3),
        folded=(b"X: y\r\n Received: a\r\n\r\n", 0),
        spf=(b"Received-SPF: pass\r\nX-Received: a\r\nReceived: b\r\n", 1),
        lf=(b"Received: a\nReceived: b\n\nReceived: c\n", 2),
        empty=(b"", 0),
        no_colon=(b"Received\r\nReceived a: b\r\n", 0),
    )
    @threat(21)
    def test_count(self, header: bytes, count: int) -> None:
        """Only fields of this very name, only in the header."""
        self.assertEqual(count_received(header), count)

    @threat(14, 21)
    def test_count_many(self) -> None:
        """A megabyte of them, and of what looks alike, is counted in one pass."""
        self.assertEqual(count_received(b"Received: x\r\n" * 80_000), 80_000)
        self.assertEqual(count_received(b"\nreceived" * 100_000), 0)
        self.assertEqual(count_received(b"received" + b" " * 1_000_000 + b":"), 1)


@tabled
class WritingTests(SynchronousTestCase):
    """A field can't be left."""

    @rows(
        crlf=b"a\r\nBcc: b", cr=b"a\r", lf=b"\nb", nul=b"a\0", escape=b"\x1b",
        delete=b"\x7f", empty=b"", space=b" ", long=b"a" * 998,
    )  # fmt: skip
    @threat(4, 17)
    def test_refused_words(self, word: bytes) -> None:
        """Alone, first, in the middle, or last."""
        for words in ([word], [b"a", word], [word, b"a"], [b"a" * 70, word, b"b"]):
            self.assertRaises(SyntaxProblem, build_field, b"Subject", words)

    def test_octets(self) -> None:
        """All 256: no control but tab gets through."""
        for octet in range(256):
            word = b"a" + bytes([octet]) + b"b"
            if octet == 9 or (octet >= 32 and octet != 127):
                build_field(b"X", [word])
            else:
                self.assertRaises(SyntaxProblem, build_field, b"X", [word])

    @rows(
        empty=b"", colon=b"a:", space=b"a b", crlf=b"a\r\n", utf8="ä".encode(),
        nul=b"\0", long=b"a" * 77,
    )  # fmt: skip
    @threat(4)
    def test_refused_names(self, name: bytes) -> None:
        """RFC 5322, section 3.6.8."""
        self.assertRaises(SyntaxProblem, build_field, name, [b"x"])

    def test_folding(self) -> None:
        """At most 78 octets where words allow it; never an empty first line."""
        self.assertEqual(build_field(b"A", [b"b" * 75]), b"A: " + b"b" * 75 + b"\r\n")
        self.assertEqual(build_field(b"A", [b"b" * 90, b"c"]),
                         b"A: " + b"b" * 90 + b"\r\n c\r\n")  # fmt: skip
        self.assertEqual(build_field(b"A", [b"b" * 74, b"c", b"d"]),
                         b"A: " + b"b" * 74 + b"\r\n c d\r\n")  # fmt: skip
        self.assertEqual(build_field(b"A", []), b"A:\r\n")

    @settings(deadline=None)
    @given(st.text(max_size=200), st.booleans())
    @threat(4, 17)
    def test_text(self, text: str, utf8: bool) -> None:  # noqa: FBT001
        """Any text is refused, or is one field that reads as it was written."""
        try:
            octets = build_text_field(b"Subject", text, utf8=utf8)
        except SyntaxProblem:
            self.assertTrue(set("\r\n\0") & set(text))
            return
        header = parse_header(octets + b"\r\n")
        (field,) = header.fields
        expected = text.encode("utf-8", "replace").decode()
        self.assertEqual(decode_text(field.unfolded), expected)
        self.assertTrue(utf8 or octets.isascii())
        self.assertTrue(all(len(line) <= 998 for line in octets.split(b"\r\n")))
