"""mailapp.config.checks: settings that do not fit each other."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.config.files import GOOD, LISTENER, SERVER, TLS, loaded, problems

CLEAR = LISTENER + 'tls = "none"\n'
POP3 = '[[listener]]\nprotocol = "pop3"\n'
POP2 = '[[listener]]\nprotocol = "pop2"\n'


def listener(**settings: str) -> str:
    """A listener of these settings, as TOML has them."""
    lines = [f"{key.replace('_', '-')} = {value}" for key, value in settings.items()]
    return LISTENER + "\n".join(lines) + "\n"


@tabled
class CheckTests(SynchronousTestCase):
    """What is refused, and what gets a warning."""

    @rows(
        good=GOOD,
        clear_smtp=SERVER + CLEAR,
        clear_loopback=SERVER
        + POP3
        + 'tls = "none"\nallow-cleartext = true\naddress = "127.0.0.2"\n',
        clear_loopback_6=SERVER
        + POP3
        + 'tls = "none"\nallow-cleartext = true\naddress = "::1"\n',
        clear_unix=SERVER
        + POP3
        + 'tls = "none"\nallow-cleartext = true\nunix = "/run/s"\n',
        two_addresses=SERVER
        + TLS
        + listener(address='"192.0.2.1"')
        + listener(address='"192.0.2.2"'),
        two_families=SERVER
        + TLS
        + listener(address='"0.0.0.0"')
        + listener(address='"2001:db8::1"'),
        relays=GOOD + '[smtp]\nrelay-networks = ["10.0.0.0/8", "2001:db8::/32"]\n',
        two_ports=GOOD + listener(port="26"),
        implicit=GOOD + listener(tls='"implicit"').replace('"smtp"', '"submission"'),
    )
    def test_accepted(self, text: str) -> None:
        """Nothing is said."""
        self.assertEqual([], problems(text))

    @rows(
        no_listener=(
            SERVER,
            "x.toml: error: listener: expected at least one listener, found none. Write"
            ' [[listener]] and below it protocol = "smtp".',
        ),
        short_hostname=(
            GOOD.replace("mx.example.test", "mx"),
            "x.toml:2: error: server.hostname: expected a full name such as"
            ' mail.example.org, found the short name "mx". Other servers refuse mail'
            " from a short name: write the domain too.",
        ),
        no_certificate=(
            SERVER + LISTENER,
            "x.toml:4: error: listener[1].tls: expected a certificate for it, found"
            ' none. Write [[tls.certificate]] with chain and key, or tls = "none"'
            " here.",
        ),
        relays=(
            GOOD + '[smtp]\nrelay-networks = ["10.0.0.0/8", "128.0.0.0/1"]\n',
            "x.toml:10: error: smtp.relay-networks: expected networks of your own,"
            ' found "128.0.0.0/1", from which anybody could send. Name only those that'
            " you trust.",
        ),
        proxies=(
            GOOD + 'proxy-from = ["::/0"]\n',
            "x.toml:9: error: listener[1].proxy-from: expected networks of your own,"
            ' found "::/0", so that anybody could claim to come from anywhere. Name'
            " only those that you trust.",
        ),
        long_socket=(
            GOOD + POP3 + f'unix = "/{"s" * 107}"\n',
            "x.toml:11: error: listener[2].unix: expected a path of at most 107 octets,"
            " or nobody could connect, found one of 108. Write a shorter one.",
        ),
        send_as_anybody=(
            GOOD + '[submission]\nsend-as-anybody = ["a@example.net"]\n',
            "x.toml:10: error: submission.send-as-anybody: expected accounts in one of"
            ' server.domains, found the domain "example.net". Name an account of this'
            " server.",
        ),
        postmaster=(
            SERVER + 'postmaster = "a@example.net"\n' + TLS + LISTENER,
            "x.toml:4: error: server.postmaster: expected an account in one of"
            ' server.domains, found the domain "example.net". Name an account of this'
            " server.",
        ),
        same_port=(
            GOOD + POP3 + "port = 25\n",
            "x.toml:9: error: listener[2]: expected a port that no other listener has,"
            " found the place of smtp:0.0.0.0:25. Change one of them, or remove it.",
        ),
        same_port_any=(
            SERVER + TLS + listener(address='"192.0.2.1"') + LISTENER,
            "x.toml:10: error: listener[2]: expected a port that no other listener has,"
            " found the place of smtp:192.0.2.1:25. Change one of them, or remove it.",
        ),
        same_port_both=(
            GOOD + listener(address='"::"'),
            "x.toml:9: error: listener[2]: expected a port that no other listener has,"
            " found the place of smtp:0.0.0.0:25. Change one of them, or remove it.",
        ),
        same_unix=(
            SERVER + TLS + listener(unix='"/run/s"') + POP3 + 'unix = "/run/s"\n',
            "x.toml:10: error: listener[2]: expected a port that no other listener has,"
            " found the place of smtp:/run/s. Change one of them, or remove it.",
        ),
        same_free_port=(
            SERVER + TLS + listener(port="0") + listener(port="0"),
            "x.toml:10: error: listener[2]: expected a port that no other listener has,"
            " found the place of smtp:0.0.0.0:0. Change one of them, or remove it.",
        ),
        unix_and_port=(
            SERVER + TLS + listener(unix='"/run/s"', port="25"),
            "x.toml:9: error: listener[1].unix: expected a Unix socket or a port, found"
            " both. Make two listeners of them.",
        ),
    )
    def test_refused(self, text: str, line: str) -> None:
        """The server does not start."""
        self.assertEqual([line], problems(text))
        self.assertIsNone(loaded(text).configuration)

    @threat(29, 51)
    def test_clear_passwords(self) -> None:
        """Passwords in clear are taken on loopback only, whatever is asked for."""
        for address in ("192.0.2.1", "10.0.0.1", "::", "fe80::1"):
            text = (
                SERVER
                + POP3
                + (f'tls = "none"\nallow-cleartext = true\naddress = "{address}"\n')
            )
            self.assertEqual(
                [
                    "x.toml:7: error: listener[1].allow-cleartext: expected false,"
                    " since this address can be reached from other hosts, found true."
                    ' Set address = "127.0.0.1", or remove allow-cleartext and use TLS.'
                ],
                problems(text),
            )

    @rows(
        clear_pop3=(
            SERVER + POP3 + 'tls = "none"\n',
            'x.toml:6: warning: listener[1].tls: expected "starttls" or "implicit",'
            ' since this protocol begins with a login, found "none", so nobody can log'
            ' in. Write tls = "implicit".',
        ),
        domain_twice=(
            GOOD.replace('["example.test"]', '["example.test", "EXAMPLE.test"]'),
            "x.toml:3: warning: server.domains: expected each domain once, found"
            ' "example.test" twice. Remove one.',
        ),
        unused_authority=(
            GOOD + '[tls]\nclient-authority = "ca"\n[auth]\nmechanisms = ["PLAIN"]\n',
            "x.toml:10: warning: tls.client-authority: expected EXTERNAL in"
            " auth.mechanisms, found a client authority that nothing uses. Add EXTERNAL"
            " to auth.mechanisms, or remove client-authority.",
        ),
    )
    def test_warned(self, text: str, line: str) -> None:
        """The server starts, and says so."""
        self.assertEqual([line], problems(text))
        self.assertIsNotNone(loaded(text).configuration)


@tabled
class LmtpTests(SynchronousTestCase):
    """Never on port 25, and better not in a network."""

    LMTP = SERVER + '[[listener]]\nprotocol = "lmtp"\ntls = "none"\n'

    @rows(
        unix='unix = "/run/lmtp"\nunix-mode = "0600"\nunix-group = "postfix"\n',
        loopback='address = "127.0.0.1"\n',
        chosen='address = "::1"\nport = 2525\n',
    )
    def test_accepted(self, lines: str) -> None:
        """Where only programs on this host get at it."""
        self.assertEqual([], problems(self.LMTP + lines))

    @rows(
        port=('address = "127.0.0.1"\nport = 25\n', "any port but 25"),
        network=("", "a Unix socket or a loopback address"),
        mode=('unix = "/run/lmtp"\nunix-mode = "660x"\n', "permissions in octal"),
        number=('unix = "/run/lmtp"\nunix-mode = 660\n', "permissions in octal"),
    )
    def test_told(self, lines: str, wanted: str) -> None:
        """RFC 2033, section 5: "it MUST NOT be used on the TCP service port 25"."""
        (problem,) = problems(self.LMTP + lines)
        self.assertIn(wanted, problem)


@tabled
class Pop2Tests(SynchronousTestCase):
    """POP2 has no STLS (RFC 937), and its HELO carries the password."""

    @rows(
        loopback='tls = "none"\naddress = "127.0.0.1"\n',
        loopback_6='tls = "none"\naddress = "::1"\n',
        unix='tls = "none"\nunix = "/run/s"\n',
        implicit='tls = "implicit"\n',
        implicit_port='tls = "implicit"\nport = 1109\n',
    )
    def test_accepted(self, lines: str) -> None:
        """Loopback and implicit TLS need nothing more."""
        text = SERVER + TLS + POP2 + lines
        self.assertEqual([], problems(text))
        configuration = loaded(text).configuration
        assert configuration is not None
        self.assertIn(configuration.listeners[0].port_number, {109, 1109})

    @threat(51)
    @rows(
        default_address=(
            'tls = "none"\n',
            '"implicit", since this address can be reached from other hosts, found'
            ' "none"',
        ),
        any_address=(
            'tls = "none"\naddress = "::"\n',
            '"implicit", since this address can be reached from other hosts, found'
            ' "none"',
        ),
        proxied=(
            'tls = "none"\naddress = "127.0.0.1"\nproxy-from = ["127.0.0.1/32"]\n',
            '"implicit", since this address can be reached from other hosts, found'
            ' "none"',
        ),
        no_stls=(
            "",
            '"implicit" or "none", since POP2 has no command to start TLS, found'
            ' "starttls"',
        ),
        no_stls_loopback=(
            'address = "127.0.0.1"\nallow-cleartext = true\n',
            '"implicit" or "none", since POP2 has no command to start TLS, found'
            ' "starttls"',
        ),
    )
    def test_refused(self, lines: str, wanted: str) -> None:
        """The server does not start."""
        text = SERVER + TLS + POP2 + lines
        (line,) = problems(text)
        self.assertIn(f": error: listener[1].tls: expected {wanted}. Write ", line)
        self.assertIsNone(loaded(text).configuration)

    @threat(51)
    def test_exposed(self) -> None:
        """Who insists gets it in the clear everywhere, and a warning at every start."""
        text = SERVER + POP2 + 'tls = "none"\nallow-cleartext = true\n'
        self.assertEqual(
            [
                "x.toml:7: warning: listener[1].allow-cleartext: expected false, since"
                " this address can be reached from other hosts, found true, so that"
                " whoever is on the way reads the passwords. Set address ="
                ' "127.0.0.1", or use tls = "implicit".'
            ],
            problems(text),
        )
        configuration = loaded(text).configuration
        assert configuration is not None
        self.assertTrue(configuration.listeners[0].exposes_passwords)


@tabled
class PrivateTests(SynchronousTestCase):
    """A listener on loopback at which nobody can log in."""

    @rows(
        submission=("submission", 'address = "127.0.0.1"'),
        pop3=("pop3", 'address = "::1"'),
        unix=("submission", 'unix = "/run/s"'),
    )
    def test_warned(self, protocol: str, place: str) -> None:
        """Without TLS, passwords are taken only where the file says so."""
        text = f'{SERVER}[[listener]]\nprotocol = "{protocol}"\n{place}\ntls = "none"\n'
        [line] = problems(text)
        self.assertEqual(
            'x.toml:7: warning: listener[1].tls: expected "starttls" or "implicit",'
            ' since this protocol begins with a login, found "none", so nobody can log'
            ' in. Write tls = "implicit"; or on loopback allow-cleartext = true.',
            line,
        )
        self.assertEqual([], problems(f"{text}allow-cleartext = true\n"))
