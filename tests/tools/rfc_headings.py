"""The sections of an RFC, read from its text, and the index kept of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

INDEX: Final = Path(__file__).resolve().parents[1] / "rfc_sections.tsv"

_LABEL: Final = r"(?:(?i:appendix) +(?P<appendix>[A-Z](?:\.\d+)*)[.:]?|"
_LABEL_PLAIN: Final = r"(?P<plain>\d+(?:\.\d+)*\.?|[A-Z](?:\.\d+)+\.?|[A-Z]\.))"
_HEADING: Final = re.compile(
    rf"(?P<indent> *){_LABEL}{_LABEL_PLAIN}(?: +-)? +(?P<title>\S.*)"
)
# "Title . . . . . . 12", "Title ........ 12" or "Title            12"
_LEADER: Final = re.compile(r"(?: ?\.){2,} *\d+$|(?: ?\.){3,}$| {3,}\d+$")
# No section is called 0, 09 or 1024.
_COUNTED: Final = re.compile(r"(?:[1-9]\d?|[A-Z])(?:\.[1-9]\d?)*")


@frozen
class Document:
    """An RFC's number, title, and titles of sections by label (``4.1.2``, ``B.1``)."""

    number: int
    title: str
    sections: Mapping[str, str] = field(factory=dict)


def sections(text: str) -> dict[str, str]:
    """Label to title, in the order of the text.

    Lines of the table of contents count, and headings in the first column. Texts that
    have neither (before about 1990) are read by their indented headings that stand
    alone between empty lines.
    """
    lines = text.replace("\f", "\n").replace("\r", "").split("\n")
    found: dict[str, str] = {}
    alone: dict[str, str] = {}
    for number, line in enumerate(lines):
        heading = _HEADING.fullmatch(line.rstrip())
        if heading is None:
            continue
        label = (heading["appendix"] or heading["plain"]).rstrip(".")
        title = heading["title"]
        if not _COUNTED.fullmatch(label):
            continue
        if _LEADER.search(title):
            found.setdefault(label, _LEADER.sub("", title).rstrip(" ."))
        elif not heading["indent"] and title[0].isalnum() | (title[0] in '"<\\'):
            found[label] = title
        elif _stands_alone(lines, number) and not title.endswith("."):
            alone.setdefault(label, title)
    return found if len(found) > 2 else alone | found


def _stands_alone(lines: list[str], number: int) -> bool:
    before, after = lines[max(0, number - 1)], lines[min(number + 1, len(lines) - 1)]
    return not before.strip() and not after.strip()


def _order(label: str) -> tuple[tuple[int, int, str], ...]:
    parts = label.split(".")
    return tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts
    )


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels as the RFC counts them: 4.2, 4.10, A, A.1."""
    return sorted(labels, key=_order)


def read_index(path: Path = INDEX) -> dict[int, Document]:
    """The documents of the index by number."""
    documents: dict[int, Document] = {}
    titles: dict[int, dict[str, str]] = {}
    for line in path.read_text(encoding="utf-8").split("\n")[1:]:
        if not line:
            continue
        number, label, title = line.split("\t")
        if label == "":
            titles[int(number)] = {}
            documents[int(number)] = Document(int(number), title, titles[int(number)])
        else:
            titles[int(number)][label] = title
    return documents


def write_index(documents: Iterable[Document], path: Path = INDEX) -> None:
    """Keep the documents: a row with an empty section is the title of the RFC."""
    rows = ["rfc\tsection\ttitle"]
    for document in sorted(documents, key=lambda document: document.number):
        rows.append(f"{document.number}\t\t{document.title}")
        rows += [
            f"{document.number}\t{label}\t{document.sections[label]}"
            for label in in_order(document.sections)
        ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def read_documents(folder: Path, numbers: Iterable[int]) -> Iterator[Document]:
    """Read ``rfcN.txt`` and the titles in ``INDEX.tsv`` of a folder of RFC texts.

    What the folder lacks is left out.

    Raises:
        FileNotFoundError: there is no ``INDEX.tsv``.
    """
    table = (folder / "INDEX.tsv").read_text(encoding="utf-8").strip().split("\n")
    rows = [line.split("\t") for line in table]
    titles = {row[0]: row[-1] for row in rows[1:]}
    for number in sorted(set(numbers)):
        path = folder / f"rfc{number}.txt"
        if path.exists() and str(number) in titles:
            text = path.read_text("utf-8", "replace")
            yield Document(number, titles[str(number)], sections(text))
