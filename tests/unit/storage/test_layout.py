"""Where accounts and mailboxes lie."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.maildir.layout import (
    account_path,
    decode_level,
    encode_level,
    folder_directory,
    folder_name,
)
from mailapp.storage.names import canonical
from mailapp.storage.types import AccountId, BadName, NoSuch
from tests.rows import rows, tabled
from tests.threats import threat

_LEVEL = st.text(min_size=1, max_size=20)
_NASTY = st.sampled_from(["..", ".", "/", "~", "&", "&-", "a.b", "INBOX", ":2,", "\\"])
_NAMES = st.lists(_LEVEL | _NASTY, min_size=1, max_size=4).map(tuple)


@tabled
class LayoutTests(SynchronousTestCase):
    """Names map to one safe directory each."""

    @rows(
        inbox=(("INBOX",), b""),
        inbox_case=(("inBox",), b""),
        below_inbox=(("inbox", "a"), b".INBOX.a"),
        dotless=(("\u0131nbox",), b".&ATE-nbox"),
        plain=(("Sent Mail",), b".Sent Mail"),
        levels=(("a", "b"), b".a.b"),
        dot=(("a.b",), b".a&AC4-b"),
        dots=(("..",), b".&AC4ALg-"),
        slash=(("a/b",), b".a&AC8-b"),
        ampersand=(("a&b",), b".a&-b"),
        ampersands=(("&&",), b".&-&-"),
        german=(("Entw\u00fcrfe",), b".Entw&APw-rfe"),
        rfc=(("\u53f0\u5317",), b".&U,BTFw-"),
        beyond_bmp=(("\U0001f600",), b".&2D3eAA-"),
        tilde=(("~root",), b".~root"),
    )
    @threat(108, 110)
    def test_folder(self, name: tuple[str, ...], directory: bytes) -> None:
        """A mailbox has one directory, and the directory one mailbox."""
        self.assertEqual(folder_directory(name), directory)
        if directory:
            self.assertEqual(folder_name(directory), canonical(name))

    @rows(
        empty=((),),
        empty_level=(("a", ""),),
        nul=(("a\0",),),
        control=(("a\nb",),),
        delete=(("\x7f",),),
        surrogate=(("\ud800",),),
        long=(("a" * 201,),),
        deep=(("a",) * 21,),
        long_encoded=(("\u00e4x" * 60,),),
    )
    @threat(108)
    def test_refused(self, name: tuple[str, ...]) -> None:
        """What can't be a name is refused."""
        with self.assertRaises(BadName):
            folder_directory(name)

    @rows(
        no_dot=b"cur",
        dot=b".",
        dots=b"..",
        empty_level=b".a..b",
        end=b".a.",
        high=b".\xe4",
        control=b".a\n",
        not_canonical=b".&AGE-",
        unfinished=b".&AGE",
        odd_bits=b".&AGF-",
        not_base64=b".&*-",
        surrogate=b".&2D0-",
        split_run=b".&APw-&APw-",
        inbox=b".INBOX",
        inbox_case=b".inbox",
    )
    @threat(109)
    def test_foreign(self, directory: bytes) -> None:
        """A directory that no name maps to is no mailbox."""
        self.assertIsNone(folder_name(directory))

    @settings(deadline=None)
    @given(_NAMES, _NAMES)
    @threat(108)
    def test_injective(self, one: tuple[str, ...], two: tuple[str, ...]) -> None:
        """Two names never share a directory, and none leads out."""
        try:
            first, second = folder_directory(one), folder_directory(two)
        except BadName:
            return
        self.assertEqual(first == second, canonical(one) == canonical(two))
        self.assertNotIn(b"/", first)
        self.assertNotIn(first, {b".", b".."})
        if first:
            self.assertEqual(folder_name(first), canonical(one))

    @settings(deadline=None)
    @given(st.binary(max_size=30))
    def test_any_directory(self, directory: bytes) -> None:
        """Whatever lies in an account maps to at most one name, and back."""
        name = folder_name(b"." + directory)
        if name is not None:
            self.assertEqual(folder_directory(name), b"." + directory)

    @settings(deadline=None)
    @given(st.text(max_size=40, alphabet=st.characters(exclude_categories=["Cs"])))
    def test_level_round_trip(self, level: str) -> None:
        """A level is read back."""
        self.assertEqual(decode_level(encode_level(level)), level)

    @rows(
        plain=("alice@example.test", b"/m/example.test/alice"),
        subaddress=("a+b@example.test", b"/m/example.test/a+b"),
        at=('"a@b"@example.test', b'/m/example.test/"a@b"'),
        up=("..@example.test", b"/m/example.test/%2E."),
        up_domain=("a@..", b"/m/%2E./a"),
        slash=("a/b@example.test", b"/m/example.test/a%2Fb"),
        percent=("a%2Fb@example.test", b"/m/example.test/a%252Fb"),
        nul=("a\0@example.test", b"/m/example.test/a%00"),
        staging=("x@.staging", b"/m/%2Estaging/x"),
        utf8=("\u00e4@example.test", b"/m/example.test/\xc3\xa4"),
    )
    @threat(108)
    def test_account(self, account: str, path: bytes) -> None:
        """An account has a directory two below the root."""
        self.assertEqual(account_path(b"/m", AccountId(account)), path)

    @rows(
        bare="alice",
        no_user="@d",
        no_domain="a@",
        long="a" * 256 + "@d",
        bad="\ud800@d",
    )
    @threat(108)
    def test_no_account(self, account: str) -> None:
        """What can't be an account was never created."""
        with self.assertRaises(NoSuch):
            account_path(b"/m", AccountId(account))

    @settings(deadline=None)
    @given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
    @threat(108)
    def test_account_injective(self, user: str, other: str, domain: str) -> None:
        """Two accounts never share a directory, and none leads out."""
        try:
            one = account_path(b"/m", AccountId(f"{user}@{domain}"))
            two = account_path(b"/m", AccountId(f"{other}@{domain}"))
        except NoSuch:
            return
        self.assertEqual(one == two, user == other)
        self.assertEqual(one.count(b"/"), 3)
        self.assertFalse({b"", b".", b".."} & set(one[1:].split(b"/")))
