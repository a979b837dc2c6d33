"""mailapp.cli.check and screen."""

from __future__ import annotations

import io
import json

from twisted.trial.unittest import SynchronousTestCase

from mailapp.cli.check import as_json, explain
from mailapp.cli.screen import Colour, Screen
from tests.rows import rows, tabled
from tests.unit.config.files import GOOD, loaded

LISTENERS = GOOD + (
    '[[listener]]\nprotocol = "pop3"\ntls = "implicit"\naddress = "2001:db8::1"\n'
    '[[listener]]\nprotocol = "pop3"\ntls = "none"\naddress = "127.0.0.1"\n'
    'allow-cleartext = true\nport = 10110\nproxy-from = ["127.0.0.1"]\n'
    '[[listener]]\nprotocol = "smtp"\nunix = "/run/smtp"\n'
)


def text(document: str) -> str:
    """What a person reads."""
    stream = io.StringIO()
    explain(loaded(document), stream)
    return stream.getvalue()


class CheckTests(SynchronousTestCase):
    """What is printed."""

    def test_good(self) -> None:
        """What would be listened on, in columns."""
        self.assertEqual(
            "mx.example.test would listen on\n"
            "  smtp   0.0.0.0:25         STARTTLS\n"
            "  pop3s  [2001:db8::1]:995  TLS\n"
            "  pop3   127.0.0.1:10110    no encryption, passwords in clear allowed,"
            " PROXY\n"
            "  smtp   /run/smtp          STARTTLS\n"
            "for example.test, with 2 workers, mail in /var/lib/mailapp/mail\n",
            text(LISTENERS),
        )

    def test_one_process(self) -> None:
        """Without workers."""
        single = GOOD.replace("[server]", "[server]\nworkers = 0")
        self.assertIn("with one process,", text(single))

    def test_errors(self) -> None:
        """Each error, and that the server does not start."""
        lines = text("[log]\nlevel = 5\n").splitlines()
        self.assertEqual(4, len(lines))
        self.assertIn(":2: error: log.level: ", lines[2])
        self.assertEqual("3 errors; a server does not start with this.", lines[3])
        self.assertIn("1 error; ", text("x"))

    def test_warning(self) -> None:
        """A warning, and what would be listened on."""
        warned = GOOD.replace('["example.test"]', '["example.test", "example.test"]')
        lines = text(warned).splitlines()
        self.assertIn(": warning: server.domains: ", lines[0])
        self.assertEqual("mx.example.test would listen on", lines[1])

    def test_json(self) -> None:
        """The same facts for programs."""
        document = json.loads(json.dumps(as_json("f", loaded(LISTENERS))))
        self.assertEqual(("f", True, []), tuple(document.values())[:3])
        self.assertEqual(
            {
                "name": "pop3:127.0.0.1:10110",
                "protocol": "pop3",
                "address": "127.0.0.1",
                "port": 10110,
                "unix": None,
                "tls": "none",
                "allow_cleartext": True,
            },
            document["listeners"][2],
        )
        self.assertEqual("/run/smtp", document["listeners"][3]["unix"])

    def test_json_problems(self) -> None:
        """A problem in its parts."""
        document = as_json("f", loaded(GOOD + "[log]\nlevel = 5\n"))
        self.assertFalse(document["ok"])
        self.assertEqual([], document["listeners"])
        self.assertEqual(
            [
                {
                    "file": "/etc/mailapp/x.toml",
                    "line": 10,
                    "key": "log.level",
                    "severity": "error",
                    "expected": '"debug", "info", "warn" or "error"',
                    "found": "the number 5",
                    "fix": "Write one of these.",
                }
            ],
            document["problems"],
        )


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@tabled
class ScreenTests(SynchronousTestCase):
    """Colour only where it is seen and wanted."""

    @rows(
        terminal=(_Terminal(), {}, True),
        file=(io.StringIO(), {}, False),
        unwanted=(_Terminal(), {"NO_COLOR": "1"}, False),
        empty=(_Terminal(), {"NO_COLOR": ""}, True),
        dumb=(_Terminal(), {"TERM": "dumb"}, False),
    )
    def test_colour(
        self, stream: io.StringIO, environment: dict[str, str], coloured: object
    ) -> None:
        """As no-color.org says."""
        painted = Screen(stream, environment).paint("x", Colour.BAD)
        self.assertEqual("\x1b[31mx\x1b[0m" if coloured else "x", painted)
