"""Login names that name a mailbox, through USER and PASS, SASL and APOP."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailapp.auth.authenticator import Authenticator
from mailapp.auth.interfaces import IMaildropAvatar, LoggedIn, Refused
from mailapp.core.secret import Secret
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import ALICE, SAFE, AuthCase

PASSWORD = b"pencil alice@example.test"


@tabled
class FolderTests(AuthCase):
    """``alice/Archive``."""

    def setUp(self) -> None:
        """Use an authenticator with a separator."""
        super().setUp()
        self.plain = self.authenticator
        self.authenticator: Authenticator = self.authentication.authenticator(
            IMaildropAvatar, folder_separator="/"
        )

    @rows(
        account=(b"alice", ()),
        user=(b"alice/Archive", ("Archive",)),
        levels=(b"alice/Archive/2024", ("Archive", "2024")),
        domain_behind=(b"alice/Archive@example.test", ("Archive",)),
        domain_before=(b"alice@example.test/Archive", ("Archive",)),
        at_in_folder=(b"alice@example.test/a@b", ("a@b",)),
        empty=(b"alice/", ("",)),
    )
    def test_password(self, name: bytes, folder: tuple[str, ...]) -> None:
        """The account is let in, and the session learns of the mailbox."""
        result = self.login(name, PASSWORD)
        self.assertEqual(ALICE, self.account_of(result))
        assert isinstance(result, LoggedIn)
        self.assertEqual(folder, result.folder)

    @rows(
        name=(b"\0alice/Archive\0", ("Archive",)),
        authzid=(b"alice/Archive\0alice\0", ("Archive",)),
        both=(b"alice/Archive\0alice/Archive\0", ("Archive",)),
    )
    def test_sasl(self, start: bytes, folder: tuple[str, ...]) -> None:
        """SASL takes such names as well."""
        exchange = self.authenticator.exchange("PLAIN", SAFE)
        assert not isinstance(exchange, Refused)
        answer: Any = exchange.respond(start + PASSWORD)
        result: Any = self.now(answer)
        self.assertEqual(ALICE, self.account_of(result))
        assert isinstance(result, LoggedIn)
        self.assertEqual(folder, result.folder)

    @threat(41)
    @rows(
        other=b"bob@example.test/Archive\0alice/Archive\0",
        other_user=b"bob/alice\0alice/bob\0",
    )
    def test_authzid(self, start: bytes) -> None:
        """A mailbox in the name opens no other account."""
        exchange = self.authenticator.exchange("PLAIN", SAFE)
        assert not isinstance(exchange, Refused)
        answer: Any = exchange.respond(start + PASSWORD)
        result: Any = self.now(answer)
        self.assertIsInstance(result, Refused)

    def test_off(self) -> None:
        """Without a separator there is no such account."""
        secret = Secret(PASSWORD)
        result = self.now(self.plain.login(b"alice/Archive", secret, SAFE))
        self.assertIsInstance(result, Refused)

    @given(st.text(st.sampled_from("a/@. "), max_size=12))
    def test_any_name(self, name: str) -> None:
        """No name is too odd to split, and its parts are parts of it."""
        account, folder = self.authenticator._split(name)
        self.assertNotIn("/", account.partition("@")[0])
        self.assertLessEqual(len(account) + len("/".join(folder)), len(name))
