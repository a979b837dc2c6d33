"""The base subject."""

from __future__ import annotations

import re
from time import perf_counter

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.message.subjects import Subject, base_of, base_subject
from tests.rows import rows, tabled
from tests.threats import threat

_BLOB = r"\[[^\[\]]*\][ \t]*"
_PIECES = st.sampled_from(
    ["re", "fw", "fwd", ":", "[", "]", "[x]", "[fwd:", "(fwd)", " ", "\t", "a", "Re: "]
)


def naively(text: str) -> tuple[str, bool]:
    """RFC 5256, section 2.1, step by step, by its ABNF."""
    subject, is_reply = re.sub(r"[ \t]+", " ", text), False
    while True:
        while found := re.search(r"(\(fwd\)|[ \t])\Z", subject, re.IGNORECASE):  # (2)
            is_reply |= found[1] not in " \t"
            subject = subject[: found.start()]
        again = True
        while again:
            again = False
            leader = rf"(?:{_BLOB})*(?:re|fwd?)[ \t]*(?:{_BLOB})?:|[ \t]"  # (3)
            while found := re.match(leader, subject, re.IGNORECASE):
                is_reply |= found[0] not in " \t"
                subject = subject[found.end() :]
                again = True
            found = re.match(_BLOB, subject)  # (4)
            if found and subject[found.end() :].strip(" \t"):
                subject = subject[found.end() :]
                again = True
        if not re.fullmatch(r"\[fwd:.*\]", subject, re.IGNORECASE | re.DOTALL):
            return subject, is_reply
        subject, is_reply = subject[5:-1], True  # (6)


@tabled
class SubjectTests(SynchronousTestCase):
    """RFC 5256, section 2.1."""

    @rows(
        plain=("Hello", "Hello", False),
        empty=("", "", False),
        reply=("Re: Hello", "Hello", True),
        many=("RE: re:FW: Fwd : Hello", "Hello", True),
        counted=("Re[2]: Hello", "Hello", True),
        spaced=("re [x] : Hello", "Hello", True),
        blob=("[list] Hello", "Hello", False),
        blob_reply=("[list] Re: [list] Hello", "Hello", True),
        blobs_reply=("[a][b] Re: Hello", "Hello", True),
        only_blob=("[list]", "[list]", False),
        only_blobs=("[a] [b] ", "[b]", False),
        reply_to_blob=("Re: [list]", "[list]", True),
        trailer=("Hello (fwd)", "Hello", True),
        trailers=("Hello (FWD) (fwd) ", "Hello", True),
        forward=("[Fwd: Hello]", "Hello", True),
        forwards=("[fwd: Re: [fwd: Hello (fwd)]]", "Hello", True),
        open_forward=("[fwd: Hello", "[fwd: Hello", False),
        empty_forward=("[fwd:]", "", True),
        spaces=("a \t  b", "a b", False),
        words=("Report: Hello", "Report: Hello", False),
        inner=("Hello Re: you", "Hello Re: you", False),
        nothing=("Re:", "", True),
        unclosed=("[a Re: b", "[a Re: b", False),
        bracket=("re[x Hello", "re[x Hello", False),
        other_language=("AW: Hello", "AW: Hello", False),
    )
    def test_steps(self, text: str, base: str, is_reply: bool) -> None:  # noqa: FBT001
        """What is removed, and whether that makes it a reply."""
        self.assertEqual(Subject(base, is_reply), base_of(text))

    @rows(
        word=(b"=?utf-8?q?Re=3A_caf=C3=A9?=", "café", True),
        folded=(b"Re: a\r\n b", "a b", True),
        line_end=(b"=?utf-8?q?a=0D=0Ab?=", "a b", False),
        utf8=("Re: é".encode(), "é", True),
        wrong=(b"Re: \xff", "\ufffd", True),
    )
    def test_octets(self, value: bytes, base: str, is_reply: bool) -> None:  # noqa: FBT001
        """Step 1: encoded-words are decoded, continuations are spaces."""
        self.assertEqual(Subject(base, is_reply), base_subject(value))

    @settings(max_examples=500)
    @given(st.lists(_PIECES, max_size=14).map("".join))
    @example("[a]re[b]:[c] re: x")
    @example("[fwd:[fwd:]](fwd)")
    def test_same(self, text: str) -> None:
        """The steps of the RFC, taken literally, say the same."""
        self.assertEqual(naively(text), tuple(base_of(text)))

    @given(st.binary(max_size=100))
    def test_total(self, value: bytes) -> None:
        """Any octets have a base subject, and that has none but itself."""
        base, _ = base_subject(value)
        self.assertNotIn("\r", base)
        self.assertEqual(Subject(base, is_reply=False), base_of(base))

    @threat(83)
    def test_linear(self) -> None:
        """However long and whatever is repeated, it takes no time to speak of."""
        for piece in (
            "[]",
            "re:",
            "[fwd:",
            "(fwd)",
            "[",
            "re[",
            " ",
            "[a]re",
            "fwd:[x] ",
        ):
            text = (piece * 65536)[:65536]
            for subject in (text, text + "]" * 13000, "x" + text, text + "x"):
                started = perf_counter()
                base_of(subject)
                self.assertLess(perf_counter() - started, 5, piece)
