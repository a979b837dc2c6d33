"""Real clients fetch real messages over TLS from a started server."""

from __future__ import annotations

import poplib
import ssl
from pathlib import Path
from typing import ClassVar

from tests.interop.client_case import ClientCase, getmail, needs
from tests.interop.demo import PASSWORD


class FetchingTests(ClientCase):
    """Fetching from a server of one process."""

    def test_poplib(self) -> None:
        """Poplib reads it back octet for octet, over STLS and over POP3S."""
        self.send()
        context = ssl.create_default_context(cafile=str(self.server.ca))
        for implicit in (False, True):
            port = self.server.port("pop3s" if implicit else "pop3")
            pop: poplib.POP3
            if implicit:
                pop = poplib.POP3_SSL("localhost", port, context=context)
            else:
                pop = poplib.POP3("localhost", port)
                pop.stls(context)
            pop.user("alice")
            pop.pass_(PASSWORD)
            count, octets = pop.stat()
            texts = [b"\r\n".join([*pop.retr(n + 1)[1], b""]) for n in range(count)]
            self.assertEqual(sum(map(len, texts)), octets)
            found = [m for m in texts if self.subject.encode() in m]
            self.assertEqual(len(found), 1)
            self.assertTrue(found[0].endswith(self.message))
            pop.quit()

    @needs("curl")
    def test_curl_fetches(self) -> None:
        """Curl lists and retrieves over STLS and over POP3S."""
        self.send()
        pop3 = f"pop3://localhost:{self.server.port('pop3')}/"
        pop3s = f"pop3s://localhost:{self.server.port('pop3s')}/"
        common = (
            *("curl", "-sS", "--ssl-reqd", "--cacert", str(self.server.ca)),
            *("-u", f"alice:{PASSWORD}"),
        )
        for url in (pop3, pop3s):
            numbers = [
                line.split()[0].decode()
                for line in self.run_client(*common, url).split(b"\n")
                if line.strip()
            ]
            texts = [self.run_client(*common, url + number) for number in numbers]
            self.assert_fetched(texts)

    @needs("mpop")
    def test_mpop(self) -> None:
        """Mpop fetches once; its second run finds all UIDLs known."""
        self.send()
        box = self._empty_maildir()
        for port, starttls in (("pop3", "on"), ("pop3s", "off")):
            rc = self.write(
                "mpoprc",
                f"account default\nhost localhost\nport {self.server.port(port)}\n"
                f"user alice\npassword {PASSWORD}\ntls on\ntls_starttls {starttls}\n"
                f"tls_trust_file {self.server.ca}\nauth on\nkeep on\n"
                f"uidls_file {self.folder}/uidls\ndelivery maildir {box}\n",
            )
            self.run_client("mpop", "-C", rc, "-q")
            self.assert_fetched(self._fetched(box))

    @needs("fetchmail")
    def test_fetchmail(self) -> None:
        """Fetchmail fetches over STLS and over POP3S."""
        self.send()
        for port, tls in (("pop3", "sslproto tls1.2+"), ("pop3s", "ssl")):
            out = self.folder / port
            out.mkdir()
            rc = self.write(
                "fetchmailrc",
                "set no bouncemail\n"
                f"poll localhost proto pop3 port {self.server.port(port)} "
                f'user "alice" password "{PASSWORD}" {tls} sslcertck '
                f'sslcertfile "{self.server.ca}" keep fetchall '
                f'mda "cat > {out}/$$.$(date +%s%N)"\n',
            )
            self.run_client(
                *("fetchmail", "-f", rc, "--nosyslog"),
                *("--pidfile", str(self.folder / "pid")),
                *("-i", str(self.folder / "ids")),
            )
            self.assert_fetched([file.read_bytes() for file in out.iterdir()])

    @needs("getmail")
    def test_getmail(self) -> None:
        """Getmail fetches over POP3S; it refuses to be root."""
        self.send()
        box = self._empty_maildir()
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.server.ca.read_bytes())
        rc = self.write(
            "getmailrc",
            "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\n"
            f"port = {self.server.port('pop3s')}\nusername = alice\n"
            f"password = {PASSWORD}\nca_certs = {ca}\n"
            f"[destination]\ntype = Maildir\npath = {box}/\n"
            "[options]\nread_all = false\ndelete = false\n",
        )
        self.run_client(*getmail(self.folder, rc))
        self.assert_fetched(self._fetched(box))

    def _empty_maildir(self) -> Path:
        box = self.folder / "box"
        for name in ("cur", "new", "tmp"):
            (box / name).mkdir(parents=True)
        return box

    def _fetched(self, box: Path) -> list[bytes]:
        return [
            file.read_bytes()
            for name in ("new", "cur")
            for file in (box / name).iterdir()
        ]


class WorkersTests(FetchingTests):
    """Fetching from a server of several processes."""

    arguments: ClassVar = ("--workers", "2")
