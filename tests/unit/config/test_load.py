"""mailapp.config.load and read: one file in, a configuration or problems out."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.load import inspect, inspect_file, load, load_text
from mailapp.config.problems import ConfigurationRefused
from mailapp.config.schema import Protocol, Security
from mailapp.config.sections import LineEndings, Mechanism
from tests.rows import rows, tabled
from tests.unit.config.files import GOOD, LISTENER, SERVER, TLS, loaded, problems


class LoadTests(SynchronousTestCase):
    """What is written is what is had."""

    def test_defaults(self) -> None:
        """The shortest file gives the documented defaults."""
        found = load_text(GOOD, "/etc/mailapp/x.toml")
        self.assertEqual("mx.example.test", found.server.hostname)
        self.assertEqual(("example.test",), found.server.domains)
        self.assertEqual(Path("/var/lib/mailapp"), found.server.directory)
        self.assertEqual(Path("/var/lib/mailapp/mail"), found.mail_root)
        self.assertEqual(
            Path("/var/lib/mailapp/accounts.sqlite"), found.server.accounts
        )
        self.assertEqual(35 * 2**20, found.limits.message_size)
        self.assertEqual((), found.limits.trusted)
        # CRAM-MD5 is there for those who ask for it
        self.assertEqual(
            set(Mechanism) - {Mechanism.CRAM_MD5}, set(found.auth.mechanisms)
        )
        [listener] = found.listeners
        self.assertEqual(Protocol.SMTP, listener.protocol)
        self.assertEqual(Security.STARTTLS, listener.tls)
        self.assertEqual("smtp:0.0.0.0:25", listener.name)

    def test_values(self) -> None:
        """Every kind of value arrives in its unit."""
        found = load_text(
            GOOD
            + '[limits]\ntrusted = ["192.0.2.0/24", "2001:db8::1"]\n'
            + 'message-size = "1 MiB"\n'
            + '[smtp]\ncommand-timeout = "10 min"\nseparator = ""\nverify = true\n'
            + '[storage]\nline-endings = "lf"\nroot = "mail"\n',
            "/etc/mailapp/x.toml",
        )
        self.assertEqual(
            (ip_network("192.0.2.0/24"), ip_network("2001:db8::1")),
            found.limits.trusted,
        )
        self.assertEqual(2**20, found.limits.message_size)
        self.assertEqual(600.0, found.smtp.command_timeout)
        self.assertIsNone(found.smtp.separator)
        self.assertTrue(found.smtp.verify)
        self.assertEqual(LineEndings.LF, found.storage.line_endings)
        self.assertEqual(Path("/etc/mailapp/mail"), found.mail_root)

    def test_relative(self) -> None:
        """Relative paths are taken from the folder of the file."""
        found = load_text(GOOD, "/etc/mailapp/x.toml")
        self.assertEqual(Path("/etc/mailapp/k.pem"), found.tls.certificates[0].key)

    def test_names(self) -> None:
        """The label of a listener is the name of its standard port."""
        text = GOOD + (
            '[[listener]]\nprotocol = "pop3"\ntls = "implicit"\naddress = "::1"\n'
            '[[listener]]\nprotocol = "smtp"\nunix = "/run/s"\ntls = "none"\n'
        )
        names = [listener.name for listener in load_text(text, "x").listeners]
        self.assertEqual(["smtp:0.0.0.0:25", "pop3s:[::1]:995", "smtp:/run/s"], names)

    def test_refused(self) -> None:
        """What is refused is refused with all its problems."""
        problem = self.assertRaises(ConfigurationRefused, load_text, "x = 1", "f")
        self.assertGreater(len(problem.problems), 2)
        self.assertIn("f:1: error: x: ", str(problem))


@tabled
class ProblemTests(SynchronousTestCase):
    """Every slip has its line, its key, and the way out, word for word."""

    @rows(
        toml=(
            "a = b\n",
            "x.toml:1: error: expected TOML (https://toml.io), found a mistake:"
            " invalid value. Texts stand in quotes, a table begins with [name].",
        ),
        toml_end=(
            'a = "b',
            "x.toml: error: expected TOML (https://toml.io), found a mistake:"
            " unterminated string. Texts stand in quotes, a table begins with [name].",
        ),
        unknown_key=(
            GOOD + "[limits]\nmesage_size = 5\n",
            "x.toml:10: error: limits.mesage_size: expected the name of a setting,"
            ' found an unknown name. Did you mean "message-size"?',
        ),
        unknown_key_2=(
            GOOD + "[log]\nxyz = 5\n",
            "x.toml:10: error: log.xyz: expected the name of a setting,"
            " found an unknown name. Known are format, level, journal-keep.",
        ),
        unknown_table=(
            GOOD + "[storag]\n",
            "x.toml:9: error: storag: expected the name of a setting,"
            ' found an unknown name. Did you mean "storage"?',
        ),
        required=(
            GOOD.replace('hostname = "mx.example.test"\n', ""),
            "x.toml:1: error: server.hostname: expected a host name such as"
            ' "mail.example.org", found nothing. Write hostname = "mail.example.org",'
            " with your own value.",
        ),
        required_in_array=(
            GOOD + "[[listener]]\n",
            'x.toml:9: error: listener[2].protocol: expected "smtp", "submission",'
            ' "lmtp", "pop2", "pop3" or "imap", found nothing. Write protocol ='
            ' "smtp", with'
            " your own value.",
        ),
        text_for_list=(
            GOOD.replace('["example.test"]', '"example.test"'),
            "x.toml:3: error: server.domains: expected a list with at least 1, each a"
            ' domain such as "example.org", found the text "example.test".'
            " Write it in square brackets.",
        ),
        empty_list=(
            GOOD.replace('["example.test"]', "[]"),
            "x.toml:3: error: server.domains: expected a list with at least 1, each a"
            ' domain such as "example.org", found an empty list. Name at least one.',
        ),
        bad_item=(
            GOOD.replace('["example.test"]', '["example.test", "a_b"]'),
            "x.toml:3: error: server.domains: expected a list with at least 1, each a"
            ' domain such as "example.org", found the text "a_b". Write letters,'
            " digits, hyphens and dots only, without a dot at the end.",
        ),
        flag=(
            GOOD + '[smtp]\nverify = "yes"\n',
            "x.toml:10: error: smtp.verify: expected true or false, found the text"
            ' "yes". Write true or false, without quotes.',
        ),
        number_in_quotes=(
            GOOD + '[limits]\nrecipients = "5"',
            "x.toml:10: error: limits.recipients: expected a whole number from 100 to"
            ' 100000, found the text "5". Write the number without quotes and without'
            " a fraction.",
        ),
        flag_for_number=(
            GOOD + "[limits]\nrecipients = true",
            "x.toml:10: error: limits.recipients: expected a whole number from 100 to"
            " 100000, found true. Write the number without quotes and without"
            " a fraction.",
        ),
        too_small=(
            GOOD + "[limits]\nrecipients = 99",
            "x.toml:10: error: limits.recipients: expected a whole number from 100 to"
            " 100000, found the number 99. The least is 100.",
        ),
        size_without_unit=(
            GOOD + "[limits]\nmessage-size = 35",
            'x.toml:10: error: limits.message-size: expected a size from "64 KiB" to'
            ' "4 GiB", found the number 35. Write the unit too, for example "35 B".',
        ),
        size_unit=(
            GOOD + '[limits]\nmessage-size = "35 MB"',
            'x.toml:10: error: limits.message-size: expected a size from "64 KiB" to'
            ' "4 GiB", found the text "35 MB". Write "35 MiB".',
        ),
        size_too_big=(
            GOOD + '[limits]\nmessage-size = "5 GiB"',
            'x.toml:10: error: limits.message-size: expected a size from "64 KiB" to'
            ' "4 GiB", found the text "5 GiB". The most is 4 GiB.',
        ),
        duration=(
            GOOD + '[pop3]\ntimeout = "5 min"',
            'x.toml:10: error: pop3.timeout: expected a duration from "10 min" to'
            ' "1 d", found the text "5 min". The least is 10 min.',
        ),
        duration_number=(
            GOOD + "[pop3]\ntimeout = 600",
            'x.toml:10: error: pop3.timeout: expected a duration from "10 min" to'
            ' "1 d", found the number 600. Write the unit too, for example "600 s".',
        ),
        network=(
            GOOD + '[limits]\ntrusted = [\n  "10.0.0.0/8",\n  "10.0.0.1/8"]',
            "x.toml:10: error: limits.trusted: expected a list, each an address or"
            ' network such as "192.0.2.0/24" or "2001:db8::/32", found the text'
            ' "10.0.0.1/8". Write "10.0.0.0/8" for the network, or the address alone.',
        ),
        network_text=(
            GOOD + '[limits]\ntrusted = ["localhost"]',
            "x.toml:10: error: limits.trusted: expected a list, each an address or"
            ' network such as "192.0.2.0/24" or "2001:db8::/32", found the text'
            ' "localhost". Write an address, a slash and the number of leading bits.',
        ),
        choice=(
            GOOD + '[log]\nformat = "jason"',
            'x.toml:10: error: log.format: expected "human" or "json", found the text'
            ' "jason". Write "json".',
        ),
        choice_type=(
            GOOD + "[log]\nformat = 1979-05-27",
            'x.toml:10: error: log.format: expected "human" or "json", found the date'
            " or time 1979-05-27. Write one of these.",
        ),
        not_built=(
            GOOD + '[[listener]]\nprotocol = "sieve"',
            'x.toml:10: error: listener[2].protocol: expected "smtp", "submission",'
            ' "lmtp", "pop2", "pop3" or "imap", found the text "sieve". Write one of'
            " these.",
        ),
        check=(
            GOOD + '[smtp]\nchecks = ["helo"]',
            'x.toml:10: error: smtp.checks: expected a list, each "helo-syntax",'
            ' "own-name", "full-sender", "bounce-recipients" or "delivered-before",'
            ' found the text "helo". Write one of these.',
        ),
        address=(
            GOOD + 'address = "localhost"',
            "x.toml:9: error: listener[1].address: expected an IP address such as"
            ' "192.0.2.1" or "::", found the text "localhost". Write the number of the'
            " address: names are not looked up here.",
        ),
        port=(
            GOOD + "port = 65536",
            "x.toml:9: error: listener[1].port: expected a whole number from 0 to"
            ' 65535, or "" for none, found the number 65536. The most is 65535.',
        ),
        path=(
            GOOD.replace('"k.pem"', "7"),
            "x.toml:6: error: tls.certificate[1].key: expected a path, found the number"
            ' 7. Write the path in quotes, for example "/var/lib/mailapp".',
        ),
        hostname=(
            GOOD.replace("mx.example.test", "mx.example.test."),
            "x.toml:2: error: server.hostname: expected a host name such as"
            ' "mail.example.org", found the text "mx.example.test.". Write letters,'
            " digits, hyphens and dots only, without a dot at the end.",
        ),
        postmaster=(
            SERVER + 'postmaster = "alice"\n' + TLS + LISTENER,
            "x.toml:4: error: server.postmaster: expected an account such as"
            ' "alice@example.org", or "" for none, found the text "alice". Write the'
            " local part, an @ and the domain.",
        ),
        separator=(
            GOOD + '[smtp]\nseparator = "."',
            "x.toml:10: error: smtp.separator: expected one of the characters + - = _ #"
            ' ! ~ in quotes, or "" for none, found the text ".". Write "+", as most'
            " servers do.",
        ),
        table_for_array=(
            SERVER + TLS + '[listener]\nprotocol = "smtp"\n',
            "x.toml:7: error: listener: expected an array of tables, found a table."
            " Begin each of them with a line [[listener]].",
        ),
        value_for_table=(
            "log = 5\n" + GOOD,
            "x.toml:1: error: log: expected a table, found the number 5. Begin the"
            " table with a line [log].",
        ),
        long_value=(
            GOOD + f'[log]\nformat = "{"x" * 100}"',
            'x.toml:10: error: log.format: expected "human" or "json", found the text'
            f' "{"x" * 58}…. Write one of these.',
        ),
    )
    def test_one(self, text: str, line: str) -> None:
        """One slip, one line."""
        self.assertEqual([line], problems(text))
        self.assertIsNone(loaded(text).configuration)

    def test_several(self) -> None:
        """All slips at once, in the order of the file."""
        text = '[server]\nhostnam = "x"\n[log]\nlevel = "inf"\n[limits]\nrecipients=1\n'
        lines = [problem.line for problem in loaded(text).problems]
        self.assertEqual([1, 1, 2, 4, 6], lines)

    @given(
        st.text(max_size=60) | st.binary(max_size=60).map(lambda o: o.decode("latin1"))
    )
    @settings(deadline=None)
    def test_any(self, text: str) -> None:
        """No text of a file raises anything."""
        self.assertIsNone(inspect(text, "x.toml").configuration)

    @given(
        st.dictionaries(
            st.sampled_from(["server", "listener", "tls", "limits", "log", "x"]),
            st.recursive(
                st.integers() | st.booleans() | st.sampled_from(['""', '"x"', "1.5"]),
                lambda inner: st.lists(inner, max_size=2),
                max_leaves=3,
            ),
        )
    )
    @settings(deadline=None)
    def test_any_value(self, document: dict[str, object]) -> None:
        """Nor does any value in the place of any table."""
        text = "".join(
            f"{key} = {str(value).lower().replace(chr(39), '')}\n"
            for key, value in document.items()
        )
        self.assertIsNone(inspect(text, "x.toml").configuration)


class FileTests(SynchronousTestCase):
    """Files that can't be read are problems too."""

    def setUp(self) -> None:
        """A folder."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "x.toml"

    def found(self) -> str:
        """The one problem, without the path."""
        [problem] = inspect_file(self.path).problems
        return str(problem).removeprefix(str(self.path))

    def test_missing(self) -> None:
        """No such file."""
        self.assertEqual(
            ": error: expected a configuration file in UTF-8, found no such file or"
            " directory. Name another one with --config, or mend this one.",
            self.found(),
        )

    def test_octets(self) -> None:
        """Not UTF-8."""
        self.path.write_bytes(b"\xff")
        self.assertIn("found octets that are not UTF-8", self.found())

    def test_folder(self) -> None:
        """A folder."""
        self.path.mkdir()
        self.assertIn("found is a directory", self.found())

    def test_load(self) -> None:
        """The host is looked at."""
        self.path.write_text(GOOD)
        problem = self.assertRaises(ConfigurationRefused, load, self.path)
        keys = [found.key for found in problem.problems]
        self.assertIn("tls.certificate[1].key", keys)
        self.assertIsNotNone(inspect_file(self.path, host=False).configuration)
