"""Address lists (RFC 5322, section 3.4) and the author's domain."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address, parse_address
from mailapp.core.failures import SyntaxProblem
from mailapp.message.addresses import (
    AddressDefect,
    AddressList,
    Group,
    format_mailbox,
    parse_addresses,
)
from mailapp.message.author import author_domain
from mailapp.message.fields import parse_header
from mailapp.message.tokens import COMMENT_DEPTH, Kind, LexicalDefect, tokenize
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.message.fixtures import message

D = AddressDefect
NONE = D.NONE


def shown(addresses: AddressList) -> list[str]:
    """``name|local_part|domain``; a group as ``name:`` with its members behind it."""
    lines: list[str] = []
    for entry in addresses.entries:
        members = entry.members if isinstance(entry, Group) else (entry,)
        if isinstance(entry, Group):
            lines.append(f"{entry.display_name}:")
        for box in members:
            local, domain = box.local_part.decode(), box.domain.decode()
            lines.append(f"{box.display_name}|{local}|{domain}")
    return lines


@tabled
class AppendixTests(SynchronousTestCase):
    """RFC 5322, appendix A."""

    @rows(
        a11=("rfc5322-a.1.1-1", b"from", ["John Doe|jdoe|machine.example"], NONE),
        sender=("rfc5322-a.1.1-2", b"sender",
                ["Michael Jones|mjones|machine.example"], NONE),
        a12_from=("rfc5322-a.1.2", b"from",
                  ["Joe Q. Public|john.q.public|example.com"], NONE),
        a12_to=("rfc5322-a.1.2", b"to",
                ["Mary Smith|mary|x.test", "|jdoe|example.org", "Who?|one|y.test"],
                NONE),
        a12_cc=("rfc5322-a.1.2", b"cc",
                ["|boss|nil.test", 'Giant; "Big" Box|sysservices|example.net'], NONE),
        a13_to=("rfc5322-a.1.3", b"to",
                ["A Group:", "Ed Jones|c|a.test", "|joe|where.test",
                 "John|jdoe|one.test"], NONE),
        a13_cc=("rfc5322-a.1.3", b"cc", ["Undisclosed recipients:"], NONE),
        a2_reply=("rfc5322-a.2-2", b"reply-to",
                  ["Mary Smith: Personal Account|smith|home.example"], NONE),
        a3=("rfc5322-a.3-2", b"resent-to", ["Jane Brown|j-brown|other.example"], NONE),
        a5_from=("rfc5322-a.5", b"from", ["Pete|pete|silly.test"], NONE),
        a5_to=("rfc5322-a.5", b"to",
               ["A Group:", "Chris Jones|c|public.example", "|joe|example.org",
                "John|jdoe|one.test"], NONE),
        a5_cc=("rfc5322-a.5", b"cc", ["Hidden recipients:"], NONE),
        a61_from=("rfc5322-a.6.1", b"from",
                  ["Joe Q. Public|john.q.public|example.com"], NONE),
        a61_to=("rfc5322-a.6.1", b"to",
                ["Mary Smith|mary|example.net", "|jdoe|test.example"],
                D.ROUTE | D.EMPTY | D.SPACED),
        a63_from=("rfc5322-a.6.3", b"from",
                  ["John Doe|jdoe|machine.example"], D.SPACED),
        a63_to=("rfc5322-a.6.3", b"to", ["Mary Smith|mary|example.net"], NONE),
        mime=("rfc2049-a", b"from", ["Nathaniel Borenstein|nsb|nsb.fv.com"], NONE),
    )  # fmt: skip
    def test_message(
        self, name: str, field: bytes, expected: list[str], defects: AddressDefect
    ) -> None:
        """Each address of each example."""
        found = parse_header(message(name)).first(field)
        assert found is not None
        addresses = parse_addresses(found.value)
        self.assertEqual(shown(addresses), expected)
        self.assertEqual(addresses.defects, defects)


@tabled
class ParseTests(SynchronousTestCase):
    """Good, obsolete and broken lists."""

    @rows(
        empty=(b"", [], NONE),
        bare=(b"a@b", ["|a|b"], NONE),
        old_name=(b"a@b (N. N.)", ["N. N.|a|b"], NONE),
        quoted=(b'"a b"@c', ["|a b|c"], NONE),
        literal=(b"a@[192.0.2.1]", ["|a|[192.0.2.1]"], NONE),
        spaces=(b" a @ b ", ["|a|b"], NONE),
        words=(b'"a"."b".c@d', ["|a.b.c|d"], NONE),
        dots=(b"a.b.c@d.e", ["|a.b.c|d.e"], NONE),
        spaced_dots=(b"a . b@c", ["|a.b|c"], D.SPACED),
        encoded=(b"=?utf-8?q?J=C3=B6rg?= <j@x>", ["Jörg|j|x"], NONE),
        utf8=("Jörg <jörg@exämple>".encode(), ["Jörg|jörg|exämple"], NONE),
        group_from=(b"G: a@b;, c@d", ["G:", "|a|b", "|c|d"], NONE),
        route=(b"<@a,@b:c@d>, e@f", ["|c|d", "|e|f"], D.ROUTE),
        route_folded=(b"<@a,\r\n @b:c@d>", ["|c|d"], D.ROUTE),
        commas=(b",a@b,,c@d,", ["|a|b", "|c|d"], D.EMPTY),
        # RFC 7103, section 7.1
        host=(b"<@example.net:fran@example.com>", ["|fran|example.com"], D.ROUTE),
        excess=(b"<<<user2@example.org>>>", ["|user2|example.org"], D.BRACKETS),
        left=(b"<another@example.net", ["|another|example.net"], D.BRACKETS),
        right=(b"second@example.org>", ["|second|example.org"], D.BRACKETS),
        paren=(b"(Testing <fran@example.com>", ["(Testing|fran|example.com"],
               D.TOKENS | D.BAD_NAME),
        paren_right=(b"Testing) <sam@example.com>", ["Testing)|sam|example.com"],
                     D.BAD_NAME),
        comma=(b"<third@example.net, fourth@example.net>",
               ["|third|example.net", "|fourth|example.net"], D.BRACKETS),
        quote=(b'"Joe <joe@example.com>', ['"Joe|joe|example.com'],
               D.TOKENS | D.BAD_NAME),
        naked=(b"Joe", ["|Joe|"], D.NO_DOMAIN),
        naked_dots=(b"joe.doe", ["|joe.doe|"], D.NO_DOMAIN),
        only_name=(b"Mail  System, J. Doe", ["Mail System||", "J. Doe||"],
                   D.NO_DOMAIN),
        only_quoted=(b'"Joe"', ["Joe||"], D.NO_DOMAIN),
        # and more
        two_at=(b"a@b@c", ["|a@b|c"], D.BAD_ADDRESS),
        no_dot=(b"a b@c", ["|ab|c"], D.BAD_ADDRESS | D.SPACED),
        dot_dot=(b"a..b@c", ["|a..b|c"], D.BAD_ADDRESS),
        at_name=(b"a@b <c@d>", ["a@b|c|d"], D.BAD_NAME),
        behind=(b"<a@b> c", ["|a|b"], D.EXTRA),
        null=(b"<>", ["||"], D.NO_DOMAIN),
        open_group=(b"G: a@b", ["G:", "|a|b"], D.GROUP),
        group_in_group=(b"G: H: a@b;;", ["G:", "|a|b"], D.GROUP),
        semicolons=(b"a@b; c@d", ["|a|b", "|c|d"], D.GROUP),
        backslash=(b"a@b\\", ["|a|b\\"], D.BAD_ADDRESS),
        nul=(b"a\0b@c", ["|ab|c"], D.BAD_ADDRESS | D.SPACED),
        control=(b"a\x01@c", ["|a\x01|c"], D.TOKENS),
        quoted_domain=(b'a@"b"', ["|a|b"], D.BAD_ADDRESS),
        colon_first=(b":;", [":"], NONE),
        route_only=(b"<@a>", ["||"], D.ROUTE | D.NO_DOMAIN),
        comma_in_address=(b"<@a:b@c,d@e>", ["|b|c", "|d|e"], D.ROUTE | D.BRACKETS),
    )  # fmt: skip
    @threat(82, 94)
    def test_list(
        self, value: bytes, expected: list[str], defects: AddressDefect
    ) -> None:
        """What was meant, and what was wrong."""
        addresses = parse_addresses(value)
        self.assertEqual(shown(addresses), expected)
        self.assertEqual(addresses.defects, defects)

    def test_address(self) -> None:
        """A header's mailbox as an envelope's address, where it is one."""
        for value, address in (
            (b"A <b@EXAMPLE.Test>", Address("b", "example.test")),
            (b'"a b"@x', Address("a b", "x")),
            (b"<@r:b@x>", Address("b", "x")),
            ("a@bücher.x".encode(), Address("a", "xn--bcher-kva.x")),
            (b"a@[IPv6:::1]", Address("a", "[IPv6:::1]")),
            (b"a", None),
            (b"a@b@c", None),
            (b"a@b_c", None),
            (b"a@\xff", None),
            (b"\xff@a", None),
            (b"a@[x]", None),
        ):
            with self.subTest(value=value):
                (box,) = parse_addresses(value).mailboxes
                self.assertEqual(box.address, address)

    @threat(14, 82)
    def test_large(self) -> None:
        """Many addresses, deep comments and endless quotes end in a value."""
        many = parse_addresses(b"a@b, " * 1_000)
        self.assertEqual(len(many.mailboxes), 1_000)
        more = parse_addresses(b"a@b, " * 10_000)
        self.assertLess(len(more.mailboxes), 5_000)
        self.assertIn(D.TOKENS, more.defects)
        for piece in (b"(", b")", b'"', b"\\", b"<", b">", b",", b";", b":", b"@", b"[",
                      b"(\\", b"<<,", b"a:", b"@a,", b"(a", b'"a'):  # fmt: skip
            self.assertIsInstance(parse_addresses(piece * 5_000), AddressList)


@tabled
class TokenTests(SynchronousTestCase):
    """RFC 5322, section 3.2."""

    @rows(
        nested=(b"(a(b)c)", "a(b)c"),
        pair=(b"(a\\)b)", "a)b"),
        empty=(b"()", ""),
        folded=(b"(a\r\n b)", "a b"),
    )
    def test_comment(self, value: bytes, text: str) -> None:
        """One token, its quoted-pairs resolved."""
        (token,), defects = tokenize(value)
        self.assertEqual((token.kind, token.octets.decode()), (Kind.COMMENT, text))
        self.assertEqual(defects, LexicalDefect.NONE)

    @threat(82)
    def test_depth(self) -> None:
        """100 levels are a comment; more swallow the rest."""
        deep = b"(" * COMMENT_DEPTH + b")" * COMMENT_DEPTH
        self.assertEqual(tokenize(deep + b"a")[1], LexicalDefect.NONE)
        tokens, defects = tokenize(b"(" + deep + b")" + b"a")
        self.assertEqual(len(tokens), 1)
        self.assertEqual(defects, LexicalDefect.TOO_DEEP)
        self.assertEqual(len(tokenize(b"(" * 1_000_000)[0]), 1)

    @threat(82)
    def test_trailing_backslash(self) -> None:
        """A backslash at the end quotes nothing, and nothing is read beyond."""
        for value in (b"(\\", b'"\\', b"[\\", b"(a\\", b"\\"):
            tokens, _ = tokenize(value)
            self.assertEqual(tokens[0].kind, Kind.SPECIAL)

    @threat(83)
    def test_looks_once(self) -> None:
        """An opening octet whose end is missing is searched for once only."""
        tokens, defects = tokenize(b'"' * 3 + b"(" * 9 + b"a")
        self.assertEqual(len(tokens), 12)
        self.assertEqual(defects, LexicalDefect.UNTERMINATED)

    def test_limit(self) -> None:
        """No more tokens than asked for."""
        tokens, defects = tokenize(b"a " * 10, limit=3)
        self.assertEqual((len(tokens), defects), (3, LexicalDefect.TOO_MANY))

    @settings(deadline=None, max_examples=300)
    @given(st.text('ab \t()<>[]:;@\\,."\r\n\0é/=?', max_size=60), st.booleans())
    @threat(83)
    def test_starts(self, text: str, mime: bool) -> None:  # noqa: FBT001
        """Tokens stand in order at octets that are theirs, and all else is white."""
        value = text.encode()
        tokens, _ = tokenize(value, mime=mime)
        starts = [token.start for token in tokens]
        self.assertEqual(starts, sorted(set(starts)))
        for token in tokens:
            if token.kind in {Kind.ATOM, Kind.SPECIAL}:
                self.assertTrue(value.startswith(token.octets, token.start))
                self.assertTrue(token.octets)


@tabled
class AuthorTests(SynchronousTestCase):
    """Exactly one domain, or none (threat 94)."""

    @rows(
        plain=(b"From: a@Example.Test\r\n", "example.test"),
        name=(b"From: A <a@b.example>\r\n", "b.example"),
        comment=(b"From: A <a@b.example> (c@d.example)\r\n", "b.example"),
        idn=("From: a@bücher.example\r\n".encode(), "xn--bcher-kva.example"),
        same_twice=(b"From: a@b.example, c@B.example\r\nSender: x@y\r\n", "b.example"),
        group=(b"From: G: a@b.example;\r\n", "b.example"),
        space=(b"From : a@b.example\r\n", "b.example"),
        folded=(b"From:\r\n a@b.example\r\n", "b.example"),
        none=(b"To: a@b\r\n", None),
        empty=(b"From:\r\n", None),
        two_fields=(b"From: a@b\r\nFrom: a@b\r\n", None),
        two_cases=(b"From: a@b\r\nfrom : c@d\r\n", None),
        two_domains=(b"From: a@b, c@d\r\n", None),
        null=(b"From: <>\r\n", None),
        empty_group=(b"From: undisclosed:;\r\n", None),
        no_domain=(b"From: a\r\n", None),
        literal=(b"From: a@[192.0.2.1]\r\n", None),
        route=(b"From: <@bank.example,@a:b@evil.example>\r\n", None),
        two_brackets=(b"From: <a@bank.example><b@evil.example>\r\n", None),
        address_as_name=(b"From: a@bank.example <b@evil.example>\r\n", None),
        text_behind=(b"From: <a@bank.example> b@evil.example\r\n", None),
        fold_before_colon=(b"From\r\n : a@bank.example\r\nFrom: b@evil.example\r\n",
                           None),
        junk_first=(b" From: a@bank.example\r\nFrom: b@evil.example\r\n", None),
        control_name=(b"From\x01: a@bank.example\r\nFrom: b@evil.example\r\n", None),
        nul=(b"From: a@bank.example\0@evil.example\r\n", None),
        bare_cr=(b"From: a@bank.example\r@evil.example\r\n", None),
        bare_lf=(b"From: a@bank.example\nFrom: b@evil.example\r\n", None),
        two_at=(b"From: a@bank.example@evil.example\r\n", None),
        open_quote=(b'From: "a@bank.example <b@evil.example>\r\n', None),
        open_comment=(b"From: (a@bank.example <b@evil.example>\r\n", None),
        backslash=(b"From: a\\@bank.example@evil.example\r\n", None),
        encoded=(b"From: =?utf-8?q?a=40bank.example?=@evil.example\r\n", None),
        encoded_all=(b"From: =?utf-8?q?=3Ca=40bank.example=3E?=\r\n", None),
        spaced=(b"From: a@bank. evil.example\r\n", None),
        underscore=(b"From: a@b_c.example\r\n", None),
        bad_idn=(b"From: a@xn--a.example\r\n", None),
        eight_bit=(b"From: a@b\xff.example\r\n", None),
        comma=(b"From: a@bank.example,\r\n", None),
        huge=(b"From: " + b" " * 70000 + b"a@b\r\n", None),
    )  # fmt: skip
    @threat(94)
    def test_domain(self, octets: bytes, domain: str | None) -> None:
        """What two programs could read in two ways has none."""
        header = parse_header(octets + b"X: y\r\n\r\n")
        self.assertEqual(author_domain(header), domain)


class AddressProperties(SynchronousTestCase):
    """For any octets."""

    @settings(deadline=None, max_examples=400)
    @given(
        st.lists(
            st.sampled_from(
                [b"a", b"b.c", b"@", b",", b";", b":", b"<", b">", b"(", b")", b'"',
                 b"\\", b" ", b"\r\n ", b"[", b"]", b".", b"\0", b"\xc3\xa9"]
            ), max_size=40,
        ).map(b"".join) | st.binary(max_size=100)
    )  # fmt: skip
    @threat(16, 83)
    def test_anything(self, value: bytes) -> None:
        """There is always a list, and it can be shown."""
        addresses = parse_addresses(value)
        for box in addresses.mailboxes:
            self.assertIsInstance(box.display_name, str)
            self.assertFalse(set(box.local_part) & set(b"\r\n\0"))
            self.assertTrue(box.address is None or box.address.domain)
        author_domain(parse_header(b"From: " + value + b"\r\n\r\n"))

    @settings(deadline=None)
    @given(
        st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40),
        st.booleans(),
    )
    @threat(17)
    def test_format(self, name: str, utf8: bool) -> None:  # noqa: FBT001
        """What we write is read as it was, without a defect."""
        address = parse_address(b'"a b"@example.test')
        octets = b" ".join(format_mailbox(address, name, utf8=utf8))
        addresses = parse_addresses(octets)
        (box,) = addresses.mailboxes
        self.assertEqual((box.display_name, box.address), (name, address))
        self.assertEqual(addresses.defects, NONE)

    @threat(17)
    def test_format_refuses(self) -> None:
        """A name with a line end is no name."""
        address = parse_address(b"a@x")
        for name in ("a\r\nBcc: b", "a\n", "\0"):
            self.assertRaises(SyntaxProblem, format_mailbox, address, name)
