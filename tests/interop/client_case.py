"""What the tests with real clients share: a started server, and how to look at it."""

from __future__ import annotations

import os
import shutil
import smtplib
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.interop.demo import DemoServer, start_demo

ALICE = "alice@example.test"
_INTERPRETER: Final = "/usr/bin/python3"  # of Debian's getmail
_GETMAIL: Final = """\
import runpy, sys
from getmailcore import baseclasses

class Condition(baseclasses.Condition):
    told = False

    def notify_all(self):
        self.told = True

    def wait(self, timeout):
        while not self.told:
            super().wait(0.01)
        return True

baseclasses.Condition = Condition
sys.argv[0] = "getmail"
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
EIGHT_BIT = (
    "From: bob@example.test\r\nTo: alice@example.test\r\nSubject: {subject}\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\n"
    "Grüße — 8-bit\r\n.a dot line\r\n..two dots\r\n.\r\n\r\nlast line\r\n"
)


def needs(program: str) -> Callable[[Any], Any]:
    """Skip a test where its client is not installed."""

    def mark(test: Any) -> Any:
        if shutil.which(program) is None:
            test.skip = f"{program} is not installed"
        return test

    return mark


def as_nobody() -> tuple[str, ...]:
    """What makes a command run as nobody, if we are root; getmail won't be.

    Raises:
        SkipTest: that can't be done.
    """
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        raise SkipTest("we are root and setpriv is not installed")
    return ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")


def getmail(folder: Path, rc: str) -> tuple[str, ...]:
    """The command for getmail, with its settings and its memory in a folder.

    Its every delivery is a child process, and it waits for a minute in vain if the
    child ends before it waits; hence it looks again. As it won't be root, the folder is
    given to nobody if we are.

    Raises:
        SkipTest: see :func:`as_nobody`.
    """
    become = as_nobody()
    if become:
        folder.chmod(0o755)
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, "nobody", "nogroup")
    place = shutil.which("getmail") or "getmail"
    options = f"--getmaildir={folder}", f"--rcfile={rc}"
    return (*become, _INTERPRETER, "-c", _GETMAIL, place, *options)


class ClientCase(SynchronousTestCase):
    """One server for a class; every test sends under a subject of its own.

    Attributes:
        arguments: more options of the demo.
        patience: seconds that a client may take.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    patience: ClassVar[float] = 60.0

    server: ClassVar[DemoServer]

    @classmethod
    def setUpClass(cls) -> None:
        """Start the server once."""
        cls.server = start_demo(*cls.arguments)

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it; it leaves with success."""
        code = cls.server.stop()
        shutil.rmtree(cls.server.data, ignore_errors=True)
        if code != 0:
            msg = f"the demo exited {code}:\n" + "\n".join(cls.server.output)
            raise AssertionError(msg)

    def setUp(self) -> None:
        """Make a folder for the client."""
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-client-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.subject = f"for {self.id().rpartition('.')[2]}"
        self.message = EIGHT_BIT.format(subject=self.subject).encode()

    # ---- what the tests share

    def run_client(self, *command: str, stdin: bytes = b"") -> bytes:
        """Run a client; fail with its words if it fails."""
        environment = {**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(  # noqa: S603 - clients under test
            command,
            input=stdin,
            capture_output=True,
            timeout=self.patience,
            cwd=self.folder,
            env=environment,
            check=False,
        )
        words = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.assertEqual(done.returncode, 0, f"{command}: {words}")
        return done.stdout

    def write(self, name: str, text: str) -> str:
        """A configuration file that only its owner may read."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def send(self) -> None:
        """Bring the message into alice's mailbox by smtplib over STARTTLS."""
        context = ssl.create_default_context(cafile=str(self.server.ca))
        with smtplib.SMTP("localhost", self.server.port("smtp")) as smtp:
            smtp.starttls(context=context)
            smtp.sendmail("bob@example.test", [ALICE], self.message, ["BODY=8BITMIME"])

    def assert_stored_once(self, body: bytes) -> None:
        """One of alice's files ends in exactly these octets."""
        stored = self.server.stored("alice")
        found = [octets for octets in stored if self.subject.encode() in octets]
        self.assertEqual(len(found), 1, f"{len(found)} copies")
        self.assertTrue(found[0].endswith(body), found[0])

    def assert_fetched(self, messages: list[bytes]) -> None:
        """The client's copy has the message's lines, all of them and in order.

        Clients write their own line ends, so lines are compared.
        """
        want = self.message.replace(b"\r\n", b"\n")
        have = [m.replace(b"\r\n", b"\n") for m in messages]
        found = [m for m in have if self.subject.encode() in m]
        self.assertEqual(len(found), 1, f"{len(found)} of {len(messages)}")
        body = want.partition(b"\n\n")[2]
        self.assertEqual(found[0].partition(b"\n\n")[2].rstrip(), body.rstrip())
