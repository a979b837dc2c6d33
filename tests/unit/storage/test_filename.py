"""Names of message files."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.maildir.filename import (
    MessageName,
    UniqueNames,
    arrival,
    guid,
    letters,
    parse,
)
from tests.rows import rows, tabled
from tests.threats import threat

_PART = st.binary(min_size=1, max_size=80).filter(
    lambda b: not set(b) & set(b",:/\0") and not b.startswith(b".")
)
_NUMBER = st.integers(0, 10**15)
_UID = st.integers(1, 2**32 - 1)
_OTHER = st.binary(max_size=9).filter(
    lambda b: not set(b) & set(b",:/\0") and (b[1:2] != b"=" or b[:1] not in b"SWDTEUV")
)
_NAMES = st.builds(
    MessageName,
    unique=_PART,
    size=st.none() | _NUMBER,
    wire=st.none() | _NUMBER,
    flags=st.binary(max_size=9).map(lambda b: letters(b"2," + b)),
    others=st.lists(_OTHER, max_size=3).map(tuple),
    received=st.none() | st.integers(0, 2**32 - 1),
    saved=st.none() | st.integers(0, 2**32 - 1),
    email=st.none()
    | st.binary(max_size=90).map(lambda b: guid(b.translate(None, b",:/") or b"x")),
)


@tabled
class FilenameTests(SynchronousTestCase):
    """Reading names, ours and foreign ones."""

    @rows(
        ours=(
            b"1.M2P3Q4.h,S=5,W=6,U=7,V=8:2,FS",
            MessageName(b"1.M2P3Q4.h", 5, 6, 7, 8, b"FS"),
        ),
        dated=(
            b"1.M2P3Q4.h,S=5,W=6,D=9,U=7,V=8:2,",
            MessageName(b"1.M2P3Q4.h", 5, 6, 7, 8, received=9),
        ),
        copied=(
            b"1.M2P3Q4.h,S=5,W=6,D=9,T=8,E=1.M1P3Q4.h,U=7,V=8:2,",
            MessageName(
                b"1.M2P3Q4.h", 5, 6, 7, 8, received=9, saved=8, email=b"1.M1P3Q4.h"
            ),
        ),
        no_email=(b"a,E=", MessageName(b"a", others=(b"E=",))),
        fresh=(b"1.M2P3Q4.h,S=5,W=5", MessageName(b"1.M2P3Q4.h", 5, 5)),
        plain=(b"1234.56.host", MessageName(b"1234.56.host")),
        dovecot=(
            b"1.M2P3.h,S=5,W=6:2,Sab",
            MessageName(b"1.M2P3.h", 5, 6, flags=b"Sab"),
        ),
        mbsync=(b"1.2_3.h,U=17:2,S", MessageName(b"1.2_3.h", flags=b"S")),
        other=(b"a,Z=1,S=2,q:2,", MessageName(b"a", 2, others=(b"Z=1", b"q"))),
        negative=(b"a,S=-1", MessageName(b"a")),
        leading_zero=(b"a,S=01", MessageName(b"a")),
        twice=(b"a,S=1,S=2", MessageName(b"a", 1)),
        uid_too_large=(b"a,U=4294967296,V=1", MessageName(b"a")),
        uid_zero=(b"a,U=0,V=1", MessageName(b"a")),
        experimental=(b"a:1,S", MessageName(b"a")),
        odd_flags=(b"a:2,SS,x=1\xffF", MessageName(b"a", flags=b"FSx")),
        two_colons=(b"a:2,S:2,F", MessageName(b"a", flags=b"FS")),
        line_feed=(b"a\nb:2,", MessageName(b"a\nb")),
        no_unique=(b":2,S", None),
        comma=(b",S=1", None),
        dot=(b".hidden", None),
        empty=(b"", None),
    )
    @threat(111)
    def test_parse(self, name: bytes, expected: Any) -> None:
        """A name means what it says; what makes no sense is passed over."""
        self.assertEqual(parse(name), expected)

    @settings(deadline=None)
    @given(_NAMES, st.none() | st.tuples(_UID, _UID))
    def test_round_trip(self, name: MessageName, uid: Any) -> None:
        """What is written is read back."""
        if uid:
            name = evolve(name, uid=uid[0], validity=uid[1])
        self.assertEqual(parse(name.format()), name)

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    @threat(111)
    def test_any_octets(self, name: bytes) -> None:
        """No name raises anything, and what is made of it leads nowhere."""
        parsed = parse(name)
        if parsed is not None:
            self.assertNotIn(b"/", parsed.format())
            self.assertRegex(guid(parsed.unique), rb"\A[\x21-\x7e]{1,70}\Z")

    @rows(
        same=(b"1.M2P3.h", b"1.M2P3.h"),
        seventy=(b"a" * 70, b"a" * 70),
    )
    def test_guid(self, unique: bytes, expected: bytes) -> None:
        """The UIDL is the unique part where it can be."""
        self.assertEqual(guid(unique), expected)

    @rows(long=b"a" * 71, space=b"a b", high=b"\xe4")
    @threat(76)
    def test_guid_mapped(self, unique: bytes) -> None:
        """Else it is a hash that stays the same, and is its own UIDL."""
        mapped = guid(unique)
        self.assertRegex(mapped, rb"\Ax[0-9a-f]{40}\Z")
        self.assertEqual(guid(mapped), mapped)

    def test_arrival(self) -> None:
        """Seconds count first, then microseconds as a number."""
        names = [b"odd", b"9.M5P1.h", b"10.M9P1.h", b"10.M10P1.h", b"11.5_2.h"]
        self.assertEqual(sorted(set(names), key=arrival), names)

    def test_unique(self) -> None:
        """Names rise, differ, and hold nothing of a host that has no place there."""
        names = UniqueNames(1, b"abcdef", "a/b:c\n" + "d" * 90)
        other = UniqueNames(1, b"ghijkl", "")
        made = [names.next(1_800_000_000_000_001_000 + n * 1000) for n in range(99)]
        self.assertEqual(made, sorted(made))
        made += [names.next(0), names.next(0), other.next(0)]
        self.assertEqual(len(set(made)), len(made))
        for unique in made:
            self.assertRegex(
                unique, rb"\A[0-9]+\.M[0-9]{6}P1R[0-9a-f]+Q[0-9]+\.[a-z]+\Z"
            )
            self.assertLess(len(unique), 70)
