"""Tests of :mod:`mailapp.message.modified_utf7`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.modified_utf7 import decode, encode
from tests.rows import rows, tabled
from tests.threats import threat

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


@tabled
class ModifiedUtf7Tests(SynchronousTestCase):
    """Names of mailboxes as ASCII."""

    @rows(
        plain=("Archive/2024", b"Archive/2024"),
        ampersand=("a & b", b"a &- b"),
        # RFC 3501, section 5.1.3
        mixed=("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        beyond_16_bits=("\U0001f4e7", b"&2D3c5w-"),
    )
    def test_known(self, name: str, octets: bytes) -> None:
        """Examples, both ways."""
        self.assertEqual(encode(name), octets)
        self.assertEqual(decode(octets), name)

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    @settings(deadline=None)
    def test_round_trip(self, name: str) -> None:
        """Every name comes back, from printable ASCII."""
        octets = encode(name)
        self.assertTrue(all(0x20 <= octet <= 0x7E for octet in octets))
        self.assertEqual(decode(octets), name)

    @threat(109)
    @given(st.text(_PRINTABLE, max_size=40) | st.text("&-,+/ABUTFw"))
    @settings(deadline=None)
    def test_one_form(self, text: str) -> None:
        """What can be read is written again as it was."""
        octets = text.encode()
        try:
            name = decode(octets)
        except ValueError:
            return
        self.assertEqual(encode(name), octets)

    @rows(
        needless=b"&AGE-",
        not_ended=b"&U,BTFw",
        two_runs=b"&U,A-&Uw-",
        half_a_pair=b"&2D0-",
        other_alphabet=b"&U/BTFw-",
        eight_bit=b"\xc3\xa4",
    )
    def test_refused(self, octets: bytes) -> None:
        """Other spellings are refused."""
        self.assertRaises(ValueError, decode, octets)
