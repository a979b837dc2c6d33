"""Tests of mailapp.directory.names."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import SyntaxProblem
from mailapp.directory.names import account_id, canonical_local_part, user_name
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class UserNameTests(SynchronousTestCase):
    """Which names an account may have."""

    @rows(
        plain=("alice", "alice"),
        upper=("Alice.Smith", "alice.smith"),
        apostrophe=("o'brien", "o'brien"),
        digits=("007", "007"),
        underscore=("_x", None),
        trailing_underscore=("x_", "x_"),
        ampersand=("r&d", "r&d"),
        decomposed=("ju\u0308rgen", "j\u00fcrgen"),
        cyrillic=("\u0418\u0432\u0430\u043d", "\u0438\u0432\u0430\u043d"),
        longest=("a" * 64, "a" * 64),
        too_long=("a" * 65, None),
        too_long_in_octets=("\u00e4" * 33, None),
        empty=("", None),
        dot=(".", None),
        dots=("..", None),
        two_dots_inside=("a..b", None),
        leading_dot=(".hidden", None),
        trailing_dot=("a.", None),
        slash=("a/b", None),
        backslash=("a\\b", None),
        parent=("../etc", None),
        nul=("a\0b", None),
        line_end=("a\r\nb", None),
        trailing_line_end=("a\n", None),
        space=("a b", None),
        tilde=("~root", None),
        info=("a:2,S", None),
        subaddress=("a+b", None),
        at=("a@b", None),
        sql=("' OR 1=1 --", None),
        ldap=("*)(uid=*", None),
        format=("%s", None),
        option=("-rf", None),
        bidi=("a\u202eb", None),
        zero_width=("a\u200bb", None),
        mark_first=("\u0301a", None),
        ligature=("\ufb01x", None),
        fullwidth=("\uff41lice", None),
        surrogate=("\ud800", None),
        emoji=("\U0001f600", None),
    )
    @threat(47, 108)
    def test_name(self, text: str, expected: str | None) -> None:
        """Letters and digits of any script, and little else between them."""
        if expected is None:
            self.assertRaises(SyntaxProblem, user_name, text)
        else:
            self.assertEqual(user_name(text), expected)

    @settings(deadline=None, max_examples=300)
    @given(
        st.text(max_size=12) | st.from_regex(r"[a-zA-Z0-9./_~-]{1,12}", fullmatch=True)
    )
    @example("\u0130")
    @threat(108)
    def test_safe_in_a_path(self, text: str) -> None:
        """Every name that is taken is one harmless component of a path."""
        try:
            name = user_name(text)
        except SyntaxProblem:
            return
        self.assertEqual(user_name(name), name)
        self.assertEqual(canonical_local_part(name), name)
        self.assertEqual(PurePosixPath(name).name, name)
        self.assertEqual(len(PurePosixPath(name).parts), 1)
        self.assertFalse(name.startswith((".", "-", "~")))
        self.assertNotIn(0, os.fsencode(name))


@tabled
class AccountIdTests(SynchronousTestCase):
    """Login names."""

    @rows(
        user=("alice", "alice@example.test"),
        whole=("alice@example.test", "alice@example.test"),
        other_domain=("Alice@Example.ORG", "alice@example.org"),
        u_label=("alice@b\u00fccher.example", "alice@xn--bcher-kva.example"),
        two_ats=("a@b@example.test", None),
        no_user=("@example.test", None),
        no_domain=("alice@", None),
        bad_domain=("alice@-x.test", None),
        slash_in_domain=("alice@../x", None),
        literal=("alice@[192.0.2.1]", None),
        bad_a_label=("alice@xn--a.test", None),
        huge=("a" * 100_000, None),
    )
    @threat(26, 108)
    def test_id(self, name: str, expected: str | None) -> None:
        """One id for all spellings, or none."""
        if expected is None:
            self.assertRaises(SyntaxProblem, account_id, name, "example.test")
        else:
            self.assertEqual(account_id(name, "example.test"), expected)
