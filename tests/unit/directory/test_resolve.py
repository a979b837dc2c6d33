"""Tests of mailapp.directory.resolve and aliases."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.address import Address, parse_address
from mailapp.core.failures import SyntaxProblem, TemporaryFailure
from mailapp.directory.accounts import Accounts, NewPassword
from mailapp.directory.interfaces import IDirectory, IVerifiers
from mailapp.directory.resolve import Directory, alias_address
from mailapp.directory.types import Elsewhere, Expanded, Local, Resolution, Unknown
from mailapp.net.steps import finish
from mailapp.storage.types import AccountId
from tests.rows import rows, tabled
from tests.threats import threat


def brief(resolution: Resolution) -> str:
    """A resolution as a short text."""
    match resolution:
        case Local(account, detail):
            return f"{account.id}+{detail}" if detail else account.id
        case Expanded(local, remote):
            return " ".join(sorted([*map(brief, local), *(f"->{r}" for r in remote)]))
        case Unknown():
            return "unknown"
        case Elsewhere():
            return "elsewhere"


class DirectoryCase(SynchronousTestCase):
    """Has three accounts, one of them disabled, and a second domain."""

    def setUp(self) -> None:
        """Make them."""
        self.path = Path(self.mktemp())
        self.accounts = Accounts(self.path)
        self.addCleanup(self.accounts.close)
        for age, name in enumerate(("alice", "bob", "gone", "j\u00fcrgen")):
            account = AccountId(f"{name}@example.test")
            self.accounts.add([(account, NewPassword("x"))], now=age)
        self.accounts.set_enabled(AccountId("gone@example.test"), enabled=False)
        self.directory = Directory(
            self.accounts, ["example.test", "B\u00fccher.example", "third.test"]
        )

    def resolve(self, text: str) -> str:
        """What an address means, in short."""
        return brief(finish(self.directory.resolve(parse_address(text.encode()))))

    def alias(self, address: str, *targets: str) -> None:
        """Make an alias."""
        self.accounts.add_alias(alias_address(address), targets)


@tabled
class ResolveTests(DirectoryCase):
    """What addresses mean."""

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IDirectory, self.directory)
        verifyObject(IVerifiers, self.directory)

    @rows(
        account=("alice@example.test", "alice@example.test"),
        case=("ALICE@Example.Test", "alice@example.test"),
        quoted=('"alice"@example.test', "alice@example.test"),
        detail=("alice+lists@example.test", "alice@example.test+lists"),
        detail_keeps_case=("Alice+Lists+X@example.test", "alice@example.test+Lists+X"),
        empty_detail=("alice+@example.test", "alice@example.test"),
        detail_alone=("+lists@example.test", "unknown"),
        unicode=("J\u00dcRGEN@example.test", "j\u00fcrgen@example.test"),
        decomposed=("ju\u0308rgen@example.test", "j\u00fcrgen@example.test"),
        unknown=("carol@example.test", "unknown"),
        unknown_detail=("carol+x@example.test", "unknown"),
        disabled=("gone@example.test", "unknown"),
        disabled_detail=("gone+x@example.test", "unknown"),
        other_domain=("alice@third.test", "unknown"),
        elsewhere=("alice@example.org", "elsewhere"),
        subdomain=("alice@mail.example.test", "elsewhere"),
        literal=("alice@[127.0.0.1]", "elsewhere"),
        postmaster=("postmaster@example.test", "alice@example.test"),
        postmaster_case=("PostMaster@example.test", "alice@example.test"),
        postmaster_of_an_empty_domain=("postmaster@third.test", "alice@example.test"),
        postmaster_of_a_u_label=(
            "postmaster@b\u00fccher.example",
            "alice@example.test",
        ),
        postmaster_of_an_a_label=(
            "postmaster@xn--bcher-kva.example",
            "alice@example.test",
        ),
        percent_hack=("alice%example.org@example.test", "unknown"),
        bang_path=("example.org!alice@example.test", "unknown"),
        quoted_at=('"alice@example.org"@example.test', "unknown"),
        quoted_slash=('"../alice"@example.test', "unknown"),
        empty_quoted=('""@example.test', "unknown"),
    )
    @threat(18, 26, 108)
    def test_address(self, text: str, expected: str) -> None:
        """Twice, since the second answer comes from memory."""
        self.assertEqual(self.resolve(text), expected)
        self.assertEqual(self.resolve(text), expected)

    def test_postmaster_without_domain(self) -> None:
        """RFC 5321, section 4.5.1: the one address without a domain."""
        found = finish(self.directory.resolve(Address("Postmaster", "")))
        self.assertEqual(brief(found), "alice@example.test")
        self.assertEqual(
            brief(finish(self.directory.resolve(Address("alice", "")))), "elsewhere"
        )

    def test_postmaster_choice(self) -> None:
        """The configured account, else the oldest of the domain, else of all."""
        self.directory = Directory(
            self.accounts, ["example.test", "third.test"], postmaster="bob"
        )
        self.assertEqual(self.resolve("postmaster@third.test"), "bob@example.test")
        self.accounts.set_enabled(AccountId("bob@example.test"), enabled=False)
        self.assertEqual(self.resolve("postmaster@third.test"), "alice@example.test")
        self.accounts.add([(AccountId("z@third.test"), NewPassword("x"))], now=99)
        self.assertEqual(self.resolve("postmaster@third.test"), "z@third.test")

    def test_postmaster_of_nobody(self) -> None:
        """Without any account there is no postmaster either."""
        for verifiers in self.accounts.accounts():
            self.accounts.remove(verifiers.account.id)
        self.assertEqual(self.resolve("postmaster@example.test"), "unknown")

    def test_other_separator(self) -> None:
        """The separator is a choice, and may be none."""
        for separator, expected in (("-", "alice@example.test+x"), ("", "unknown")):
            self.directory = Directory(
                self.accounts, ["example.test"], separator=separator
            )
            self.assertEqual(self.resolve("alice-x@example.test"), expected)

    def test_change_shows(self) -> None:
        """A change shows at the next call."""
        self.assertEqual(self.resolve("bob@example.test"), "bob@example.test")
        self.accounts.remove(AccountId("bob@example.test"))
        self.assertEqual(self.resolve("bob@example.test"), "unknown")
        self.alias("bob@example.test", "alice@example.test")
        self.assertEqual(self.resolve("bob@example.test"), "alice@example.test")

    def test_account(self) -> None:
        """Login names: in any case, with and without domain, disabled ones too."""
        for name, expected in (
            ("alice", "alice@example.test"),
            ("ALICE@example.test", "alice@example.test"),
            ("gone", "gone@example.test"),
        ):
            account = finish(self.directory.account(name))
            assert account is not None
            self.assertEqual(account.id, expected)
        for name in ("carol", "", "../alice", "alice+x", "' OR 1"):
            self.assertIsNone(finish(self.directory.account(name)))

    def test_key(self) -> None:
        """All spellings have one key, whether the account exists or not."""
        self.assertEqual(self.directory.key("NOBODY"), "nobody@example.test")
        self.assertEqual(
            self.directory.key("nobody@Example.test"), "nobody@example.test"
        )
        self.assertEqual(self.directory.key("no/body"), "")

    @settings(deadline=None, max_examples=100)
    @given(st.text(max_size=20), st.sampled_from(["", "example.test", "example.org"]))
    def test_never_raises(self, local_part: str, domain: str) -> None:
        """Any local part means something."""
        finish(self.directory.account(local_part))
        try:
            address = Address(local_part, domain)
        except SyntaxProblem:
            return
        finish(self.directory.resolve(address))


class AliasTests(DirectoryCase):
    """What aliases come to."""

    def test_one(self) -> None:
        """An alias is its target, in any case and with a subaddress."""
        self.alias("Info@example.test", "alice@example.test")
        self.assertEqual(self.resolve("info@example.test"), "alice@example.test")
        self.assertEqual(self.resolve("INFO+x@example.test"), "alice@example.test")

    def test_target_with_detail(self) -> None:
        """A target may be a subaddress."""
        self.alias("info@example.test", "alice+info@example.test")
        self.assertEqual(self.resolve("info@example.test"), "alice@example.test+info")

    def test_many(self) -> None:
        """Several targets, each mailbox once, some elsewhere, some gone."""
        self.alias("all@example.test", "team@example.test", "alice@example.test")
        self.alias(
            "team@example.test",
            "alice@example.test",
            "bob@example.test",
            "gone@example.test",
            "nobody@example.test",
            "x@example.org",
        )
        self.assertEqual(
            self.resolve("all@example.test"),
            "->x@example.org alice@example.test bob@example.test",
        )

    def test_keep_a_copy(self) -> None:
        """An alias that names itself keeps the mailbox's own copy."""
        self.alias("alice@example.test", "alice@example.test", "bob@example.test")
        self.assertEqual(
            self.resolve("alice@example.test"), "alice@example.test bob@example.test"
        )

    def test_forward_is_not_undone(self) -> None:
        """An account that forwards gets no copy by a second way to it."""
        self.alias("alice@example.test", "bob@example.test")
        self.alias("one@example.test", "alice@example.test")
        self.alias("two@example.test", "alice@example.test")
        self.alias("all@example.test", "one@example.test", "two@example.test")
        self.assertEqual(self.resolve("all@example.test"), "bob@example.test")

    @threat(21)
    def test_loop(self) -> None:
        """A loop ends; with no mailbox in it the address is unknown."""
        self.alias("a@example.test", "b@example.test")
        self.alias("b@example.test", "c@example.test")
        self.alias("c@example.test", "a@example.test")
        self.assertEqual(self.resolve("a@example.test"), "unknown")
        self.alias("c@example.test", "alice@example.test")
        self.assertEqual(self.resolve("a@example.test"), "alice@example.test")

    @threat(21)
    def test_depth(self) -> None:
        """A chain that is too long is a temporary failure, so no mail is lost."""
        for n in range(12):
            self.alias(f"n{n}@example.test", f"n{n + 1}@example.test")
        self.alias("n12@example.test", "alice@example.test")
        self.assertRaises(TemporaryFailure, self.resolve, "n0@example.test")
        self.assertEqual(self.resolve("n5@example.test"), "alice@example.test")

    def test_width(self) -> None:
        """So is a list that is too wide."""
        self.alias("all@example.test", *(f"u{n}@example.org" for n in range(1001)))
        self.assertRaises(TemporaryFailure, self.resolve, "all@example.test")

    def test_catch_all(self) -> None:
        """What is not there goes to the catch-all; a disabled account is there."""
        self.alias("@example.test", "bob@example.test")
        self.assertEqual(self.resolve("anything@example.test"), "bob@example.test")
        self.assertEqual(self.resolve("alice@example.test"), "alice@example.test")
        self.assertEqual(self.resolve("gone@example.test"), "unknown")
        self.assertEqual(self.resolve("postmaster@example.test"), "alice@example.test")
        self.assertEqual(self.resolve("x@third.test"), "unknown")

    def test_postmaster_alias(self) -> None:
        """An alias for postmaster is heeded, with and without domain."""
        self.alias("postmaster@example.test", "bob@example.test")
        self.assertEqual(self.resolve("postmaster@example.test"), "bob@example.test")
        found = finish(self.directory.resolve(Address("postmaster", "")))
        self.assertEqual(brief(found), "bob@example.test")

    def test_alias_address(self) -> None:
        """An alias is an address or a whole domain."""
        self.assertEqual(alias_address("A.B@Example.test"), "a.b@example.test")
        self.assertEqual(alias_address("@Example.test"), "@example.test")
        for bad in ("alice", "@", "a b@example.test", "@-x"):
            self.assertRaises(SyntaxProblem, alias_address, bad)
