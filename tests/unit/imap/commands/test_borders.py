"""Between accounts: nobody learns of another's mail, or is harmed by his noise."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.interfaces import IAccount
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId, CreateFolder, Destination
from tests.doubles import FakeAuthenticator, User
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.commands.talk import Client, House, now

_NAMES = (
    "secret",
    "~bob/secret",
    "user/bob/secret",
    "Other Users/bob/secret",
    "#users/bob",
    "../bob/.secret",
    "../../example.test/bob",
    "/etc/passwd",
    ".",
    "..",
    ".secret",
    "bob@example.test",
)
_WORDS = (
    *(b"a ", b"NOOP", b"{3+}\r\n", b"{9}\r\n", b"(" * 99, b'"', b"\r\n", b"*", b"+"),
    *(b"a LOGIN alice secret\r\n", b"b SELECT INBOX\r\n", b"c IDLE\r\n", b"DONE", b"~"),
    *(b"d FETCH 1:* BODY[", b"e SEARCH ", b"f APPEND INBOX ", b"CHARSET "),
)
_GARBAGE = st.lists(st.binary(max_size=40) | st.sampled_from(_WORDS), max_size=12).map(
    b"".join
)


@tabled
class OtherAccountTests(SynchronousTestCase):
    """Two accounts on one disk; bob has a mailbox and a message."""

    def setUp(self) -> None:
        """Alice is logged in."""
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        self.house = House(
            make_store=lambda clock: MaildirStore(root, inline, clock=clock)
        )
        store = self.house.store
        self.addCleanup(lambda: now(store.close()))
        self.bob = AccountId("bob@example.test")
        account = now(store.create(self.bob))
        now(account.commit([CreateFolder(("secret",))], request_id=b"bob"))
        sink = store.stage()
        now(sink.write(b"Subject: secret\r\n\r\nsecret\r\n"))
        there = Destination(self.bob, ("secret",))
        self.assertEqual(now(store.deliver(sink, [there])), [None])
        users = cast(FakeAuthenticator, self.house.service.authenticator).users
        users.append(User(b"bob", b"hidden", cast(IAccount, account)))
        self.client = self.house.client()

    @rows(
        select="SELECT",
        examine="EXAMINE",
        status="STATUS % (MESSAGES UIDNEXT SIZE MAILBOXID)",
        delete="DELETE",
        rename="RENAME % mine",
        append="APPEND % {1+}\r\nx",
        quota="GETQUOTAROOT",
    )
    @threat(71)
    def test_no_oracle(self, command: str) -> None:
        """What bob has is for alice what nobody has, under whatever name."""
        command = command if "%" in command else f"{command} %"
        nothing = self.client.give(command.replace("%", '"no such thing"'))
        for name in _NAMES:
            found = self.client.give(command.replace("%", f'"{name}"'))
            same = [line.replace(name, "no such thing") for line in found]
            same = [line.replace('"no such thing"', "no such thing") for line in same]
            wanted = [
                line.replace('"no such thing"', "no such thing") for line in nothing
            ]
            self.assertEqual(same, wanted, name)

    @threat(71)
    def test_nothing_shown(self) -> None:
        """Neither lists nor searches nor pushes tell of another account."""
        for command in (
            'LIST "" "*"',
            'LIST "../" "*"',
            'LIST "" "*secret*"',
            'LIST "~bob/" "%"',
            'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN (STATUS (MESSAGES))',
            'LSUB "" "*"',
            "NAMESPACE",
        ):
            self.assertNotIn("secret", "".join(self.client.give(command)), command)
        self.client.give("SELECT INBOX")
        bob = Client(self.house)
        bob.give("LOGIN bob hidden")
        self.assertEqual(bob.give("STATUS secret (MESSAGES)")[0][-2:], "1)")
        self.assertIn("OK", bob.last("APPEND INBOX {1+}\r\nx"))
        self.assertEqual(self.client.give("NOOP"), ["OK nothing else to do"])
        self.assertEqual(self.client.give("SEARCH TEXT secret")[0], "* SEARCH")

    @rows(
        generate='GENURLAUTH "imap://bob@mail/secret;URLAUTH=anonymous" INTERNAL',
        fetch='URLFETCH "imap://bob@mail/secret/;uid=1;urlauth=anonymous:internal:00"',
        reset="RESETKEY",
        catenate='APPEND INBOX CATENATE (URL "imap://bob@mail/secret/;uid=1")',
        acl="SETACL INBOX bob lrs",
        rights="LISTRIGHTS secret bob",
    )
    @threat(71, 72)
    def test_no_key(self, command: str) -> None:
        """No command opens a mailbox to others, or by a URL: there is none to forge."""
        self.assertTrue(self.client.last(command).startswith("BAD "), command)
        words = self.client.give("CAPABILITY")[0].split()
        self.assertEqual({"URLAUTH", "CATENATE", "ACL", "RIGHTS="} & {*words}, set())


class NoiseTests(SynchronousTestCase):
    """One client's nonsense is its own trouble."""

    @settings(deadline=None, max_examples=40)
    @given(_GARBAGE)
    @threat(74)
    def test_others_go_on(self, octets: bytes) -> None:
        """Whatever it sends, no session breaks, and another's goes on as it was."""
        house = House()
        house.put()
        good, bad = house.client("SELECT INBOX"), Client(house)
        for at in range(0, len(octets), 7):
            bad.send(octets[at : at + 7])
        self.assertNotIn("[SERVERBUG]", bad.taken())
        self.assertEqual(good.give("FETCH 1 UID"), ["* 1 FETCH (UID 1)", "OK fetched"])
        self.assertEqual(house.client().last("NOOP"), "OK nothing else to do")
