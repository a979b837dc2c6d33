"""Tests of mailapp.auth.authenticator with its checkers, through twisted.cred."""

from __future__ import annotations

from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, eventAsText
from zope.interface.verify import verifyObject

from mailapp.auth.authenticator import Authenticator
from mailapp.auth.interfaces import (
    IAuthenticator,
    IMaildropAvatar,
    LoggedIn,
    Refusal,
    Refused,
)
from mailapp.core.failures import TemporaryFailure
from mailapp.core.secret import Secret
from mailapp.core.status import SYSTEM_TROUBLE
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.auth.support import (
    ALICE,
    BAD,
    BOB,
    CLEAR,
    REMEMBER_SECONDS,
    SAFE,
    AuthCase,
)

PASSWORD = b"pencil alice@example.test"


@tabled
class PasswordTests(AuthCase):
    """USER and PASS, and PLAIN."""

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IAuthenticator, self.authenticator)

    @rows(
        whole=b"alice@example.test",
        user_alone=b"alice",
        case=b"ALICE@Example.TEST",
        soft_hyphen="al\u00adice".encode(),
    )
    def test_good(self, name: bytes) -> None:
        """The right password lets in, whatever the spelling of the name."""
        self.assertEqual(self.account_of(self.login(name, PASSWORD)), ALICE)

    def test_normalised(self) -> None:
        """A password may be typed composed or decomposed (RFC 4013, section 2.2)."""
        self.accounts.set_password(
            ALICE, self.hashes.make(Secret("p\u00e4ss".encode()))
        )
        self.assertEqual(
            self.account_of(self.login(b"alice", "pa\u0308ss".encode())), ALICE
        )

    @rows(
        wrong=(b"alice@example.test", b"pencil"),
        other_users=(b"alice@example.test", b"pencil bob@example.test"),
        empty=(b"alice@example.test", b""),
        unknown=(b"carol@example.test", b"pencil carol@example.test"),
        unknown_domain=(b"alice@example.org", PASSWORD),
        disabled=(b"gone@example.test", b"pencil gone@example.test"),
        disabled_wrong=(b"gone@example.test", b"pencil"),
        no_name=(b"", b"pencil"),
        no_account_name=(b"../alice", b"pencil"),
        sql=(b"' OR 1=1 --", b"pencil"),
        not_utf8=(b"\xff\xfe", b"pencil"),
        nul=(b"alice\0@example.test", b"pencil"),
        huge=(b"a" * 12_000, b"p" * 12_000),
    )
    @threat(19, 40, 47, 48)
    def test_bad(self, name: bytes, password: bytes) -> None:
        """Every failure gives the same answer after the same work: one argon2 check."""
        self.assertEqual(self.login(name, password), BAD)
        self.assertEqual(self.thread.calls, 1)
        self.assertEqual(self.login(name, password), BAD)
        self.assertEqual(self.thread.calls, 2)

    @rows(clear_right=(PASSWORD,), clear_wrong=(b"x",))
    @threat(29)
    def test_in_the_clear(self, password: bytes) -> None:
        """In the clear nothing is looked at, right or wrong."""
        result = self.login(b"alice", password, CLEAR)
        self.assertEqual(result, Refused(Refusal.CLEARTEXT))
        self.assertEqual(self.thread.calls, 0)
        self.assertFalse(self.authenticator.password_allowed(CLEAR))
        self.assertEqual(self.authenticator.mechanisms(CLEAR), ())
        for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
            self.assertEqual(
                self.authenticator.exchange(mechanism, CLEAR),
                Refused(Refusal.CLEARTEXT),
            )

    def test_allowed_in_the_clear(self) -> None:
        """A listener may allow it."""
        self.authenticator = self.authentication.authenticator(
            IMaildropAvatar, allow_cleartext=True
        )
        self.assertEqual(self.account_of(self.login(b"alice", PASSWORD, CLEAR)), ALICE)
        self.assertEqual(
            self.authenticator.mechanisms(CLEAR), ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
        )

    def test_busy(self) -> None:
        """Too much work is no wrong password, and counts as none."""
        self.thread.trouble = TemporaryFailure(SYSTEM_TROUBLE)
        for _ in range(50):
            result = self.login(b"alice", PASSWORD)
            self.assertEqual(result, Refused(Refusal.UNAVAILABLE))
        self.thread.trouble = None
        self.assertEqual(self.account_of(self.login(b"alice", PASSWORD)), ALICE)

    def test_directory_trouble(self) -> None:
        """An accounts file that can't be read makes nobody unknown."""
        self.accounts.close()
        result = self.login(b"alice", PASSWORD)
        self.assertEqual(result, Refused(Refusal.UNAVAILABLE))

    def test_portal_is_used(self) -> None:
        """What no checker of the portal takes is neither offered nor taken."""
        authenticator = Authenticator(
            Portal(self.authentication.portal.realm),
            IMaildropAvatar,
            self.directory,
            self.throttle,
            self.authentication.decoys,
            random=bytes,
        )
        self.assertEqual(authenticator.mechanisms(SAFE), [])
        self.assertFalse(authenticator.password_allowed(SAFE))
        result = self.now(authenticator.login(b"alice", Secret(PASSWORD), SAFE))
        self.assertEqual(result, Refused(Refusal.MECHANISM))

    @threat(53)
    def test_log(self) -> None:
        """The log tells who and how; no password, not even one in the wrong place."""
        with capturedLogs() as events:
            self.login(b"alice", PASSWORD)
            self.login(b"alice", b"wrong secret")
            self.login(b"my p@ssword!", b"wrong secret")
        self.assertEqual(
            [event["event"] for event in events],
            ["auth.login.succeeded", "auth.login.refused", "auth.login.refused"],
        )
        for event in events:
            text = eventAsText(event) + repr(event)
            for secret in ("pencil", "wrong secret", "p@ssword"):
                self.assertNotIn(secret, text)


