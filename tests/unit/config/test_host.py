"""mailapp.config.host: this host and the configuration."""

from __future__ import annotations

import grp
import os
import pwd
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.demo import certificates
from mailapp.app.demo.certificates import make_demo_certificates
from mailapp.config import host
from mailapp.config.load import Loaded, inspect
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.config.files import LISTENER, SERVER, TLS

STRANGERS = next(
    group.gr_name
    for group in grp.getgrall()
    if group.gr_gid not in {os.getegid(), *os.getgroups()}
)
"""A group that we are not in."""


def new_key(secrecy: s.KeySerializationEncryption) -> str:
    """A private key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, secrecy).decode()


OTHER_KEY = new_key(s.NoEncryption())
LOCKED_KEY = new_key(s.BestAvailableEncryption(b"secret"))


@tabled
class HostTests(SynchronousTestCase):
    """Files, rights and users."""

    def setUp(self) -> None:
        """A host on which all is well."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.make_certificate("mx.example.test")
        self.resolv_conf = self.folder / "resolv.conf"
        self.resolv_conf.write_text("search x\nnameserver 192.0.2.53\n")
        self.patch(host, "RESOLV_CONF", self.resolv_conf)
        self.server = SERVER + 'directory = "var"\nuser = ""\n'
        self.patch(os, "geteuid", lambda: 1000)

    def make_certificate(self, name: str) -> None:
        """One for this name, in the files that the configuration names."""
        make_demo_certificates(self.folder, [name])
        (self.folder / "server.pem").rename(self.folder / "c.pem")
        (self.folder / "server.key").rename(self.folder / "k.pem")

    def found(self, text: str | None = None) -> Loaded:
        """What is found on this host."""
        file = str(self.folder / "x.toml")
        return inspect(text or self.server + TLS + LISTENER, file, host=True)

    def lines(self, text: str | None = None) -> list[str]:
        """The problems, without the folder's name."""
        lines = map(str, self.found(text).problems)
        return [line.replace(f"{self.folder}/", "") for line in lines]

    def test_good(self) -> None:
        """Nothing is said, and nothing was made."""
        self.assertEqual([], self.lines())
        self.assertFalse((self.folder / "var").exists())

    @rows(group=0o640, others=0o604, write=0o602)
    @threat(36)
    def test_key(self, mode: int) -> None:
        """A key that others may use is refused."""
        (self.folder / "k.pem").chmod(mode)
        self.assertEqual(
            [
                "x.toml:8: error: tls.certificate[1].key: expected a file that only its"
                f" owner may read, found mode {mode:04o} of k.pem."
                " Run: chmod 600 k.pem"
            ],
            self.lines(),
        )

    @rows(
        chain=("c.pem", "x.toml:7: error: tls.certificate[1].chain"),
        key=("k.pem", "x.toml:8: error: tls.certificate[1].key"),
    )
    def test_missing(self, name: str, place: str) -> None:
        """A file that is not there is named."""
        (self.folder / name).unlink()
        self.assertEqual(
            [
                f"{place}: expected a file that can be read, found {name}: no such file"
                " or directory. Mend the path or its rights."
            ],
            self.lines(),
        )

    def test_authority(self) -> None:
        """Authorities must be readable too."""
        text = self.server + TLS + LISTENER + '[tls]\nclient-authority = "gone.pem"\n'
        self.assertEqual(
            [
                "x.toml:12: error: tls.client-authority: expected a file that can be"
                " read, found gone.pem: no such file or directory. Mend the path or"
                " its rights."
            ],
            self.lines(text),
        )

    def test_file_for_folder(self) -> None:
        """A file where the data should be."""
        (self.folder / "var").touch()
        self.assertEqual(
            [
                "x.toml:4: error: server.directory: expected a folder, found var, which"
                " is none. Mend the path."
            ],
            self.lines(),
        )

    def test_read_only(self) -> None:
        """A folder that may not be written."""
        self.patch(os, "access", lambda *_, **_also: False)
        [line] = self.lines()
        self.assertIn("expected a folder that this user may write, found ", line)

    def test_open_folder(self) -> None:
        """A folder that everybody may write gets a warning."""
        (self.folder / "var").mkdir()
        (self.folder / "var").chmod(0o777)
        self.assertEqual(
            [
                "x.toml:4: warning: server.directory: expected a folder that only the"
                " server may write, found var, which everybody may. Run: chmod o-w var"
            ],
            self.lines(),
        )
        self.assertIsNotNone(self.found().configuration)

    @rows(
        direct="",
        some='[[route]]\nname = "r"\ndomains = ["a.test"]\nhost = "192.0.2.1"\n',
        name='[[route]]\nname = "r"\ndomains = ["*"]\nhost = "smart.test"\n',
        by_mx='[[route]]\nname = "r"\ndomains = ["*"]\n',
    )
    def test_no_resolver(self, route: str) -> None:
        """Nobody can be asked about other servers: mail for them only waits."""
        text = self.server + TLS + LISTENER + route
        for resolv_conf in ("", "# nameserver 192.0.2.53\n", None):
            if resolv_conf is None:
                self.resolv_conf.unlink()
            else:
                self.resolv_conf.write_text(resolv_conf)
            [line] = self.lines(text)
            self.assertIn("warning: resolver.servers: expected a name server", line)
            self.assertIn("found none, nor one in resolv.conf", line)
            self.assertIsNotNone(self.found(text).configuration)

    @rows(
        servers='[resolver]\nservers = ["192.0.2.53"]\n',
        smart_host='[[route]]\nname = "r"\ndomains = ["*"]\nhost = "192.0.2.1"\n',
        socket='[[route]]\nname = "r"\ndomains = ["*"]\nhost = "/run/x"\n',
    )
    def test_resolver(self, settings: str) -> None:
        """One is named, or none is needed."""
        self.resolv_conf.unlink()
        self.assertEqual([], self.lines(self.server + TLS + LISTENER + settings))

    @rows(
        unknown=(
            "mailapp-nobody",
            "",
            "x.toml:5: error: server.user: expected a user of this host, since the"
            ' server is started as root, found "mailapp-nobody", whom it does not know.'
            " Run: useradd --system mailapp-nobody",
        ),
        empty=(
            "",
            "",
            "x.toml:5: warning: server.user: expected a user to become after the ports"
            ' are open, found root, who may do everything. Write user = "mailapp".',
        ),
        root=(
            "root",
            "",
            "x.toml:5: warning: server.user: expected a user to become after the ports"
            ' are open, found root, who may do everything. Write user = "mailapp".',
        ),
        group=(
            "nobody",
            "mailapp-nobody",
            "x.toml:6: error: server.group: expected a group of this host, found"
            ' "mailapp-nobody", which it does not know. Run: groupadd --system'
            " mailapp-nobody",
        ),
    )
    @threat(121)
    def test_root(self, user: str, group: str, line: str) -> None:
        """Root becomes somebody who is there, or is told so."""
        self.patch(os, "geteuid", lambda: 0)
        for name in ("seteuid", "setegid", "setgroups"):
            self.patch(os, name, lambda _who: None)
        text = self.server.replace('user = ""', f'user = "{user}"\ngroup = "{group}"')
        self.assertEqual([line], self.lines(text + TLS + LISTENER))

    @rows(
        junk=("c.pem", "junk", "c.pem holds no PEM certificate"),
        other=("k.pem", OTHER_KEY, "k.pem is not the PEM private key for c.pem"),
        secret=("k.pem", LOCKED_KEY, "k.pem has a password; run: openssl"),
    )
    def test_unusable(self, name: str, content: str, said: str) -> None:
        """What TLS can't use is told before the start; no terminal is asked."""
        (self.folder / name).write_text(content)
        [line] = self.lines()
        self.assertIn("x.toml:6: error: tls.certificate[1]: expected PEM files", line)
        self.assertIn(said, line)

    @rows(
        expired=(-1, "mx.example.test", "chain: expected a certificate that is still"),
        named=(1, "other.test", "tls.certificate: expected a certificate for server."),
    )
    def test_certificate_of_no_use(self, days: int, name: str, said: str) -> None:
        """One that clients will refuse is a warning: the server serves."""
        self.patch(certificates, "VALID", timedelta(days=days))
        self.patch(certificates, "_BEFORE", timedelta(days=3))
        self.make_certificate(name)
        [line] = self.lines()
        self.assertIn("warning: tls.certificate", line)
        self.assertIn(said, line)

    @rows(clients=("tls", "client-authority"), servers=("relay", "authorities"))
    def test_unusable_authorities(self, section: str, key: str) -> None:
        """The same of the files that others are verified with."""
        (self.folder / "junk.pem").write_text("junk")
        more = f'[{section}]\n{key} = "junk.pem"\n'
        [line] = self.lines(self.server + TLS + LISTENER + more)
        self.assertIn(f"error: {section}.{key}: expected PEM files that TLS can", line)

    def test_empty_password(self) -> None:
        """A login with nothing is not tried."""
        (self.folder / "p").touch(0o600)
        route = '[[route]]\nname = "a"\ndomains = ["*"]\nhost = "192.0.2.1"\n'
        route += 'user = "u"\npassword-file = "p"\n'
        [line] = self.lines(self.server + TLS + LISTENER + route)
        self.assertIn("route[1].password-file: expected a file with a password", line)

    @rows(
        folder=("gone/s", "", "warning: listener[2].unix: expected a path in a folder"),
        file=("c.pem", "", "error: listener[2].unix: expected a path where nothing is"),
        owner=("s", 'unix-owner = "nobody-x"', "listener[2].unix-owner: expected a us"),
        group=("s", 'unix-group = "nobody-x"', "listener[2].unix-group: expected a gr"),
        member=(
            "s",
            f'unix-group = "{STRANGERS}"',
            "expected a group that this user i",
        ),
    )
    def test_unix(self, path: str, more: str, said: str) -> None:
        """A socket that can't be made is told beforehand."""
        lmtp = f'[[listener]]\nprotocol = "lmtp"\ntls = "none"\nunix = "{path}"\n{more}'
        [line] = self.lines(self.server + TLS + LISTENER + lmtp)
        self.assertIn(said, line)

    @threat(121)
    def test_server_can_not_read(self) -> None:
        """What only root may read is no use to the server, which is not root."""
        self.patch(os, "geteuid", os.getuid)
        if os.getuid() != 0:
            self.skipTest("only root can look with the rights of another user")
        self.folder.chmod(0o755)
        (self.folder / "c.pem").chmod(0o644)
        (self.folder / "var").mkdir()
        os.chown(self.folder / "var", pwd.getpwnam("nobody").pw_uid, -1)
        text = self.server.replace('user = ""', 'user = "nobody"') + TLS + LISTENER
        [line] = self.lines(text)
        self.assertIn("tls.certificate[1].key: expected a file that can be read", line)
        self.assertIn("k.pem: permission denied", line)
        self.assertEqual(os.geteuid(), 0)
        os.chown(self.folder / "k.pem", pwd.getpwnam("nobody").pw_uid, -1)
        self.assertEqual([], self.lines(text))
