"""Real clients download many mixed messages, and later only those that are new.

Sizes and UIDLs stay over a restart of the server, changed flags and new mail. The usual
run has 200 messages; ``MAILAPP_MANY=1000`` has so many.
"""

from __future__ import annotations

import os
import poplib
import re
import shutil
import ssl
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.internet.task import Clock

from mailapp.net.steps import finish
from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import AccountId, Destination
from tests.interop.client_case import ALICE, ClientCase, getmail, needs
from tests.interop.demo import PASSWORD
from tests.interop.mixed import EXOTIC, body_of, make_message, number_of
from tests.interop.served import Setup, begin, start
from tests.interop.terminal import run_at_terminal

MANY: Final = int(os.environ.get("MAILAPP_MANY", "200"))
MORE: Final = 5


class ManyTests(ClientCase):
    """Each client fetches, all changes, and each fetches again."""

    server: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        """Start a server and give alice her mail."""
        cls.server = start(Setup())
        for path in cls.stored():
            path.unlink()  # the messages that a demo begins with
        cls.deliver(range(MANY))

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it."""
        cls.server.stop()
        shutil.rmtree(cls.server.data, ignore_errors=True)

    @classmethod
    def stored(cls) -> list[Path]:
        """The files of alice's messages."""
        home = cls.server.data / "mail" / "example.test" / "alice"
        return [*home.glob("new/*"), *home.glob("cur/*")]

    @classmethod
    def deliver(cls, numbers: range) -> None:
        """Put messages into alice's mailbox."""
        store = MaildirStore(cls.server.data / "mail", inline, clock=Clock())

        async def put(number: int) -> None:
            sink = store.stage()
            await sink.write(make_message(number))
            (failure,) = await store.deliver(sink, [Destination(AccountId(ALICE))])
            if failure is not None:
                raise failure

        for number in numbers:
            finish(put(number))

    def setUp(self) -> None:
        """Find a folder for each client."""
        super().setUp()
        self.box = self.folder / "box"

    def change_everything(self) -> None:
        """Read half of it elsewhere, deliver more, start the server again."""
        for path in self.stored()[::2]:
            name = path.name.partition(":")[0]
            path.rename(path.parent.parent / "cur" / f"{name}:2,RS")
        self.server.stop()
        (self.server.data / "mailapp.log").unlink()  # which says that it is ready
        type(self).server = begin(Setup(), self.server.data)
        self.server.wait_ready()
        type(self).deliver(range(self.there, self.there + MORE))

    @property
    def there(self) -> int:
        """How many messages there are."""
        return len(self.stored())

    def fetch_twice(self, fetch: Any) -> None:
        """What comes first is all; what comes after the change is what is new."""
        before = self.there
        self.assert_all(fetch(), range(before))
        self.change_everything()
        self.assert_all(fetch(), range(before, before + MORE))

    def assert_all(self, messages: list[bytes], numbers: range) -> None:
        """Each message once, with its body; headers in ASCII."""
        found: dict[int, bytes] = {}
        for message in messages:
            header = message.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
            self.assertTrue(header.isascii(), header)
            number = number_of(header)
            self.assertNotIn(number, found)
            found[number] = message
        self.assertEqual(list(numbers), sorted(found))
        for number, message in found.items():
            self.assertEqual(body_of(make_message(number)), body_of(message))

    def files(self) -> list[bytes]:
        """What a client has put into the box since the last look."""
        found = []
        for path in sorted(self.box.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                found.append(path.read_bytes())
                path.unlink()
        return found

    def make_box(self) -> None:
        """A Maildir for the client."""
        for name in ("cur", "new", "tmp"):
            (self.box / name).mkdir(parents=True, exist_ok=True)

    # ---- the clients

    def test_poplib(self) -> None:
        """Poplib sees the same sizes and UIDLs, and as many octets as were said."""
        seen: dict[bytes, int] = {}

        def fetch() -> list[bytes]:
            context = ssl.create_default_context(cafile=str(self.server.ca))
            port = self.server.port("pop3s")
            pop = poplib.POP3_SSL("localhost", port, context=context)
            pop.user("alice")
            pop.pass_(PASSWORD)
            uids = dict(line.split() for line in pop.uidl()[1])
            sizes = {n: int(s) for n, s in (line.split() for line in pop.list()[1])}
            messages = []
            for number, uid in uids.items():
                if uid in seen:
                    self.assertEqual(seen[uid], sizes[number])
                    continue
                status, lines, _ = pop.retr(int(number))
                message = b"".join([line + b"\r\n" for line in lines])
                self.assertEqual(b"+OK %d octets" % len(message), status)
                exotic = number_of(message) % EXOTIC == 0
                if not exotic:
                    self.assertEqual(sizes[number], len(message))
                seen[uid] = sizes[number]
                messages.append(message)
            pop.quit()
            self.assertEqual(len(uids), len(seen))
            return messages

        self.fetch_twice(fetch)

    @needs("curl")
    def test_curl(self) -> None:
        """Curl gets each message by its number, over one connection."""
        count = 0

        def fetch() -> list[bytes]:
            nonlocal count
            self.box.mkdir(exist_ok=True)
            url = f"pop3s://localhost:{self.server.port('pop3s')}/"
            first, count = count + 1, self.there
            self.run_client(
                *("curl", "-sS", "--cacert", str(self.server.ca)),
                *("-u", f"alice:{PASSWORD}", "-o", f"{self.box}/#1"),
                f"{url}[{first}-{count}]",
            )
            return self.files()

        self.fetch_twice(fetch)

    @needs("mpop")
    def test_mpop(self) -> None:
        """Mpop pipelines, and knows messages by their UIDL."""

        def fetch() -> list[bytes]:
            self.make_box()
            rc = self.write(
                "mpoprc",
                f"account default\nhost localhost\nuser alice\npassword {PASSWORD}\n"
                f"port {self.server.port('pop3s')}\ntls on\ntls_starttls off\n"
                f"tls_trust_file {self.server.ca}\nauth on\nkeep on\n"
                f"uidls_file {self.folder}/uidls\ndelivery maildir {self.box}\n",
            )
            self.run_client("mpop", "-C", rc, "-q")
            return self.files()

        self.fetch_twice(fetch)

    @needs("fetchmail")
    def test_fetchmail(self) -> None:
        """Fetchmail keeps mail on the server and UIDLs in its file."""

        def fetch() -> list[bytes]:
            self.box.mkdir(exist_ok=True)
            rc = self.write(
                "fetchmailrc",
                "set no bouncemail\n"
                f"poll localhost proto pop3 port {self.server.port('pop3s')} uidl "
                f'user "alice" password "{PASSWORD}" ssl sslcertck '
                f'sslcertfile "{self.server.ca}" keep no rewrite fetchlimit 0 '
                f'mda "cat > {self.box}/$$.$(date +%s%N)"\n',
            )
            self.run_client(
                *("fetchmail", "-f", rc, "--nosyslog"),
                *("--pidfile", str(self.folder / "pid")),
                *("-i", str(self.folder / "ids")),
            )
            return self.files()

        self.fetch_twice(fetch)

    @needs("getmail")
    def test_getmail(self) -> None:
        """Getmail knows by UIDL what it has seen; it refuses to be root."""

        # it names its file of seen UIDLs by host and port, which a restart changes
        def fetch() -> list[bytes]:
            self.make_box()
            ca = self.folder / "ca.pem"
            ca.write_bytes(self.server.ca.read_bytes())
            rc = self.write(
                "getmailrc",
                "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\n"
                f"port = {self.server.port('pop3s')}\nusername = alice\n"
                f"password = {PASSWORD}\nca_certs = {ca}\n"
                f"[destination]\ntype = Maildir\npath = {self.box}/\n"
                "[options]\nread_all = false\ndelete = false\n"
                "delivered_to = false\nreceived = false\n",
            )
            for old in self.folder.glob("oldmail-*"):
                port = self.server.port("pop3s")
                old.rename(re.sub(r"-[0-9]+-", f"-{port}-", str(old)))
            self.run_client(*getmail(self.folder, rc))
            return self.files()

        self.fetch_twice(fetch)

    @needs("mutt")
    def test_mutt(self) -> None:
        """Mutt, at a terminal, opens the mailbox over POP and copies all of it.

        It remembers nothing, so the second time it gets all again: the same.
        """
        seen: dict[int, bytes] = {}

        def fetch() -> list[bytes]:
            self.make_box()
            rc = self.write("muttrc", muttrc(self.box, self.server.ca))
            url = f"pops://alice@localhost:{self.server.port('pop3s')}/"
            run_at_terminal("mutt", "-n", "-F", rc, "-f", url, home=self.folder)
            fresh = []
            for message in self.files():
                number = number_of(message)
                if number not in seen:
                    fresh.append(message)
                self.assertEqual(
                    body_of(message), body_of(seen.setdefault(number, message))
                )
            return fresh

        self.fetch_twice(fetch)


def muttrc(box: Path, ca: Path) -> str:
    """To copy all messages to a Maildir, and leave, as soon as the mailbox is open."""
    keys = f"<tag-pattern>~A<enter><tag-prefix><copy-message>{box}<enter><quit>"
    return (
        # Mutt 2.2 of Debian waits for ever in SCRAM-SHA-256
        'set pop_authenticators="user"\n'
        f'set pop_pass="{PASSWORD}"\n'
        f"set ssl_ca_certificates_file={ca}\nset certificate_file={box}.known\n"
        f"set mbox_type=Maildir\nset folder={box}\n"
        "set confirmappend=no\nset confirmcreate=no\nset quit=yes\n"
        "set delete=no\nset wait_key=no\nset move=no\n"
        f"folder-hook pops: 'push \"{keys}\"'\n"
    )
