"""What is cited exists, and the pages written from the sources are up to date."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.rows import rows, tabled
from tests.tools import citations, rfc, rfc_headings, threats, tree
from tests.tools.citations import Citation

STRICT: Final = {"report_level": 2, "halt_level": 5}


@tabled
class CitationTests(SynchronousTestCase):
    """How a citation is read."""

    @rows(
        whole=("as RFC 5321 says", [(5321, "")]),
        section=("(RFC 5321, section 4.1.2)", [(5321, "4.1.2")]),
        end_of_sentence=("See RFC 5321, section 4.", [(5321, "4")]),
        appendix=("RFC 5234, appendix B.1", [(5234, "B.1")]),
        two=("RFC 5321, section 2.4; RFC 6531", [(5321, "2.4"), (6531, "")]),
        ends=("RFC 3463, sections 3.2 to 3.8", [(3463, "3.2"), (3463, "3.8")]),
        several=(
            "RFC 9, sections 1, 2.1 and 3",
            [(9, "1"), (9, "2.1"), (9, "3")],
        ),
        not_a_list=("RFC 1035, section 2.3.4, 63 octets", [(1035, "2.3.4")]),
        short=("(RFC 5322, 3.2.5)", [(5322, "3.2.5")]),
        number=("RFC 1035, 63 octets", [(1035, "")]),
        over_lines=("# RFC 5321,\n    # section 4.1", [(5321, "4.1")]),
    )
    def test_form(self, text: str, wanted: list[tuple[int, str]]) -> None:
        """A citation is found in its one form, also over the end of a line."""
        found = citations.citations(text, "x.py")
        self.assertEqual(wanted, [(one.rfc, one.section) for one in found])

    @rows(
        no_comma="RFC 5321 section 4.1",
        sign="RFC 5321 §4.1",
        glued="RFC5321, section 4.1",
        backwards="section 4.1 of RFC 5321",
        capital="RFC 5321, Section 4.1",
    )
    def test_crooked(self, text: str) -> None:
        """Another form of citing a section is noticed, not passed over."""
        self.assertEqual(1, len(list(citations.crooked(text, "x.py"))))

    def test_note(self) -> None:
        """A note goes on over the comment lines that follow it."""
        text = "    # deviates: RFC 1, section 2:\n    # we do not\n    x = 1\n"
        (note,) = citations.notes(text, "x.py")
        self.assertEqual("RFC 1, section 2: we do not", note.text)
        self.assertEqual({1}, note.rfcs)

    def test_unknown(self) -> None:
        """A section that does not exist is named, with the place that cites it."""
        index = {9: rfc_headings.Document(9, "Title", {"1": "One"})}
        found = [Citation(9, "1", "x.py", 1), Citation(9, "2", "x.py", 2)]
        wanted = ["x.py:2: RFC 9 has no section 2"]
        self.assertEqual(wanted, list(citations.unknown(found, index)))


class HeadingTests(SynchronousTestCase):
    """How the sections of an RFC are read from its text."""

    def test_headings(self) -> None:
        """Contents and headings count; lists, page breaks and prose do not."""
        text = (
            "   1.  Introduction . . . . . . . . .  4\n"
            "     1.1.  Goals ....................  5\n"
            "   Appendix A.  Notes  . . . . . . .   9\n\n"
            "Author          Standards Track        [Page 1]\n\f\n"
            "RFC 9999         A Title        October 2008\n\n"
            "1.  Introduction\n\n"
            "   1.  a list item.\n"
            "   2.  another\n\n"
            "1.1.1.  Deeper\n\n"
            "2008 was a year\n"
            "Appendix B.  More\n"
            "B.1.  And more\n"
        )
        found = rfc_headings.sections(text)
        self.assertEqual(["1", "1.1", "1.1.1", "A", "B", "B.1"], sorted(found))
        self.assertEqual("Goals", found["1.1"])

    def test_order(self) -> None:
        """Sections are listed as the RFC counts them."""
        labels = ["A.1", "4.10", "4.2", "A", "10"]
        self.assertEqual(
            ["4.2", "4.10", "10", "A", "A.1"], rfc_headings.in_order(labels)
        )

    def test_index_round_trip(self) -> None:
        """What is written to an index is read back."""
        path = Path(self.mktemp())
        documents = [rfc_headings.Document(7, "Title", {"1": "One", "A": "Last"})]
        rfc_headings.write_index(documents, path)
        self.assertEqual({7: documents[0]}, rfc_headings.read_index(path))


class MarkTests(SynchronousTestCase):
    """How the marks of tests are read."""

    def test_marks(self) -> None:
        """A mark on a test or on a class of tests counts; its rows are numbers."""
        text = (
            "@threat(1)\nclass A:\n"
            "    @rows(x=1)\n    @threat(2, 3)\n    def test_b(self): ...\n"
            "    def test_c(self): ...\n"
        )
        wanted = [("f::A", 1), ("f::A::test_b", 2), ("f::A::test_b", 3)]
        self.assertEqual(wanted, list(threats.marked(ast.parse(text), "f")))

    def test_open_rows_are_shown(self) -> None:
        """A row that no test plays is shown as open, on the page and in the report."""
        played = threats.tests_by_row()
        rows_open = [t for t in threats.read_table() if not played.get(t.row)]
        self.assertEqual(len(rows_open), threats.page().count("**open**"))
        self.assertIn(f"{135 - len(rows_open)} of 135 rows", threats.report())


class GeneratedTests(SynchronousTestCase):
    """The project's own citations and pages."""

    def test_citations_exist(self) -> None:
        """Every cited section exists in its RFC."""
        self.assertEqual([], rfc.faults())

    def test_rfc_page(self) -> None:
        """docs/rfc.rst says what the sources say (else run: make docs)."""
        self.assertEqual(rfc.page(), rfc.PAGE.read_text(encoding="utf-8"))

    def test_threat_page(self) -> None:
        """docs/threats.rst says what the tests say (else run: make docs)."""
        self.assertEqual(threats.page(), threats.PAGE.read_text(encoding="utf-8"))

    def test_pages_are_well_formed(self) -> None:
        """Every page is reStructuredText without a warning."""
        if importlib.util.find_spec("docutils") is None:
            msg = "docutils is not installed"
            raise SkipTest(msg)
        pages = [path for path in tree.text_files() if path.suffix == ".rst"]
        publish = importlib.import_module("docutils.core").publish_string
        null = importlib.import_module("docutils.writers.null")
        for path in pages:
            warnings = io.StringIO()
            publish(
                path.read_text("utf-8"),
                source_path=str(path),
                writer=null.Writer(),
                settings_overrides={**STRICT, "warning_stream": warnings},
            )
            self.assertEqual("", warnings.getvalue(), tree.name(path))

    def test_threat_rows(self) -> None:
        """The table has its 135 rows, and no test claims another."""
        self.assertEqual(
            list(range(1, 136)), [threat.row for threat in threats.read_table()]
        )
        self.assertEqual([], threats.unknown_rows())
