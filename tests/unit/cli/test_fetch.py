"""``mailapp fetch``: what it says, and how it exits."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.fetching import load_source
from mailapp.cli.fetch import Bar, code, show, size
from mailapp.config.load import load_text
from mailapp.fetch.types import FetchProblem, Report
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.config.test_fetch_checks import HEAD, TABLE


@tabled
class FetchTests(SynchronousTestCase):
    """Reports for people and programs."""

    @rows(
        good=((Report("a"), Report("b")), 0),
        later=((Report("a"), Report("b", problem="x")), 75),
        mend=((Report("a", problem="x", lasting=True), Report("b", problem="x")), 1),
    )
    def test_code(self, reports: Any, wanted: int) -> None:
        """0, 75 where time may help, 1 where somebody has to."""
        self.assertEqual(wanted, code(reports))

    def test_show(self) -> None:
        """A line for each source, with what is not nothing."""
        stream = StringIO()
        reports = [
            Report("a", offered=9, fetched=3, octets=2048, deleted=3, left=1),
            Report("b", known=2, problem="no connection"),
        ]
        show(reports, stream, dry=False)
        show(reports[:1], stream, dry=True)
        self.assertEqual(
            "a: 3 fetched (2.0 KiB), 3 deleted there, 1 left there\n"
            "b: 0 fetched (0 B), 2 known\n  no connection\n"
            "a: 9 there, 8 to fetch, 0 known, 1 too large\n",
            stream.getvalue(),
        )

    @rows(none=(0, "0 B"), some=(1023, "1023 B"), more=(1536, "1.5 KiB"),
          huge=(3 * 2**30, "3.0 GiB"))  # fmt: skip
    def test_size(self, octets: int, wanted: str) -> None:
        """With the largest unit that fits."""
        self.assertEqual(wanted, size(octets))

    def test_bar(self) -> None:
        """It is written over itself, and is gone at the end."""
        stream = StringIO()
        bar = Bar(stream, "a")
        bar(1, 2, 10)
        bar(2, 2, 20)
        first, second, last = stream.getvalue().split("\r")[1:]
        self.assertEqual(f"a [{'#' * 15}{'.' * 15}] 1/2 10 B", first)
        self.assertEqual(("", ""), (second.strip(), last))

    @threat(36, 53)
    def test_password_file(self) -> None:
        """It is read at each run, and refused when others may read it."""
        folder = Path(self.mktemp())
        folder.mkdir()
        table = load_text(HEAD + TABLE, str(folder / "x.toml")).fetches[0]
        with self.assertRaisesRegex(FetchProblem, "No such file"):
            load_source(table)
        file = folder / "password"
        file.touch(0o600)
        with self.assertRaisesRegex(FetchProblem, "no password"):
            load_source(table)
        file.write_bytes(b"p w \r\nmore\n")
        self.assertEqual(b"p w ", load_source(table).password.reveal())
        self.assertNotIn("p w", repr(load_source(table)))
        file.chmod(0o640)
        with self.assertRaisesRegex(FetchProblem, "chmod 600"):
            load_source(cast(Any, table))
