"""``[relay]`` and ``[[route]]``: what is refused, and what deserves a warning."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.load import inspect
from mailapp.config.problems import Severity
from tests.rows import rows, tabled
from tests.unit.config.test_outbound import HEAD, LOGIN

ROUTE = '[[route]]\nname = "smart"\ndomains = ["*"]\nhost = "smtp.example.net"\n'


@tabled
class OutboundTests(SynchronousTestCase):
    """What the process that sends could not use, or would use to no good."""

    def found(self, text: str) -> list[tuple[str, Severity]]:
        """Keys of the problems, and how bad they are."""
        problems = inspect(HEAD + text, "x.toml").problems
        return [(problem.key, problem.severity) for problem in problems]

    @rows(
        plain="",
        login=LOGIN,
        two_families='sources = ["192.0.2.1", "2001:db8::1"]\n',
        submissions=f"port = 465\nimplicit-tls = true\n{LOGIN}",
        another=ROUTE.replace("smart", "other").replace('"*"', '"a.test", ".a.test"'),
    )
    def test_good(self, more: str) -> None:
        """Nothing is said."""
        self.assertEqual([], self.found(ROUTE + more))

    @rows(
        name=(ROUTE + ROUTE.replace('"*"', '"a.test"'), "route[2].name"),
        domains=(ROUTE + ROUTE.replace("smart", "other"), "route[2].domains"),
        no_password=(ROUTE + 'user = "u"\n', "route[1].user"),
        no_user=(ROUTE + 'password-file = "p"\n', "route[1].password-file"),
        to_anybody=(ROUTE.replace("smtp.example.net", "") + LOGIN, "route[1].user"),
        tls=(ROUTE + 'implicit-tls = true\ntls = "none"\n', "route[1].tls"),
        srs=('[relay]\nforwarding-domain = "a.test"\n', "relay.forwarding-domain"),
    )
    def test_refused(self, text: str, key: str) -> None:
        """A server does not start with it."""
        self.assertEqual([(key, Severity.ERROR)], self.found(text))

    @rows(
        ours=(ROUTE.replace("*", "example.test"), "route[1].domains"),
        port=(ROUTE + "port = 465\n", "route[1].port"),
        sources=(ROUTE + 'sources = ["::1", "::2"]\n', "route[1].sources"),
        relay=('[relay]\nsources = ["192.0.2.1", "192.0.2.2"]\n', "relay.sources"),
    )
    def test_doubtful(self, text: str, key: str) -> None:
        """It starts, and says so."""
        self.assertEqual([(key, Severity.WARNING)], self.found(text))
