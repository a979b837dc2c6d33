"""Tests of mailapp.sasl.base64."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.sasl.base64 import decode, encode
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class Base64Tests(SynchronousTestCase):
    """One spelling per value."""

    @rows(
        unused_bits=b"QR==",
        no_padding=b"QQ",
        half_padding=b"QQ=",
        too_much_padding=b"QQ===",
        padding_alone=b"=",
        space=b"QQ= =",
        line_end=b"QQ==\n",
        leading_space=b" QQ==",
        url_alphabet=b"-_-_",
        padding_inside=b"QQ==QQ==",
        star=b"*",
        nul=b"QQ\0=",
        eight_bit=b"\xc3\xa4==",
    )
    @threat(42, 44)
    def test_refused(self, text: bytes) -> None:
        """A second spelling, or no base64 at all, is refused."""
        self.assertRaises(SyntaxProblem, decode, text)

    @settings(deadline=None)
    @given(st.binary(max_size=64))
    def test_round_trip(self, octets: bytes) -> None:
        """What was encoded is decoded to itself."""
        self.assertEqual(decode(encode(octets)), octets)

    @settings(deadline=None)
    @given(st.binary(max_size=12))
    def test_canonical(self, text: bytes) -> None:
        """Whatever is taken is the one spelling of its value."""
        with contextlib.suppress(SyntaxProblem):
            self.assertEqual(encode(decode(text)), text)
