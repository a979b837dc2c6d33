"""Clients that people and scripts use read, sort and change mail over IMAP and TLS."""

from __future__ import annotations

import imaplib
import shutil
import ssl
import time
from typing import ClassVar, Final

from tests.interop.client_case import getmail, needs
from tests.interop.demo import PASSWORD
from tests.interop.imap_case import ImapCase, files_of
from tests.interop.mail_keys import AtMutt, expected, keys, saved
from tests.interop.mixed import body_of, make_message, number_of
from tests.interop.terminal import Terminal

HOST: Final = "localhost"


class NineCase(ImapCase):
    """A folder of its own for each test, with messages 1 to 9, and one to save to."""

    numbers: ClassVar = range(1, 10)

    def setUp(self) -> None:
        """Make them."""
        super().setUp()
        self.saved = f"{self.name}/Saved"
        self.create(self.name, self.saved)
        self.bring(self.name, self.numbers)

    def try_mailboxes(self, client: imaplib.IMAP4) -> None:
        """CREATE, RENAME, DELETE, subscriptions, LIST, STATUS, NAMESPACE, QUOTA."""
        one, two = f'"{self.name}/One two"', f'"{self.name}/&AOk-"'
        self.ok(client.create(one))
        self.ok(client.rename(one, two))
        self.ok(client.subscribe(two))
        self.assertIn(two.strip('"').encode(), self.ok(client.lsub())[-1])
        self.assertEqual(len(self.ok(client.list(f'"{self.name}/"', "%"))), 2)
        self.ok(client.unsubscribe(two))
        self.ok(client.delete(two))
        self.assertEqual(client.delete(two)[0], "NO")
        status = self.ok(client.status(self.name, "(MESSAGES UNSEEN UIDNEXT)"))
        self.assertIn(b"MESSAGES 9 UIDNEXT 10 UNSEEN 9", _sorted(status[0]))
        self.assertEqual(self.ok(client.namespace()), [b'(("" "/")) NIL NIL'])
        self.ok(client.getquotaroot("INBOX"))
        self.assertEqual(client.getquota('""')[0], "NO")  # she has no limit

    def try_messages(self, client: imaplib.IMAP4) -> None:
        """SELECT, FETCH, SEARCH, SORT, THREAD, STORE, COPY, APPEND, EXPUNGE, CLOSE."""
        self.assertEqual(self.ok(client.select(self.name, readonly=True)), [b"9"])
        self.assertEqual(client.store("1", "+FLAGS", r"(\Seen)")[0], "NO")
        self.assertEqual(self.ok(client.select(self.name)), [b"9"])
        self.assertEqual(client.response("UIDNEXT")[1], [b"10"])
        self.assertEqual(self.ok(client.recent()), [b"0"])
        for number in self.numbers:
            ((head, octets), _) = self.ok(client.fetch(str(number), "(RFC822)"))
            self.assertEqual(octets, make_message(number), head)
        self.assertEqual(
            self.ok(client.search(None, "SEEN", 'TEXT "last line of 7"')), [b"7"]
        )
        self.assertEqual(
            self.ok(client.search("UTF-8", "SUBJECT", '"words 8"')), [b"8"]
        )
        ordered = self.ok(client.sort("(REVERSE SUBJECT)", "UTF-8", "1:3"))
        self.assertEqual(ordered, [b"3 2 1"])
        threads = self.ok(client.thread("REFERENCES", "UTF-8", "1:2"))
        self.assertEqual(threads, [b"(1)(2)"])
        self.ok(client.store("1:2", "FLAGS", r"(\Answered $Work)"))
        self.ok(client.copy("1:2", self.saved))
        self.ok(client.uid("COPY", "3", self.saved))
        self.ok(client.uid("MOVE", "4", self.saved))
        date = imaplib.Time2Internaldate(time.time() - 86400 * 365)
        self.ok(client.append(self.saved, r"(\Draft)", date, make_message(10)))
        kept = {n: held.letters for n, held in self.held(self.saved).items()}
        self.assertEqual(kept, {1: "R", 2: "R", 3: "S", 4: "S", 10: "D"})
        self.ok(client.store("1,3", "+FLAGS.SILENT", r"\Deleted"))
        # what MOVE had to say is still among it
        self.assertEqual(sorted(self.ok(client.expunge())), [b"1", b"3", b"4"])
        self.ok(client.check())
        self.ok(client.noop())
        self.ok(client.unselect())
        self.ok(client.select(self.name))
        self.ok(client.store("1", "+FLAGS", r"(\Deleted)"))
        self.ok(client.close())
        self.assertEqual(sorted(self.held(self.name)), [5, 6, 7, 8, 9])


