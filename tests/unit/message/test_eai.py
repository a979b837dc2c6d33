"""Post-delivery downgrading (RFC 6857)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.addresses import AddressDefect, parse_addresses
from mailapp.message.content import parse_content_type
from mailapp.message.eai import downgrade
from mailapp.message.eai_fields import downgrade_field
from mailapp.message.fields import parse_header
from mailapp.message.structure import scan
from mailapp.message.words import decode_text
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message import fixtures, trees

E = "é".encode()

# RFC 6857, appendix A, with letters in place of what the RFC can't print
RECEIVED = """\
Return-Path: <señor@example.com>
Received: from a.example by b.example for <üser1@example.net>; Mon, 30 Jul 2012 1:0:0 Z
From: Señor <señor@example.com>
To: Üser1 <üser1@example.net>,
 Üser2 <üser2@example.com>
Cc: Üser3 <üser3@example.org>
Subject: Ça va
Date: Mon, 30 Jul 2012 01:23:45 -0000
Message-Id: <ñ@example.com>
Mime-Version: 1.0
Content-Type: text/plain; charset="UTF-8"
Content-Transfer-Encoding: 8bit
X-Unknown-Header: ñ

Café
"""
DOWNGRADED = """\
Return-Path: =?utf-8?b?c2XDsW9yQGV4YW1wbGUuY29t?= :;
Received: from a.example by b.example; Mon, 30 Jul 2012 1:0:0 Z
From: =?utf-8?b?U2XDsW9y?= =?utf-8?b?c2XDsW9yQGV4YW1wbGUuY29t?= :;
To: =?utf-8?b?w5xzZXIx?= =?utf-8?b?w7xzZXIxQGV4YW1wbGUubmV0?= :;,
 =?utf-8?b?w5xzZXIy?= =?utf-8?b?w7xzZXIyQGV4YW1wbGUuY29t?= :;
Cc: =?utf-8?b?w5xzZXIz?= =?utf-8?b?w7xzZXIzQGV4YW1wbGUub3Jn?= :;
Subject: =?utf-8?b?w4dh?= va
Date: Mon, 30 Jul 2012 01:23:45 -0000
Downgraded-Message-Id: =?utf-8?b?PMOxQGV4YW1wbGUuY29tPg==?=
Mime-Version: 1.0
Content-Type: text/plain; charset="UTF-8"
Content-Transfer-Encoding: 8bit
X-Unknown-Header: =?utf-8?b?w7E=?=

