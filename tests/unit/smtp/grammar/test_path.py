"""Tests of paths: which addresses are taken, and what they mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem
from mailapp.smtp.grammar import path
from tests.rows import rows, tabled
from tests.threats import threat

_LABEL = b"a" * 49


@tabled
class PathTests(SynchronousTestCase):
    """Forward paths and reverse paths."""

    @rows(
        plain=(b"<a@b.c>", "a", "b.c"),
        upper_domain=(b"<Ab@B.C>", "Ab", "b.c"),
        dots=(b"<a.b.c@d>", "a.b.c", "d"),
        all_atext=(b"<!#$%&'*+-/=?^_`{|}~@d>", "!#$%&'*+-/=?^_`{|}~", "d"),
        percent_hack=(b"<u%x.org@foo.com>", "u%x.org", "foo.com"),
        bang_path=(b"<a!b@foo.com>", "a!b", "foo.com"),
        quoted=(b'<"a b"@c>', "a b", "c"),
        quoted_at=(b'<"u@x"@foo.com>', "u@x", "foo.com"),
        quoted_angle=(b'<"a>b"@c>', "a>b", "c"),
        quoted_pair=(b'<"a\\"b"@c>', 'a"b', "c"),
        needless_quotes=(b'<"ab"@c>', "ab", "c"),
        ipv4=(b"<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
        ipv6=(b"<a@[IPv6:2001:DB8::1]>", "a", "[IPv6:2001:db8::1]"),
        route=(b"<@x.org:a@b>", "a", "b"),
        routes=(b"<@x.org,@y.org:a@b>", "a", "b"),
        postmaster=(b"<postmaster>", "postmaster", ""),
        postmaster_case=(b"<PostMaster>", "postmaster", ""),
        utf8=("<jörg@müller.example>".encode(), "jörg", "xn--mller-kva.example"),
        a_label=(b"<a@xn--mller-kva.example>", "a", "xn--mller-kva.example"),
        local_64=(b"<" + b"a" * 64 + b"@b>", "a" * 64, "b"),
        digits=(b"<1@2.3>", "1", "2.3"),
        subaddress=(b"<u+tag@d>", "u+tag", "d"),
        hyphens=(b"<a@b-c--d.e>", "a", "b-c--d.e"),
    )
    def test_taken(self, octets: bytes, local_part: str, domain: str) -> None:
        """A path that follows the grammar means one mailbox."""
        cursor = Cursor(octets)
        self.assertEqual(path.read_forward_path(cursor), Address(local_part, domain))
        self.assertTrue(cursor.at_end)

    @threat(16)
    @rows(
        null=b"<>",
        nothing=b"",
        bare=b"a@b",
        unclosed=b"<a@b",
        double=b"<<a@b>>",
        no_domain=b"<a>",
        no_local=b"<@b>",
        empty_domain=b"<a@>",
        two_ats=b"<a@b@c>",
        leading_dot=b"<.a@b>",
        trailing_dot=b"<a.@b>",
        double_dot=b"<a..b@c>",
        domain_dot=b"<a@b.>",
        domain_leading_dot=b"<a@.b>",
        domain_double_dot=b"<a@b..c>",
        underscore=b"<a@b_c>",
        hyphen_first=b"<a@-b>",
        hyphen_last=b"<a@b->",
        space=b"<a b@c>",
        spaces_inside=b"< a@b >",
        comment=b"<a(x)@b>",
        display_name=b"A <a@b>",
        nul=b"<a\0@b>",
        nul_in_domain=b"<a@b\0c>",
        cr=b"<a\r@b>",
        lf=b'<"a\nb"@c>',
        tab=b"<a\t@b>",
        del_=b'<"a\x7f"@b>',
        open_quote=b'<"a@b>',
        text_behind_quotes=b'<"a"b@c>',
        backslash=b"<a\\b@c>",
        pair_of_control=b'<"\\\x01"@b>',
        local_65=b"<" + b"a" * 65 + b"@b>",
        quoted_65=b'<"' + b"a" * 63 + b'"@b>',
        label_64=b"<a@" + b"b" * 64 + b">",
        bad_utf8=b"<\xff@b>",
        bad_utf8_domain=b"<a@\xc3>",
        bad_ipv4=b"<a@[256.0.0.1]>",
        ipv4_short=b"<a@[1.2.3]>",
        bad_ipv6=b"<a@[IPv6:1::2::3]>",
        unclosed_literal=b"<a@[192.0.2.1>",
        unknown_literal=b"<a@[x400:c=us]>",
        bad_a_label=b"<a@xn--a>",
        route_without_colon=b"<@x.org,a@b>",
        route_empty=b"<@:a@b>",
        route_comma=b"<@x.org,:a@b>",
        semicolon=b"<a;b@c>",
        list_=b"<a@b,c@d>",
    )
    def test_refused(self, octets: bytes) -> None:
        """What breaks the grammar is refused."""
        with self.assertRaises(SyntaxProblem):
            path.read_forward_path(Cursor(octets))

    @rows(n_minus_1=(255, True), n=(256, True), n_plus_1=(257, False))
    def test_length(self, octets: int, taken: bool) -> None:  # noqa: FBT001
        """A path has at most 256 octets with its brackets (section 4.5.3.1.3)."""
        labels = [_LABEL] * 4 + [b"b" * (octets - 4 * 50 - 4)]
        text = b"<a@" + b".".join(labels) + b">"
        self.assertEqual(len(text), octets)
        if taken:
            path.read_forward_path(Cursor(text))
        else:
            with self.assertRaises(SyntaxProblem):
                path.read_forward_path(Cursor(text))

    def test_null_reverse_path(self) -> None:
        """``<>`` is the sender of reports (RFC 5321, section 4.5.5)."""
        self.assertIsNone(path.read_reverse_path(Cursor(b"<>")))

    def test_reverse_postmaster(self) -> None:
        """Only a recipient may do without a domain."""
        with self.assertRaises(SyntaxProblem):
            path.read_reverse_path(Cursor(b"<postmaster>"))

    def test_octets_of_a_local_part(self) -> None:
        """Of all octets the fast way takes just what the rules take."""
        for octet in range(256):
            for text in (b"<a%cb@c.d>" % octet, b"<%c@c.d>" % octet):
                self.assertEqual(*_both(text), text)

    def test_octets_of_a_domain(self) -> None:
        """The same for domains."""
        for octet in range(256):
            for text in (b"<a@b%cc.d>" % octet, b"<a@b.%c>" % octet):
                self.assertEqual(*_both(text), text)

    @given(st.binary(max_size=40).map(lambda text: b"<" + text + b">"))
    def test_fast_is_right(self, octets: bytes) -> None:
        """The fast way never says anything else than the rules."""
        self.assertEqual(*_both(octets))

    @given(
        st.text(st.sampled_from('ab.@"\\<>: [],é'), max_size=30).map(
            lambda text: f"<{text}>".encode()
        )
    )
    def test_fast_is_right_nearby(self, octets: bytes) -> None:
        """The same for octets that matter."""
        self.assertEqual(*_both(octets))

    @given(
        st.text(min_size=1, max_size=12).filter(
            lambda t: t.isprintable() and '"' not in t and "\\" not in t
        )
    )
    def test_round_trip(self, local_part: str) -> None:
        """What an address is written as is read as the same address."""
        address = Address(local_part, "example.org")
        text = b"<" + address.encode() + b">"
        self.assertEqual(path.read_forward_path(Cursor(text)), address)


def _both(octets: bytes) -> tuple[object, object]:
    return _outcome(path._read_path, octets), _outcome(path._read_path_by_rules, octets)


def _outcome(read: object, octets: bytes) -> object:
    cursor = Cursor(octets)
    try:
        return read(cursor), cursor.position  # type: ignore[operator]  # a reader
    except SyntaxProblem:
        return None
