"""Encoded-words (RFC 2047) and charsets."""

from __future__ import annotations

import codecs

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message import charsets
from mailapp.message.words import (
    decode_b,
    decode_q,
    decode_text,
    encode_phrase,
    encode_text,
    encode_words,
)
from tests.rows import rows, tabled
from tests.threats import threat

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)


@tabled
class DecodeTests(SynchronousTestCase):
    """What people read."""

    @rows(
        # RFC 2047, section 8
        keith=(b"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
        keld=(b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        andre=(b"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        subject=(
            b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
            b" =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example.",
        ),
        olle=(b"=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle Järnefors"),
        patrik=(b"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
        hebrew=(b"=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=", "םולש ןב ילטפנ"),
        a=(b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        a_b=(b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ab=(b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ab_wide=(b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ab_fold=(b"(=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=)", "(ab)"),
        a_space_b=(b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        two_charsets=(b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        # RFC 2231, section 5
        language=(b"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        # lenient
        split_character=(b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        touching=(b"x=?utf-8?q?y?=z", "xyz"),
        lower=(b"=?utf-8?b?w6k=?=", "é"),
        no_padding=(b"=?utf-8?b?w6k?=", "é"),
        empty=(b"=?utf-8?q??=", ""),
        equals=(b"=?utf-8?q?a=b=3?=", "a=b=3"),
        raw_utf8=("Grüße =?utf-8?q?=C3=9F?=".encode(), "Grüße ß"),
        raw_latin=(b"Gr\xfc\xdfe", "Gr\ufffd\ufffde"),
        long=(b"=?utf-8?q?" + b"a" * 500 + b"?=", "a" * 500),
        # none of them is an encoded-word
        plain=(b"a = b ? c", "a = b ? c"),
        unfinished=(b"=?utf-8?q?abc", "=?utf-8?q?abc"),
        no_charset=(b"=??q?abc?=", "=??q?abc?="),
        bad_encoding=(b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        one_mark=(b"=?utf-8?q?ab?c?=", "=?utf-8?q?ab?c?="),
        beginnings=(b"=?=?=?=?", "=?=?=?=?"),
        between_kept=(b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
    )
    def test_decode(self, value: bytes, text: str) -> None:
        """RFC 2047, section 8 and more."""
        self.assertEqual(decode_text(value), text)

    @rows(
        hex="hex", zlib="zlib", bz2="bz2", rot13="rot13", utf7="utf-7",
        idna="idna", punycode="punycode", escape="unicode_escape",
        raw="raw_unicode_escape", base64="base64", qp="quopri", uu="uu",
        undefined="undefined", mbcs="mbcs", oem="oem", none="", dots="../utf-8",
        unknown="unknown-8bit", utf7_alias="U7", nul="utf-8\0",
    )  # fmt: skip
    @threat(86)
    def test_no_charset(self, name: str) -> None:
        """Names that Python knows and mail does not are unknown charsets."""
        self.assertIsNone(charsets.codec_of(name))
        self.assertEqual(charsets.decode(b"abc\xff+AGE-", name), "abc\ufffd+AGE-")
        word = b"=?%b?Q?a=FFb?=" % name.encode()
        if name and "\0" not in name:
            self.assertEqual(decode_text(word), "a\ufffdb")

    def test_allowed(self) -> None:
        """Every charset on the list is a codec from bytes to text, and never raises."""
        every = bytes(range(256))
        for name, codec in charsets._CODECS.items():
            with self.subTest(name=name):
                self.assertTrue(codecs.lookup(codec)._is_text_encoding)
                self.assertIsInstance(charsets.decode(every, name.upper()), str)

    @rows(
        clean=(b"aGVsbG8=", b"hello"), space=(b"aGVs bG8=", b"hello"),
        one_over=(b"aGVsbG8", b"hello"), junk=(b"!aGVs*bG8?", b"hello"),
        single=(b"a", b""), empty=(b"", b""), pads=(b"====", b""),
    )  # fmt: skip
    def test_b(self, text: bytes, octets: bytes) -> None:
        """Tolerant base64."""
        self.assertEqual(decode_b(text), octets)

    @rows(
        lower=(b"=c3=a9", b"\xc3\xa9"), underscore=(b"a_b=5F", b"a b_"),
        lone=(b"a=", b"a="), bad=(b"=GG=3D", b"=GG="), cut=(b"=4", b"=4"),
    )  # fmt: skip
    def test_q(self, text: bytes, octets: bytes) -> None:
        """Tolerant Q."""
        self.assertEqual(decode_q(text), octets)

    @threat(83)
    def test_growth(self) -> None:
        """A value full of beginnings is read by looking at each octet a few times."""
        for piece in (b"=?", b"=?a?q?", b"=?a?", b"=?utf-8?q?a?= "):
            self.assertIsInstance(decode_text(piece * 60_000), str)


class WordProperties(SynchronousTestCase):
    """For any text and any octets."""

    @settings(deadline=None)
    @given(TEXTS)
    def test_encode_words(self, text: str) -> None:
        """Words of at most 75 octets of ASCII that read as the text."""
        words = encode_words(text)
        self.assertEqual(decode_text(b" ".join(words)), text)
        self.assertEqual(decode_text(b"\r\n ".join(words)), text)
        for word in words:
            self.assertLessEqual(len(word), 75)
            self.assertTrue(word.isascii())
            self.assertFalse(set(word) & set(b" \r\n\t\0"))
            decode_text(word).encode()  # no character was cut

    @settings(deadline=None)
    @given(LINES, st.booleans())
    def test_encode_text(self, text: str, utf8: bool) -> None:  # noqa: FBT001
        """Unstructured text reads as it was written, in both header formats."""
        words = encode_text(text, utf8=utf8)
        self.assertEqual(decode_text(b" ".join(words)), text)
        self.assertTrue(utf8 or all(word.isascii() for word in words))

    @settings(deadline=None)
    @given(st.text(max_size=60))
    def test_encode_anything(self, text: str) -> None:
        """Surrogates and controls do not raise, and do not get through."""
        for words in (encode_text(text), encode_phrase(text)):
            self.assertFalse(set(b" ".join(words)) & set(b"\r\n\0\x7f\x1b"))

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from([b"=?", b"?=", b"?", b"utf-8", b"q", b"b", b" ", b"=C3"])
            | st.binary(max_size=3)
            | st.sampled_from([c.encode() for c in charsets._CODECS]),
            max_size=30,
        )
    )
    @threat(83, 86)
    def test_decode_anything(self, parts: list[bytes]) -> None:
        """Any octets are text."""
        self.assertIsInstance(decode_text(b"".join(parts)), str)

    @settings(deadline=None)
    @given(st.binary(max_size=60), st.sampled_from(sorted(charsets._CODECS)))
    def test_charsets(self, octets: bytes, charset: str) -> None:
        """Any octets are text in any charset."""
        self.assertIsInstance(charsets.decode(octets, charset), str)
