"""Checks what the code cites and writes docs/rfc.rst.

``python -m tests.tools.rfc check`` names citations of sections that don't exist.
``python -m tests.tools.rfc docs`` writes docs/rfc.rst.
``python -m tests.tools.rfc index DIR`` reads the texts of what is cited (``rfcN.txt``
and ``INDEX.tsv`` in DIR) and keeps their sections in tests/rfc_sections.tsv.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.tools import citations, rfc_headings, tree
from tests.tools.citations import Citation, Note
from tests.tools.rfc_headings import Document

PAGE: Final = tree.ROOT / "docs" / "rfc.rst"
HEAD: Final = """\
.. Written by "make docs" from the sources; changes made here are lost.

RFCs and where they are followed
================================

Each section below is cited in the code at the decision that follows it; a test checks
that it exists. What is done differently or is still missing is listed with its RFC.
"""


def all_citations() -> list[Citation]:
    """What the sources cite."""
    return [
        c for text, file in citations.sources() for c in citations.citations(text, file)
    ]


def page_citations() -> list[Citation]:
    """What the pages cite."""
    return [
        c for text, file in citations.pages() for c in citations.citations(text, file)
    ]


def all_notes() -> list[Note]:
    """What the sources say they do differently, or not yet."""
    return [
        n for text, file in citations.sources() for n in citations.notes(text, file)
    ]


def faults() -> list[str]:
    """Every citation, in sources and pages, that can't be looked up."""
    index = rfc_headings.read_index()
    found = list(citations.unknown(all_citations() + page_citations(), index))
    for text, file in (*citations.sources(), *citations.pages()):
        found += citations.crooked(text, file)
    return found


def page() -> str:
    """The text that docs/rfc.rst must have."""
    index = rfc_headings.read_index()
    notes = all_notes()
    cited: dict[int, list[Citation]] = defaultdict(list)
    for citation in all_citations():
        cited[citation.rfc].append(citation)
    parts = [HEAD]
    for number in sorted(cited):
        document = index.get(number, Document(number, "not in the index"))
        mine = [note for note in notes if number in note.rfcs]
        parts.append("\n".join(_chapter(document, cited[number], mine)))
    rest = [note for note in notes if not note.rfcs & set(cited)]
    if rest:
        parts.append("\n".join(["", *_heading("Elsewhere"), "", *_notes(rest)]) + "\n")
    return "".join(parts)


def _heading(text: str) -> list[str]:
    return [text, "-" * len(text)]


def _chapter(
    document: Document, cited: Sequence[Citation], notes: Sequence[Note]
) -> Iterator[str]:
    yield ""
    yield from _heading(f"RFC {document.number}: {document.title}")
    yield ""
    places: dict[str, set[str]] = defaultdict(set)
    for citation in cited:
        places[citation.section].add(citation.file)
    if whole := places.pop("", set()):
        yield from _item("As a whole", whole)
    for label in rfc_headings.in_order(places):
        title = document.sections.get(label, "no such section")
        yield from _item(f"{label} {title}", places[label])
    yield from _notes(notes)
    yield ""


def _item(subject: str, files: Iterable[str]) -> Iterator[str]:
    yield f"* {_escaped(subject)}:"
    names = [f"``{file.removeprefix('mailapp/')}``" for file in sorted(files)]
    yield f"  {', '.join(names)}"


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    for note in notes:
        kind = "Done differently" if note.kind == "deviates" else "Not done yet"
        yield f"* **{kind}**: {_escaped(note.text)}"
        yield f"  (``{note.file.removeprefix('mailapp/')}``)"


def _escaped(text: str) -> str:
    r"""Text in which reStructuredText sees no mark-up.

    What our comments mark up themselves, as ``code``, stays.
    """
    parts = text.split("``")
    for place in range(0, len(parts), 2):
        for mark in ("\\", "*", "`", "|", "_"):
            parts[place] = parts[place].replace(mark, f"\\{mark}")
    return "``".join(parts)


def _index(folder: Path) -> None:
    numbers = {citation.rfc for citation in all_citations() + page_citations()}
    read = {one.number: one for one in rfc_headings.read_documents(folder, numbers)}
    # What the folder lacks keeps its rows, which were then written by hand.
    kept = {n: one for n, one in rfc_headings.read_index().items() if n in numbers}
    rfc_headings.write_index((kept | read).values())
    for number in sorted(numbers - set(kept) - set(read)):
        print(f"RFC {number}: no text; add its title by hand")  # noqa: T201
    print(f"{len(kept | read)} RFCs in {tree.name(rfc_headings.INDEX)}")  # noqa: T201


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; give the exit code."""
    match arguments:
        case ["check"]:
            found = faults()
            print("\n".join(found) or "every citation exists")  # noqa: T201
            return 1 if found else 0
        case ["docs"]:
            PAGE.write_text(page(), encoding="utf-8")
            return 0
        case ["index", folder]:
            _index(Path(folder))
            return 0
        case _:
            print(__doc__)  # noqa: T201
            return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