class ReadersTests(AtMutt, NineCase):
    """Each reads, and does, what it can."""

    def assert_fetched_all(self, messages: list[bytes]) -> None:
        """These are all, octet for octet but for line ends and what is put on top."""
        self.assertEqual(sorted(map(number_of, messages)), [*self.numbers])
        for message in messages:
            self.assertEqual(
                body_of(message), body_of(make_message(number_of(message)))
            )

    # ---- without a person

    def test_imaplib(self) -> None:
        """Every command that Python's library has, but for those of ACLs."""
        client = imaplib.IMAP4(HOST, self.server.port("imap"), timeout=30)
        self.addCleanup(client.sock.close)
        context = ssl.create_default_context(cafile=str(self.server.ca))
        self.ok(client.starttls(context))
        self.assertIn("IMAP4REV1", client.capabilities)
        secret = f"\0alice\0{PASSWORD}".encode()
        self.assertEqual(client.authenticate("PLAIN", lambda _: secret)[0], "OK")
        self.try_mailboxes(client)
        self.try_messages(client)
        self.ok(client.xatom("ID", "NIL"))
        self.assertEqual(client.logout()[0], "BYE")
        login = self.imap()
        text = "Subject: grüßt\r\n\r\n".encode()
        self.ok(login.append(self.saved, "", "", text))
        self.ok(login.enable("UTF8=ACCEPT"))
        name = f"{self.name}/Entwürfe"
        self.ok(login.rename(self.saved, f'"{name}"'))
        self.assertEqual(self.ok(login.select(f'"{name}"')), [b"6"])
        self.assertEqual(self.ok(login.search(None, 'SUBJECT "GRÜßT"')), [b"6"])

    @needs("curl")
    def test_curl(self) -> None:
        """Curl lists, fetches by number, UID and section, searches, stores, appends."""
        base = f"imaps://{HOST}:{self.server.port('imaps')}/"
        self.held(self.name)  # which gives UIDs

        def curl(path: str, *arguments: str) -> bytes:
            return self.run_client(
                *("curl", "-sS", "--cacert", str(self.server.ca)),
                *("-u", f"alice:{PASSWORD}", base + path, *arguments),
            )

        self.assertIn(f'"/" {self.name}\r\n'.encode(), curl(""))
        for number in self.numbers:
            self.assertEqual(
                curl(f"{self.name};MAILINDEX={number}"), make_message(number)
            )
        self.assertEqual(curl(f"{self.name};UID=3"), make_message(3))
        self.assertEqual(
            curl(f"{self.name};UID=3;SECTION=TEXT"),
            make_message(3).partition(b"\r\n\r\n")[2],
        )
        self.assertEqual(
            curl(f"{self.name}?SUBJECT%20%22words%204%22"), b"* SEARCH 4\r\n"
        )
        answer = curl(self.name, "-X", r"STORE 5 +FLAGS (\Deleted $Label1)")
        self.assertIn(b"* 5 FETCH (", answer)
        self.assertIn(b"* 5 EXPUNGE\r\n", curl(self.name, "-X", "EXPUNGE"))
        (self.folder / "10").write_bytes(make_message(10))
        curl(self.saved, "-T", str(self.folder / "10"))
        self.assertEqual(list(self.held(self.saved)), [10])
        starttls = f"imap://{HOST}:{self.server.port('imap')}/"
        self.assertEqual(
            self.run_client(
                *("curl", "-sS", "--ssl-reqd", "--cacert", str(self.server.ca)),
                *("--login-options", "AUTH=PLAIN", "-u", f"alice:{PASSWORD}"),
                f"{starttls}{self.saved};MAILINDEX=1",
            ),
            make_message(10),
        )

    @needs("fetchmail")
    def test_fetchmail(self) -> None:
        """Fetchmail keeps or removes what it fetches; what was read is not new."""
        out = self.folder / "out"
        for port, tls, keep, count in (
            ("imap", "sslproto tls1.2+", "keep", len(self.numbers)),
            ("imaps", "ssl", "nokeep fetchall", len(self.numbers)),
        ):
            out.mkdir()
            rc = self.write(
                "fetchmailrc",
                "set no bouncemail\n"
                f"poll {HOST} proto imap port {self.server.port(port)} "
                f'user "alice" password "{PASSWORD}" folder "{self.name}" {tls} '
                f'sslcertck sslcertfile "{self.server.ca}" {keep} no rewrite '
                f'mda "cat > {out}/$$.$(date +%s%N)"\n',
            )
            command = ("fetchmail", "-f", rc, "--nosyslog")
            self.run_client(*command, "--pidfile", str(self.folder / "pid"))
            found = [file.read_bytes() for file in out.iterdir()]
            self.assertEqual(len(found), count)
            self.assert_fetched_all(found)
            shutil.rmtree(out)
            if keep == "keep":
                letters = {held.letters for held in self.held(self.name).values()}
                self.assertEqual(letters, {"S"})
        self.assertEqual(self.held(self.name), {})

    @needs("getmail")
    def test_getmail(self) -> None:
        """Getmail fetches each message once, and moves nothing if it is told so."""
        box = self.folder / "box"
        for name in ("cur", "new", "tmp"):
            (box / name).mkdir(parents=True)
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.server.ca.read_bytes())
        rc = self.write(
            "getmailrc",
            f"[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = {HOST}\n"
            f"port = {self.server.port('imaps')}\nusername = alice\n"
            f"password = {PASSWORD}\nca_certs = {ca}\n"
            f'mailboxes = ("{self.name}",)\nuse_peek = true\n'
            f"[destination]\ntype = Maildir\npath = {box}/\n"
            "[options]\nread_all = false\ndelete = false\n"
            "delivered_to = false\nreceived = false\n",
        )
        for _ in range(2):  # the second run finds nothing new
            self.run_client(*getmail(self.folder, rc))
            found = [path.read_bytes() for path in box.glob("*/*")]
            self.assert_fetched_all(found)
        self.assertEqual({held.letters for held in self.held(self.name).values()}, {""})

    # ---- with a person at a terminal

    def sort_mail(self, program: str) -> None:
        """What was done there is what is found."""
        before = self.held(self.name)
        port = self.server.port("imaps")
        url = f"imaps://alice@{HOST}:{port}/"
        copy = self.folder / "copy"
        rc = self.write(
            "muttrc",
            f'set imap_pass="{PASSWORD}"\nset folder="{url}"\n'
            f"set ssl_ca_certificates_file={self.server.ca}\n"
            f"set certificate_file={self.folder}/certificates\n"
            + keys(f"={self.saved}", copy),
        )
        with Terminal(
            [program, "-n", "-F", rc, "-f", url + self.name], self.folder
        ) as t:
            t.wait_for("words 9")
            t.type("Z")
            t.finish()
        after = self.held(self.name)
        self.assert_uids_kept(before, after)
        self.assertEqual({n: held.letters for n, held in after.items()}, expected())
        self.assertEqual(sorted(self.held(self.saved)), saved())
        self.assertEqual(list(files_of(copy)), [6])

    @needs("alpine")
    def test_alpine(self) -> None:
        """A person at alpine flags, reads, deletes, saves and expunges."""
        mailbox = f"{{{HOST}:{self.server.port('imaps')}/ssl/user=alice}}"
        rc = self.write(
            "pinerc",
            f"last-version-used=6.26\ninbox-path={mailbox}INBOX\n"
            "feature-list=disable-password-file-saving,enable-flag-cmd,"
            "quell-lock-failure-warnings,quit-without-confirm,"
            "expunge-without-confirm-everywhere\nuser-domain=example.test\n",
        )
        exceptions = self.write("exceptions", "")  # it renames a file to this
        command = ["alpine", "-p", rc, "-x", exceptions, "-i", "-n", "1"]
        command += ["-f", mailbox + self.name]
        # c-client looks for authorities where OpenSSL does
        command = ["env", f"SSL_CERT_FILE={self.server.ca}", *command]
        before = self.held(self.name)
        with Terminal(command, self.folder) as t:
            t.wait_for("ENTER PASSWORD")
            t.type(f"{PASSWORD}\r")
            t.wait_for("N +9 .* words 9")
            t.type("d")
            t.wait_for("D +1 .* words 1")
            t.type("s")
            t.wait_for("SAVE Msg #2")
            t.type(f"{mailbox}{self.saved}\r")
            t.wait_for("D +2 .* words 2")
            t.type("n\r")
            t.wait_for("MESSAGE TEXT .* Message 3 of 9")
            t.type("*")
            t.wait_for("Important]")
            t.type("\r")
            t.wait_for("MsgIndex")
            t.type("i")
            t.wait_for("[*] +3 .* words 3")
            t.type("x")
            t.wait_for("[*] +1 .* words 3")
            t.type("q")
            t.finish()
        after = self.held(self.name)
        self.assert_uids_kept(before, after)
        want = dict.fromkeys(range(3, 10), "") | {3: "FS"}
        self.assertEqual({n: held.letters for n, held in after.items()}, want)
        self.assertEqual(list(self.held(self.saved)), [2])


def _sorted(status: bytes) -> bytes:
    """The items of STATUS by name."""
    words = status.partition(b"(")[2].rstrip(b")").split()
    pairs = sorted(zip(words[::2], words[1::2], strict=True))
    return b" ".join(b"%b %b" % pair for pair in pairs)
