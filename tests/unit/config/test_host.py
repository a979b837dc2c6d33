"""mailapp.config.host: this host and the configuration."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from mailapp.config import host
from mailapp.config.load import Loaded, inspect
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.config.files import LISTENER, SERVER, TLS

ME = pwd.getpwuid(os.geteuid()).pw_name


@tabled
class HostTests(SynchronousTestCase):
    """Files, rights and users."""

    def setUp(self) -> None:
        """A host on which all is well."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("c.pem", "k.pem"):
            (self.folder / name).touch(0o600)
        self.resolv_conf = self.folder / "resolv.conf"
        self.resolv_conf.write_text("search x\nnameserver 192.0.2.53\n")
        self.patch(host, "RESOLV_CONF", self.resolv_conf)
        self.server = SERVER + 'directory = "var"\nuser = ""\n'
        self.patch(os, "geteuid", lambda: 1000)

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
        text = self.server + TLS + LISTENER + '[tls]\nclient-authority = "ca.pem"\n'
        self.assertEqual(
            [
                "x.toml:12: error: tls.client-authority: expected a file that can be"
                " read, found ca.pem: no such file or directory. Mend the path or its"
                " rights."
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
