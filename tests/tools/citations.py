"""What the sources cite: ``RFC 5321, section 4.1.2``, and the notes beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.tools import tree
from tests.tools.rfc_headings import Document

_GAP: Final = r"(?:[ \t]+|[ \t]*\n[ \t]*(?:#:?[ \t]*)?)"
_LABEL: Final = r"(?:\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)(?![\w-])"
_MORE: Final = rf"(?:(?:,(?:{_GAP}and)?|{_GAP}and|{_GAP}or|{_GAP}to){_GAP}{_LABEL})*"
_CITATION: Final = re.compile(
    rf"\bRFC{_GAP}(?P<rfc>\d+)\b"
    rf"(?:,{_GAP}(?:(?:section|appendix){_GAP}(?P<one>{_LABEL})"
    rf"|(?:sections|appendices){_GAP}(?P<many>{_LABEL}{_MORE})"
    # the short form, where a line has no room
    rf"|(?P<short>\d+(?:\.\d+)+)(?![\w-])))?"
)
# What means to cite a section, but not in the one form that is read.
_CROOKED: Final = re.compile(
    rf"\b(?:RFC[ -]?\d+{_GAP}?(?:\(|,)?{_GAP}?(?:§|sec\.|sections?\b|appendix\b)"
    rf"|(?:section|appendix){_GAP}{_LABEL}{_GAP}of{_GAP}RFC)",
    re.IGNORECASE,
)
_NOTE: Final = re.compile(
    r"[ \t]*#[ \t]*(?P<kind>deviates|todo rfc):[ \t]*(?P<text>.*)"
)


@frozen
class Citation:
    """One place that cites an RFC; ``section`` is empty where it cites the whole."""

    rfc: int
    section: str
    file: str
    line: int


@frozen
class Note:
    """A ``# deviates:`` or ``# todo rfc:`` comment, with the RFCs that it names."""

    kind: str
    text: str
    file: str
    line: int

    @property
    def rfcs(self) -> frozenset[int]:
        """The RFCs that its text names."""
        return frozenset(int(found["rfc"]) for found in _CITATION.finditer(self.text))


def citations(text: str, file: str) -> Iterator[Citation]:
    """What a text cites; of a range (``sections 3.2 to 3.8``) both ends."""
    for found in _CITATION.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        labels = re.findall(
            _LABEL, found["one"] or found["many"] or found["short"] or ""
        ) or [""]
        for label in labels:
            yield Citation(int(found["rfc"]), label, file, line)


def crooked(text: str, file: str) -> Iterator[str]:
    """Citations of a section that are not written as the tool reads them."""
    for found in _CROOKED.finditer(text):
        proper = _CITATION.match(text, found.start())
        if proper is None or not (proper["one"] or proper["many"] or proper["short"]):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{file}:{line}: write it as 'RFC 5321, section 4.1.2'"


def notes(text: str, file: str) -> Iterator[Note]:
    """The notes of a text; a note goes on over the comment lines that follow it."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        found = _NOTE.fullmatch(line)
        if found is None:
            continue
        words = [found["text"].strip()]
        for following in lines[number:]:
            comment = following.strip()
            if not comment.startswith("# ") or _NOTE.fullmatch(following):
                break
            words.append(comment[1:].strip())
        yield Note(found["kind"], " ".join(words), file, number)


def _texts(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        yield path.read_text(encoding="utf-8"), tree.name(path)


def sources() -> Iterator[tuple[str, str]]:
    """Text and name of every module of mailapp."""
    return _texts(tree.python_files("mailapp"))


def pages() -> Iterator[tuple[str, str]]:
    """Text and name of every page that people wrote."""
    for folder in ("README.rst", "docs"):
        path = tree.ROOT / folder
        found = [path] if path.is_file() else sorted(path.rglob("*.*"))
        names = (
            p for p in found if p.suffix in {".rst", ".md"} and p.name != "rfc.rst"
        )
        yield from _texts(names)


def unknown(found: Iterable[Citation], index: Mapping[int, Document]) -> Iterator[str]:
    """What is cited and does not exist, or is not in the index."""
    for citation in found:
        where = f"{citation.file}:{citation.line}: RFC {citation.rfc}"
        document = index.get(citation.rfc)
        if document is None:
            yield f"{where} is not in tests/rfc_sections.tsv"
        elif citation.section and citation.section not in document.sections:
            yield f"{where} has no section {citation.section}"
