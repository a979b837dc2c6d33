"""``[[fetch]]`` tables: what is refused, and what deserves a warning."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.fetching import Fetch
from mailapp.config.load import inspect, load_text
from mailapp.config.problems import Severity
from tests.rows import rows, tabled
from tests.threats import threat

HEAD = """
[server]
hostname = "mail.example.org"
domains = ["example.org"]
[[listener]]
protocol = "smtp"
tls = "none"
"""
TABLE = """
[[fetch]]
name = "one"
host = "pop.example.net"
user = "alice"
password-file = "password"
into = "alice@example.org"
"""


def load(more: str = "") -> Fetch:
    """The only table."""
    return load_text(HEAD + TABLE + more, "x.toml").fetches[0]


@tabled
class FetchTests(SynchronousTestCase):
    """The tables of a file."""

    @rows(
        none=("", 995),
        starttls=('tls = "starttls"', 110),
        pop2=('protocol = "pop2"', 109),
        own=("port = 1995", 1995),
    )
    def test_port(self, more: str, port: int) -> None:
        """The standard port, unless another is named."""
        self.assertEqual(port, load(more).port_number)

    @rows(
        again=(TABLE, "fetch[2].name"),
        account=(TABLE.replace("one", "two"), "fetch[2].user"),
        starttls=('protocol = "pop2"\ntls = "starttls"', "fetch[1].tls"),
        clear=('tls = "none"', "fetch[1].tls"),
        mailbox=('mailbox = "x"', "fetch[1].mailbox"),
        days=("keep-days = 3", "fetch[1].keep-days"),
        often=('every = "30 s"', "fetch[1].every"),
        name=(TABLE.replace("one", "a b"), "fetch[2].name"),
        host=(TABLE.replace("pop.example.net", "a b"), "fetch[2].host"),
        into=(TABLE.replace("@example.org", "@example.net"), "fetch[2].into"),
    )
    @threat(29, 51)
    def test_refused(self, more: str, key: str) -> None:
        """With these a server does not start."""
        loaded = inspect(HEAD + TABLE + more, "x.toml")
        self.assertIsNone(loaded.configuration)
        self.assertIn(key, [problem.key for problem in loaded.problems])

    @rows(
        clear='tls = "none"\nallow-cleartext = true',
        unverified="verify = false",
    )
    def test_warned(self, more: str) -> None:
        """With these it warns."""
        loaded = inspect(HEAD + TABLE + more, "x.toml")
        self.assertIsNotNone(loaded.configuration)
        found = [p for p in loaded.problems if p.key.startswith("fetch")]
        self.assertEqual([Severity.WARNING], [problem.severity for problem in found])

    def test_private(self) -> None:
        """On this host no encryption is needed."""
        for host in "localhost", "127.0.0.1", "::1":
            text = HEAD + TABLE.replace("pop.example.net", host) + 'tls = "none"'
            self.assertEqual([], [p for p in inspect(text, "x").problems if p.key])
