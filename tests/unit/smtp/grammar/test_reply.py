"""Tests of replies as octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.status import Status
from mailapp.smtp import replies
from mailapp.smtp.grammar.reply import Reply, make_reply
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class ReplyTests(SynchronousTestCase):
    """The one builder of replies."""

    @rows(
        plain=(250, Status(1, 5, "x"), ["fine"], b"250 2.1.5 fine\r\n"),
        bare=(354, None, ["go"], b"354 go\r\n"),
        lines=(550, Status(7, 1, "x"), ["a", "b"], b"550-5.7.1 a\r\n550 5.7.1 b\r\n"),
        injected=(550, Status(7, 1, ""), ["a\r\n250 b"], b"550 5.7.1 a??250 b\r\n"),
        eight_bit=(450, None, ["h\u00e4"], b"450 h?\r\n"),
        empty=(550, Status(7, 2, ""), [""], b"550 5.7.2 no more is known\r\n"),
        none=(550, Status(7, 2, ""), [], b"550 5.7.2 no more is known\r\n"),
    )
    def test_octets(
        self, code: int, status: Status | None, lines: list[str], octets: bytes
    ) -> None:
        """The class digit follows from the code, and no text breaks a line."""
        self.assertEqual(make_reply(code, status, lines).octets, octets)

    @rows(low=199, high=600, zero=0)
    def test_bad_code(self, code: int) -> None:
        """No reply has a code that RFC 5321 does not know."""
        self.assertRaises(ValueError, make_reply, code, None, ["x"])

    @threat(27)
    @given(
        st.integers(200, 599),
        st.one_of(
            st.none(),
            st.builds(Status, st.integers(0, 999), st.integers(0, 999), st.just("x")),
        ),
        st.lists(st.text(max_size=2000), max_size=5),
    )
    def test_well_formed(
        self, code: int, status: Status | None, lines: list[str]
    ) -> None:
        """Whatever text comes from policy, each line is a Reply-line of at most 512."""
        octets = make_reply(code, status, lines).octets
        parts = octets.split(b"\r\n")
        self.assertEqual(parts.pop(), b"")
        for i, part in enumerate(parts):
            self.assertLessEqual(len(part) + 2, 512)
            self.assertEqual(part[:3], b"%d" % code)
            self.assertEqual(part[3:4], b" " if i == len(parts) - 1 else b"-")
            self.assertGreater(len(part), 4)
            self.assertTrue(all(o == 9 or 32 <= o <= 126 for o in part))
            if status is not None:
                self.assertTrue(part[4:].startswith(b"%d." % (code // 100)))

    @threat(27)
    def test_table(self) -> None:
        """Every named reply but 354 has an enhanced code of its own class."""
        named = [v for v in vars(replies).values() if isinstance(v, Reply)]
        self.assertGreater(len(named), 25)
        for reply in named:
            if reply.code != 354:
                self.assertEqual(reply.octets[4:6], b"%d." % (reply.code // 100))
