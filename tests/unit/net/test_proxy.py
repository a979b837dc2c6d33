"""The PROXY protocol: the examples of its specification, and all that is not it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.net.proxy import Ends, Preamble, parse
from tests.rows import rows, tabled

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V4 = bytes([192, 0, 2, 1, 198, 51, 100, 1]) + b"\x04\xd2\x00\x19"
_ENDS = Ends("192.0.2.1", 1234, "198.51.100.1", 25)


def _header(
    body: bytes, *, family: int = 0x11, command: int = 0x21, size: int | None = None
) -> bytes:
    length = len(body) if size is None else size
    return _SIGNATURE + bytes([command, family]) + length.to_bytes(2, "big") + body


_ACCEPTED = {
    "v4": (b"PROXY TCP4 192.0.2.1 198.51.100.1 1234 25\r\n", _ENDS),
    "v6": (
        b"PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n",
        Ends("2001:db8::1", 0, "::1", 65535),
    ),
    "unknown": (b"PROXY UNKNOWN\r\n", None),
    "unknown_with_words": (b"PROXY UNKNOWN ffff::1 a b c\r\n", None),
    "longest": (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", None),
    "binary_v4": (_header(_V4), _ENDS),
    "binary_with_tlvs": (_header(_V4 + b"\x02\x00\x03abc"), _ENDS),
    "binary_v6": (
        _header(
            IPv6Address("2001:db8::1").packed + bytes(15) + b"\x01\x04\xd2\x00\x19",
            family=0x21,
        ),
        Ends("2001:db8::1", 1234, "::1", 25),
    ),
    "binary_local": (_header(_V4, command=0x20), None),
    "binary_local_empty": (_header(b"", command=0x20, family=0), None),
    "binary_unspecified": (_header(b"", family=0), None),
    "binary_unix": (_header(bytes(216), family=0x31), None),
    "binary_datagram": (_header(_V4, family=0x12), None),
}


@tabled
class PreambleTests(SynchronousTestCase):
    """Accepted and refused."""

    @rows(**_ACCEPTED)
    def test_accepted(self, octets: bytes, ends: Ends | None) -> None:
        """The ends, and how many octets were it; at any cut before, more is wanted."""
        self.assertEqual(parse(octets + b"EHLO a\r\n"), Preamble(len(octets), ends))
        for cut in range(len(octets)):
            self.assertIsNone(parse(octets[:cut]))

    @rows(
        command=b"EHLO a\r\n",
        tls=b"\x16\x03\x01\x02\x00\x01",
        lower_case=b"proxy TCP4",
        no_space=b"PROXYTCP4",
        bare_lf=b"PROXY UNKNOWN\n" + b"x" * 107,
        too_long=b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        endless=b"PROXY TCP4 " + b"1" * 200,
        family=b"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        missing=b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        too_many=b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        two_spaces=b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        v6_as_v4=b"PROXY TCP4 ::1 ::1 1 2\r\n",
        v4_as_v6=b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        name=b"PROXY TCP4 localhost 192.0.2.2 1 2\r\n",
        octal=b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        not_ascii=b"PROXY TCP4 192.0.2.\xff 192.0.2.2 1 2\r\n",
        scope=b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        port_sign=b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        port_zeros=b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        port_high=b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
        port_digits=b"PROXY TCP4 192.0.2.1 192.0.2.2 \xb2 2\r\n",
        empty_line=b"PROXY \r\n",
        version_1_binary=_header(_V4, command=0x11),
        command_2=_header(_V4, command=0x22),
        short_v4=_header(_V4[:11]),
        short_v6=_header(_V4, family=0x21),
        huge=_header(b"", size=65535),
        almost_signature=_SIGNATURE[:11] + b"X",
    )
    def test_refused(self, octets: bytes) -> None:
        """What is none is never taken for one."""
        self.assertRaises(SyntaxProblem, parse, octets)

    @given(
        st.ip_addresses(v=4), st.ip_addresses(v=6), st.integers(0, 65535), st.binary()
    )
    def test_round_trip(
        self, four: IPv4Address, six: IPv6Address, port: int, rest: bytes
    ) -> None:
        """Every address and port is read as it was written, in both versions."""
        for family, ip in ((4, four), (6, six)):
            ends = Ends(str(ip), port, str(ip), port)
            line = f"PROXY TCP{family} {ip} {ip} {port} {port}\r\n".encode()
            packed = ip.packed * 2 + port.to_bytes(2, "big") * 2
            header = _header(packed, family=0x11 if family == 4 else 0x21)
            for octets in (line, header):
                self.assertEqual(parse(octets + rest), Preamble(len(octets), ends))

    @given(st.binary() | st.binary().map(lambda octets: b"PROXY " + octets))
    @example(_SIGNATURE + b"\x21\x11\x10\x00" + bytes(4096))
    def test_any_octets(self, octets: bytes) -> None:
        """A preamble, a refusal, or a wish for more that ends."""
        try:
            found = parse(octets)
        except SyntaxProblem:
            return
        if found is None:
            self.assertLess(len(octets), 16 + 4096)
        else:
            self.assertLessEqual(found.length, len(octets))
