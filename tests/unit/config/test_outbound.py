"""mailapp.config.outbound: what the file says of routes, as the relay has it."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.load import inspect
from mailapp.config.outbound import Relay
from mailapp.core.secret import Secret
from mailapp.relay import routes
from mailapp.relay.tlspolicy import Level
from tests.rows import rows, tabled

HEAD = """\
[server]
hostname = "mx.example.test"
domains = ["example.test"]
[[listener]]
protocol = "smtp"
tls = "none"
"""
LOGIN = 'user = "u"\npassword-file = "p"\n'


def read(text: str) -> Any:
    """The configuration with these lines, or its problems."""
    found = inspect(HEAD + text, "mailapp.toml")
    return found.configuration or [problem.key for problem in found.problems]


@tabled
class RouteTests(SynchronousTestCase):
    """``[[route]]`` and ``[relay]``."""

    SMART = '[[route]]\nname = "smart"\ndomains = ["*"]\nhost = "Smtp.Example.net"\n'

    def route(self, text: str = "", *, password: bytes = b"", relay: str = "") -> Any:
        """The first route."""
        found = read(relay + self.SMART + text)
        secret = Secret(password) if password else None
        return found.routes[0].route(secret, found.relay)

    def test_plain(self) -> None:
        """A smart host and nothing else."""
        expected = routes.Route(name="smart", domains=("*",), host="smtp.example.net")
        self.assertEqual(self.route(), expected)

    @rows(
        smtp=("", 25),
        implicit=("implicit-tls = true\n", 465),
        lmtp=('protocol = "lmtp"\n', 24),
        own=("port = 587\n", 587),
    )
    def test_port(self, text: str, port: int) -> None:
        """The standard one, or the one that is written."""
        self.assertEqual(self.route(text).port, port)

    @rows(
        nothing=("", b"", "", None),
        of_relay=("", b"", '[relay]\ntls = "required"\n', Level.REQUIRED),
        own=('tls = "none"\n', b"", '[relay]\ntls = "required"\n', Level.NONE),
        login=(LOGIN, b"secret", "", Level.VERIFIED),
        login_own=(LOGIN + 'tls = "required"\n', b"s", "", Level.REQUIRED),
        opportunistic=('tls = "opportunistic"\n', b"", "", Level.OPPORTUNISTIC),
    )
    def test_tls(
        self, text: str, password: bytes, relay: str, level: Level | None
    ) -> None:
        """A login wants a server that proves its name, unless the file says no."""
        self.assertEqual(self.route(text, password=password, relay=relay).tls, level)

    def test_login(self) -> None:
        """Name and password together, and none of it in the log."""
        route = self.route(LOGIN, password=b"secret")
        self.assertEqual(route.login.password.reveal(), b"secret")
        self.assertNotIn("secret", repr(route))

    def test_sources(self) -> None:
        """Of the relay, or of the route."""
        relay = '[relay]\nsources = ["192.0.2.1"]\n'
        self.assertEqual(self.route(relay=relay).sources, ("192.0.2.1",))
        own = self.route('sources = ["192.0.2.2"]\n', relay=relay)
        self.assertEqual(own.sources, ("192.0.2.2",))
        direct = read(relay).relay.direct
        self.assertEqual(direct.sources, ("192.0.2.1",))
        self.assertEqual(evolve(direct, sources=()), evolve(routes.DIRECT))

    @rows(
        dotted=('name = "a.b"\n', "name"),
        capitals=('name = "Smart"\n', "name"),
        bad_host=('name = "a"\nhost = "a b"\n', "host"),
    )
    def test_refused(self, text: str, key: str) -> None:
        """Names that could be domains, hosts that are none."""
        found = read(f'[[route]]\ndomains = ["x.test"]\n{text}')
        self.assertIn(key, str(found))

    def test_defaults(self) -> None:
        """Without a word mail goes by MX, encrypted where possible."""
        found = read("")
        self.assertEqual(found.relay.direct, routes.DIRECT)
        self.assertEqual(found.routes, ())
        self.assertEqual(found.resolver.servers, ())
        self.assertIsInstance(found.relay, Relay)
