"""The quick way to read addresses says what the thorough one says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.addresses import Group, Mailbox, parse_addresses
from mailapp.message.fields import unfold
from mailapp.message.plain_addresses import first_plain_mailbox, plain_mailboxes
from tests.rows import rows, tabled
from tests.threats import threat

_PIECES = st.sampled_from(
    [
        b"a", b"b.c", b"@", b"example.com", b"<", b">", b",", b" ", b"\t", b'"', b"\\",
        b'"x, y" ', b"<a@b.c>", b"a@b.c", b"(c)", b";", b":", b".", b"..", b"[1.2.3.4]",
        b"=?utf-8?q?=C3=A9?=", b"\xc3\xa9", b"\xff", b"\0", b"\x01", b"\x7f", b"J. Q.",
    ]
)  # fmt: skip
lists = st.lists(_PIECES, max_size=10).map(b"".join)


def thoroughly(value: bytes) -> list[tuple[bytes | None, bytes, bytes]] | None:
    """The same list from tokens; None: it has groups or routes."""
    found = []
    for entry in parse_addresses(value).entries:
        if isinstance(entry, Group) or entry.route is not None:
            return None
        found.append((entry.name, entry.local_part, entry.domain))
    return found


@tabled
class PlainAddressTests(SynchronousTestCase):
    """What is plain, and what it says."""

    @rows(
        bare=(b"a@b.c", [(None, b"a", b"b.c")]),
        angle=(b"<a@b.c>", [(None, b"a", b"b.c")]),
        atoms=(b"John Q. Public <a.b@b.c>", [(b"John Q. Public", b"a.b", b"b.c")]),
        quoted=(b' "A, B"<a@b.c> ', [(b"A, B", b"a", b"b.c")]),
        no_name=(b'"" <a@b.c>', [(b"", b"a", b"b.c")]),
        two=(b"a@b.c, X <d@e>", [(None, b"a", b"b.c"), (b"X", b"d", b"e")]),
        word=(b"=?x?q?y?= <a@b>", [(b"=?x?q?y?=", b"a", b"b")]),
        utf8=(b"\xc3\xa9 <\xc3\xa9@b>", [(b"\xc3\xa9", b"\xc3\xa9", b"b")]),
        empty=(b"", None),
        comma=(b"a@b,", None),
        comment=(b"a@b (A)", None),
        group=(b"A: a@b;", None),
        literal=(b"a@[1.2.3.4]", None),
        escaped=(b'"a\\"b" <a@b>', None),
        spaces=(b"a  b <a@b>", None),
        route=(b"<@x:a@b>", None),
        no_domain=(b"a", None),
        dots=(b"a..b@c", None),
        huge=(b"a@b," * 3000 + b"a@b", None),
    )
    def test_lists(
        self, value: bytes, mailboxes: list[tuple[bytes | None, bytes, bytes]] | None
    ) -> None:
        """Only what has nothing special in it is read so."""
        self.assertEqual(mailboxes, plain_mailboxes(value))

    @given(lists)
    def test_same(self, value: bytes) -> None:
        """Where there is an answer, it is the thorough one."""
        line = unfold(value)
        found = plain_mailboxes(line)
        if found is not None:
            self.assertEqual(thoroughly(line), found)

    @given(lists)
    def test_first(self, value: bytes) -> None:
        """So is the first one, whatever comes behind it."""
        line = unfold(value)
        found = first_plain_mailbox(line)
        if found is not None:
            first = parse_addresses(line).entries[0]
            assert isinstance(first, Mailbox)
            self.assertEqual(found, (first.name, first.local_part, first.domain))

    @threat(83)
    def test_linear(self) -> None:
        """What looks plain up to its end costs one pass."""
        for piece in (b"a", b"a.", b"a ", b"a@", b'"', b"<", b"a@b,", b"\t"):
            value = (piece * 8192)[:8191] + b"("
            with self.subTest(piece=piece):
                self.assertIsNone(plain_mailboxes(value))