class RecentTests(AuthCase):
    """The second login is cheap."""

    def test_no_hash_no_thread(self) -> None:
        """A good login spares the next one its hash, in every spelling of the name."""
        self.login(b"alice", PASSWORD)
        for name in (b"alice", b"Alice@example.test"):
            self.assertEqual(self.account_of(self.login(name, PASSWORD)), ALICE)
        self.assertEqual(self.thread.calls, 1)

    @threat(46)
    def test_per_account(self) -> None:
        """Two users with one password share nothing."""
        for name in (ALICE, BOB):
            self.accounts.set_password(name, self.hashes.make(Secret(b"the same one")))
        self.login(b"alice", b"the same one")
        self.assertEqual(self.login(b"gone", b"the same one"), BAD)
        self.assertEqual(self.account_of(self.login(b"bob", b"the same one")), BOB)
        self.assertEqual(self.thread.calls, 3)

    def test_wrong_is_not_kept(self) -> None:
        """A wrong password is hashed each time."""
        self.login(b"alice", b"wrong")
        self.login(b"alice", b"wrong")
        self.assertEqual(self.thread.calls, 2)

    def test_expires(self) -> None:
        """After a while it is hashed again, also when it was used meanwhile."""
        self.login(b"alice", PASSWORD)
        self.clock.advance(REMEMBER_SECONDS - 1)
        self.login(b"alice", PASSWORD)
        self.assertEqual(self.thread.calls, 1)
        self.clock.advance(2)
        self.login(b"alice", PASSWORD)
        self.assertEqual(self.thread.calls, 2)

    @threat(46, 48)
    def test_changes(self) -> None:
        """Every change of the account makes it forgotten at once."""
        self.login(b"alice", PASSWORD)
        new = self.hashes.make(Secret(b"new password"))
        self.accounts.set_password(ALICE, new)
        self.assertEqual(self.login(b"alice", PASSWORD), BAD)
        self.assertEqual(self.account_of(self.login(b"alice", b"new password")), ALICE)
        self.accounts.set_enabled(ALICE, enabled=False)
        self.assertEqual(self.login(b"alice", b"new password"), BAD)
        self.accounts.set_enabled(ALICE, enabled=True)
        self.assertEqual(self.account_of(self.login(b"alice", b"new password")), ALICE)
        self.accounts.remove(ALICE)
        self.assertEqual(self.login(b"alice", b"new password"), BAD)

    def test_at_once(self) -> None:
        """Five connections at once cost one check; a wrong password among them, one."""
        self.thread.held = True
        results: list[Any] = []
        for password in (PASSWORD, PASSWORD, b"wrong", PASSWORD, b"wrong"):
            login = self.authenticator.login(b"alice", Secret(password), SAFE)
            done = Deferred.fromCoroutine(login)
            _: Deferred[None] = done.addCallback(results.append)
        self.assertEqual((self.thread.calls, results), (2, []))
        self.thread.release()
        self.assertEqual(results.count(BAD), 2)
        self.assertEqual(len([r for r in results if isinstance(r, LoggedIn)]), 3)