Café
"""


def wire(text: str) -> bytes:
    """With CRLF lines."""
    return text.replace("\n", "\r\n").encode()


@tabled
class FieldTests(SynchronousTestCase):
    """RFC 6857, section 3.2, field by field."""

    @rows(
        name=("From", "Café <a@b.example>", "=?utf-8?b?Q2Fmw6k=?= <a@b.example>"),
        # section 3.1.3: nothing but the comment changes
        comment=("From", "a@b (Café, x)", "a@b (=?utf-8?b?Q2Fmw6ksIHg=?=)"),
        quoted=("To", '"Café, x" <a@b>', "=?utf-8?b?Q2Fmw6ksIHg=?= <a@b>"),
        domain=("To", "x <a@bücher.example>", "x <a@xn--bcher-kva.example>"),
        bare_domain=("To", "a@bücher.example", "<a@xn--bcher-kva.example>"),
        quoted_local=("To", '"a b"@bücher.example', '<"a b"@xn--bcher-kva.example>'),
        bad_domain=("To", "a@-é-.example", "=?utf-8?b?YUAtw6ktLmV4YW1wbGU=?= :;"),
        several=("Cc", "a@b, é@c", "<a@b>, =?utf-8?b?w6lAYw==?= :;"),
        group_name=("To", "é: a@b, c@d;", "=?utf-8?b?w6k=?= : <a@b>, <c@d>;"),
        group_domain=("To", "x: a@ü.example;", "x : <a@xn--tda.example>;"),
        group_local=("To", "x: a@b, é@c;", "x =?utf-8?b?YUBiLCDDqUBj?= :;"),
        unreadable=("To", "é é é", "=?utf-8?b?w6kgw6kgw6k=?="),
        encoded_name=("To", "=?utf-8?q?a?= é <a@b>", "=?utf-8?q?a_=C3=A9?= <a@b>"),
        date=("Date", "x (é)", "x (=?utf-8?b?w6k=?=)"),
        references=("References", "<a@b> (é)", "<a@b> (=?utf-8?b?w6k=?=)"),
        subject=("Subject", "a é b", "a =?utf-8?b?w6k=?= b"),
        subject_run=("Subject", "é é b  c", "=?utf-8?b?w6kgw6k=?= b  c"),
        subject_mixed=("Subject", "=?utf-8?q?x?= é", "=?utf-8?q?x_=C3=A9?="),
        list_id=("List-Id", "Café <x.example>", "=?utf-8?b?Q2Fmw6k=?= <x.example>"),
        keywords=("Keywords", "a, é b, c", "a, =?utf-8?q?=C3=A9_b?=, c"),
        no_for=("Received", "by b for é@c; x", "by b; x"),
        a_for=(
            "Received", "by b for <a@ü.example>; x",
            "by b for <a@xn--tda.example>; x",
        ),
        no_id=("Received", "by b id é with SMTP; x", "by b with SMTP; x"),
        by=(
            "Received", "from x (é) by ü.example; x",
            "from x (=?utf-8?b?w6k=?=) by xn--tda.example; x",
        ),
        disposition=(
            "Content-Disposition", "attachment; filename=é.txt; size=1",
            "attachment; filename*=utf-8''%C3%A9.txt; size=1",
        ),
        segments=(
            "Content-Type", "text/plain; name*0=é; charset=x; name*1=b",
            "text/plain; name*=utf-8''%C3%A9b; charset=x",
        ),
        type_comment=(
            "Content-Type", "text/plain (é); a=b",
            "text/plain (=?utf-8?b?w6k=?=); a=b",
        ),
        type_broken=("Content-Type", "é/x; a=b", "=?utf-8?b?w6kveDs=?= a=b"),
        excised=("Content-Type", "text/plain; é; a=b", "text/plain; a=b"),
        type_addr=(
            "Final-Recipient", "utf-8; é@ü.example",
            "utf-8; \\x{E9}@\\x{FC}.example",
        ),
        type_plus=(
            "Final-Recipient", "UTF-8;a+é=😀",
            "UTF-8; a\\x{2B}\\x{E9}\\x{3D}\\x{1F600}",
        ),
    )  # fmt: skip
    def test_field(self, name: str, value: str, expected: str) -> None:
        """The name stays, the value is said in ASCII."""
        new = downgrade_field(name.encode(), value.encode())
        self.assertEqual(new, (name.encode(), expected.encode()))

    @rows(
        message_id=("Message-ID", "<é@b>"),
        resent=("Resent-Message-ID", "<é@b>"),
        in_reply_to=("In-Reply-To", "<é@b>"),
        references=("References", "<a@b> <é@b>"),
        original=("Original-Recipient", "rfc822; é@b"),
        final=("Final-Recipient", "x-other; é@b"),
        unterminated=("References", "<a@b> (é"),
    )
    def test_encapsulated(self, name: str, value: str) -> None:
        """RFC 6857, section 3.1.10: the last resort keeps the text."""
        new_name, new = downgrade_field(name.encode(), value.encode())
        self.assertEqual(new_name, b"Downgraded-" + name.encode())
        self.assertTrue(new.isascii())
        self.assertEqual(decode_text(new), value)

    def test_not_utf8(self) -> None:
        """What is no UTF-8 keeps its octets, in a charset that nobody knows."""
        self.assertEqual(
            downgrade_field(b"Subject", b"caf\xe9 x"),
            (b"Subject", b"=?unknown-8bit?b?Y2Fm6Q==?= x"),
        )
        self.assertEqual(
            downgrade_field(b"Content-Type", b"a/b; name=caf\xe9"),
            (b"Content-Type", b"a/b; name*=unknown-8bit''caf%E9"),
        )

    @given(
        st.sampled_from([b"From", b"Received", b"Content-Type", b"Keywords", b"X",
                         b"References", b"Final-Recipient", b"Date"]),
        st.lists(
            st.sampled_from([E, b"a", b" ", b'"', b"(", b")", b"<", b">", b"@", b";",
                             b":", b",", b"\\", b"=", b"*", b"for", b"\xff", b"=?",
                             b"utf-8", b"?q?", b"'", b"/", b".", b"[", b"\x01"]),
            max_size=30,
        ).map(b"".join),
    )  # fmt: skip
    @settings(deadline=None)
    @threat(17)
    def test_any(self, name: bytes, value: bytes) -> None:
        """Any value becomes ASCII in one line, and so none becomes two fields."""
        new_name, new = downgrade_field(name, value)
        self.assertTrue(new.isascii())
        self.assertNotIn(b"\n", new)
        self.assertNotIn(b"\r", new)
        self.assertTrue(new_name.endswith(name))

    @given(st.text(max_size=200).filter(lambda t: "\0" not in t))
    @settings(deadline=None)
    def test_subject(self, text: str) -> None:
        """A subject reads as before."""
        value = " ".join(text.split())
        new = downgrade_field(b"Subject", value.encode())[1]
        self.assertEqual(decode_text(new), decode_text(value.encode()))

    def test_harmless(self) -> None:
        """What comes of an address list is one, of nobody or of the same."""
        value = f"é <é@b>, {E.decode()}: a@b;, x@ü.example".encode()
        found = parse_addresses(downgrade_field(b"From", value)[1])
        self.assertEqual(found.defects, AddressDefect.NONE)
        specs = [(box.local_part, box.domain) for box in found.mailboxes]
        self.assertEqual(specs, [(b"a", b"b"), (b"x", b"xn--tda.example")])

    def test_long_name(self) -> None:
        """A file name of any length can be read again."""
        name = "é" * 300 + ".txt"
        value = f'attachment; filename="{name}"'.encode()
        new = downgrade_field(b"Content-Disposition", value)[1]
        found = parse_content_type(b"a/b;" + new.partition(b";")[2])
        self.assertEqual(found.texts(), {b"filename": name})


@tabled
class MessageTests(SynchronousTestCase):
    """Whole messages."""

    def test_appendix_a(self) -> None:
        """RFC 6857, appendix A."""
        self.assertEqual(downgrade(wire(RECEIVED)).decode(), wire(DOWNGRADED).decode())

    def test_local_lines(self) -> None:
        """A message with LF lines stays one."""
        self.assertEqual(downgrade(RECEIVED.encode()).decode(), DOWNGRADED)

    @rows(
        part=(
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + E + b"\r\n--b\r\n"
            b"Content-Description: " + E + b"\r\n\r\n" + E + b"\r\n--b--\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + E + b"\r\n--b\r\n"
            b"Content-Description: =?utf-8?b?w6k=?=\r\n\r\n" + E + b"\r\n--b--\r\n",
        ),
        message_global=(
            b"Content-Type: Message/Global; x=" + E + b"\r\n\r\nSubject: " + E
            + b"\r\n\r\n" + E,
            b"Content-Type: message/rfc822; x*=utf-8''%C3%A9\r\n\r\n"
            b"Subject: =?utf-8?b?w6k=?=\r\n\r\n" + E,
        ),
        status=(
            b"Content-Type: message/global-delivery-status\r\n\r\nReporting-MTA: dns; x"
            b"\r\n\r\nFinal-Recipient: utf-8; " + E + b"@x\r\nStatus: " + E
            + b"\r\n\r\nOriginal-Recipient: x; " + E + b"\r\n",
            b"Content-Type: message/global-delivery-status\r\n\r\nReporting-MTA: dns; x"
            b"\r\n\r\nFinal-Recipient: utf-8; \\x{E9}@x\r\nStatus: " + E
            + b"\r\n\r\nDowngraded-Original-Recipient: x; =?utf-8?b?w6k=?=\r\n",
        ),
        no_field=(E + b" x\r\nTo: a\r\n\r\n" + E, b"?? x\r\nTo: a\r\n\r\n" + E),
        no_body=(b"Subject: " + E, b"Subject: =?utf-8?b?w6k=?="),
        folded=(
            b"Subject: a\r\n " + E + b"\r\n\r\n",
            b"Subject: a =?utf-8?b?w6k=?=\r\n\r\n",
        ),
        too_many=(
            b"a: b\r\n" * 10_001 + b"c: " + E + b"\r\n\r\n",
            b"a: b\r\n" * 10_001 + b"c: ??\r\n\r\n",
        ),
    )  # fmt: skip
    def test_downgrade(self, octets: bytes, expected: bytes) -> None:
        """Headers of all levels change, bodies do not; and once is enough."""
        self.assertEqual(downgrade(octets), expected)
        self.assertIs(downgrade(expected), expected)

    def test_untouched(self) -> None:
        """A message without 8-bit fields is given back as it is."""
        octets = b"Subject: a\r\n\r\n" + E
        self.assertIs(downgrade(octets), octets)
        for name in fixtures.names():
            octets = fixtures.message(name)
            self.assertIs(downgrade(octets), octets)

    @given(trees.messages, st.binary(max_size=30))
    @settings(deadline=None, max_examples=100)
    def test_trees(self, octets: bytes, value: bytes) -> None:
        """No header has an octet over 127, leaves are as they were, once is enough."""
        octets = octets.replace(b"Subject: ", b"To: " + E + b"@x\r\nSubject: \xff" + E)
        octets = b"X: " + value.replace(b"\n", b"") + b"\r\n" + octets
        new = downgrade(octets)
        self.assertIs(downgrade(new), new)
        self.assertTrue(new[: parse_header(new).body_start].isascii())
        old_parts, new_parts = fixtures.every(scan(octets)), fixtures.every(scan(new))
        self.assertEqual(len(new_parts), len(old_parts))
        for old, part in zip(old_parts, new_parts, strict=True):
            self.assertTrue(new[part.header_start : part.body_start].isascii())
            if not old.parts:
                body = octets[old.body_start : old.end]
                self.assertEqual(new[part.body_start : part.end], body)
