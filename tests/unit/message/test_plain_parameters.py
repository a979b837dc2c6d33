"""Values with parameters, read without tokens: as the tokens say, or not at all."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.content import ContentDefect, _read
from mailapp.message.plain_parameters import PlainValue, plain_value
from tests.rows import rows, tabled

PIECES = st.lists(
    st.sampled_from(
        [b"text", b"/", b"plain", b";", b"; ", b"charset", b"=", b"utf-8", b'"', b" ",
         b"a b", b"\\", b"(c)", b"\t", b"name*0*", b"NAME", b"\xc3\xa9", b"\0", b"\x01",
         b"; a=b", b'; b="c;d=e"', b"; boundary=x", b"\r\n "]
    ), max_size=12,
).map(b"".join)  # fmt: skip


@tabled
class PlainParametersTests(SynchronousTestCase):
    """Content-Type and Content-Disposition as they nearly always are."""

    @rows(
        bare=(b"Text/PLAIN", (b"text", b"plain", ())),
        word=(b"inline ;", (b"inline", None, ())),
        token=(b"a/b; Charset=UTF-8", (b"a", b"b", ((b"charset", b"UTF-8"),))),
        quoted=(b'a/b;x="c; d=e" ', (b"a", b"b", ((b"x", b"c; d=e"),))),
        several=(
            b'a; x=""; y=2 ; z="\xc3\xa9"',
            (b"a", None, ((b"x", b""), (b"y", b"2"), (b"z", b"\xc3\xa9"))),
        ),
    )  # fmt: skip
    def test_read(self, value: bytes, found: PlainValue) -> None:
        """Words in lower case, values as they were meant."""
        self.assertEqual(plain_value(value), found)

    @rows(
        empty=b"", twice=b"a/b; x=1; X=2", escaped=b'a/b; x="\\""', comment=b"a/b (c)",
        spaced=b"a/b; x = 1", unquoted=b"a/b; name=c d", control=b'a/b; x="\x01"',
        no_value=b"a/b; x=", no_end=b'a/b; x="', long=b"a/b; x=" + b"y" * 1000,
    )  # fmt: skip
    def test_left_to_others(self, value: bytes) -> None:
        """What is a defect, or might be one, is not read here."""
        self.assertIsNone(plain_value(value))

    @settings(deadline=None, max_examples=300)
    @given(PIECES)
    def test_same(self, value: bytes) -> None:
        """It says what the tokens say, without a defect."""
        found = plain_value(value)
        if found is None:
            return
        tokens, parameters, defects = _read(value)
        words = [token.octets.lower() for token in tokens]
        told = [found[0]] if found[1] is None else [found[0], b"/", found[1]]
        self.assertEqual(words, told)
        self.assertEqual((parameters, defects), (found[2], ContentDefect.NONE))
