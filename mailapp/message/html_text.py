"""HTML as plain text, the way a person would type it.

A tolerant tokenizer of our own for mail, not for pages: nothing is fetched, no script
or style is looked at, no tree is built, so that any input takes linear time and a deep
one no stack. Links stand behind their text in angle brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from attrs import frozen

TEXT_LIMIT: Final = 1024 * 1024
"""Characters of HTML that are looked at."""
_LINK_LIMIT: Final = 500
_LIST_DEPTH: Final = 20
_WIDTH: Final = 72
_NAME: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_ATTRIBUTE: Final = re.compile(
    r"""([^\s=>"'/]+)\s*(?:=\s*("[^"]*"|'[^']*'|[^\s>"']*))?"""
)
_VALUE_OR_END: Final = re.compile(r"=[ \t\r\n]*[\"']|>")
_SPACE: Final = re.compile(r"[ \t\r\n\f\v]+")
_NOT_ONE_SPACE: Final = re.compile(r"[ \t\r\n\f\v]{2,}|[\t\r\n\f\v]")
_BREAKS: Final = re.compile(r"\n{3,}")
# Their content is no text.
_SILENT: Final = {"script", "style", "head", "title", "template", "noscript", "svg"}
_RAW: Final = {"script", "style", "title"}
_PARAGRAPHS: Final = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote",
    "pre", "address", "article", "section", "fieldset", "form",
}  # fmt: skip
_LINES: Final = {
    "div", "tr", "li", "dt", "dd", "center", "header", "footer", "main", "nav",
    "caption", "figure", "body", "html", "option", "thead", "tbody", "tfoot",
}  # fmt: skip
_CELLS: Final = {"td", "th"}


@frozen
class _Tag:
    """A start tag or an end tag, its name in lower case."""

    name: str
    closing: bool
    attributes: str


def html_to_text(html: str, *, limit: int = TEXT_LIMIT) -> str:
    """The text of a page in lines without trailing blanks; never raises.

    Args:
        html: any text.
        limit: characters of it that are looked at.
    """
    page = _Page()
    for piece in _pieces(html[:limit]):
        if isinstance(piece, _Tag):
            page.tag(piece)
        else:
            page.text(unescape(piece))
    return page.finish()


def _pieces(html: str) -> Iterator[_Tag | str]:
    """Tags and the text between them; comments and declarations are left out."""
    position, size = 0, len(html)
    ends: dict[str, int] = {}  # what was looked for and is not there
    while position < size:
        start = html.find("<", position)
        if start < 0:
            yield html[position:]
            return
        if start > position:
            yield html[position:start]
        name = _NAME.match(html, start)
        if name is not None:
            position = _tag_end(html, name.end(), ends)
            tag = _Tag(name[2].lower(), bool(name[1]), html[name.end() : position - 1])
            yield tag
            if tag.name in _RAW and not tag.closing:
                position = _find(html, f"</{tag.name}", position, ends)
        elif html.startswith("<!--", start):
            position = _find(html, "-->", start + 4, ends)
            position += 3 * (position < size)
        elif html.startswith(("<!", "<?", "</"), start):
            position = _find(html, ">", start, ends) + 1
        else:
            yield "<"
            position = start + 1


def _find(html: str, what: str, start: int, ends: dict[str, int]) -> int:
    """Where it is next, in any case, or the end; nobody looks twice in vain."""
    if ends.get(what, len(html)) < start:
        return len(html)
    found = html.find(what, start)
    other = html.find(what.upper(), start, len(html) if found < 0 else found)
    places = [place for place in (found, other) if place >= 0]
    if not places:
        ends[what] = -1
        return len(html)
    return min(places)


def _tag_end(html: str, position: int, ends: dict[str, int]) -> int:
    """Behind the ">" that ends a tag; one in a quoted value does not."""
    while (found := _VALUE_OR_END.search(html, position)) is not None:
        position = found.end()
        mark = html[position - 1]
        if mark == ">":
            return position
        close = _find(html, mark, position, ends)
        if close < len(html):
            position = close + 1
    return len(html) + 1


def _attribute(attributes: str, name: str) -> str:
    """The value of an attribute, or an empty text."""
    for found in _ATTRIBUTE.finditer(attributes[: 8 * _LINK_LIMIT]):
        if found[1].lower() == name:
            return unescape((found[2] or "").strip("\"'")).strip()
    return ""


class _Page:
    """Puts words into lines."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._breaks = 2  # line ends that are at the end already; a page begins so
        self._wanted = 0  # line ends that must be there before the next word
        self._space = False
        self._silent = ""  # the element whose end is awaited
        self._pre = 0
        self._lists: list[int] = []  # numbers of the open lists; 0 has no numbers
        self._quotes = 0
        self._link = ""
        self._link_start = 0

    def finish(self) -> str:
        """The text, with one line end at its end if it has any."""
        self._end_link()
        lines = [line.rstrip() for line in "".join(self._pieces).split("\n")]
        text = _BREAKS.sub("\n\n", "\n".join(lines)).strip("\n")
        return text + "\n" if text else ""

    def text(self, text: str) -> None:
        """Text between two tags."""
        if self._silent:
            return
        if self._pre:
            self._write(text.replace("\r\n", "\n").replace("\r", "\n"))
            return
        words = _NOT_ONE_SPACE.sub(" ", text)
        if words.startswith(" "):
            self._space = True
        if words.strip(" "):
            self._write(words.strip(" "))
            self._space = words.endswith(" ")

    def tag(self, tag: _Tag) -> None:
        """A tag; what is not known has no meaning."""
        name = tag.name
        if self._silent:
            # a body ends a head that was never closed
            if (tag.closing and name == self._silent) or name == "body":
                self._silent = ""
            return
        if name in _SILENT:
            self._silent = "" if tag.closing else name
        elif name in _PARAGRAPHS:
            inner = name in {"ul", "ol"} and len(self._lists) > tag.closing
            self._break(1 if inner else 2)
            self._block(tag)
        elif name in _LINES:
            self._break(1)
            if name == "li" and not tag.closing:
                self._item()
        elif name in _CELLS:
            self._space = True
        else:
            self._inline(tag)

    def _block(self, tag: _Tag) -> None:
        step = -1 if tag.closing else 1
        match tag.name:
            case "pre":
                self._pre = max(0, self._pre + step)
            case "blockquote":
                self._quotes = max(0, self._quotes + step)
            case "ul" | "ol" if tag.closing:
                del self._lists[-1:]
            case "ul" | "ol":
                self._lists.append(1 if tag.name == "ol" else 0)
            case _:
                pass

    def _item(self) -> None:
        number = self._lists[-1] if self._lists else 0
        mark = f"{number}. " if number else "* "
        if number:
            self._lists[-1] += 1
        self._write("  " * min(len(self._lists) - 1, _LIST_DEPTH) + mark)
        self._space = False

    def _inline(self, tag: _Tag) -> None:
        match tag.name:
            case "br":
                self._end_line()
            case "hr":
                self._break(1)
                self._write("-" * _WIDTH)
                self._break(1)
            case "img" if not tag.closing:
                alternative = _attribute(tag.attributes, "alt")[:_LINK_LIMIT]
                if alternative:
                    self._write(f"[{_SPACE.sub(' ', alternative)}]")
            case "a":
                self._end_link()
                if not tag.closing:
                    self._link = _attribute(tag.attributes, "href")[:_LINK_LIMIT]
                    self._link_start = len(self._pieces)
            case _:
                pass

    def _end_link(self) -> None:
        """``text <address>``, unless the text is the address."""
        link, self._link = _SPACE.sub("", self._link), ""
        # Only what a person could use elsewhere; "javascript:" is no text at all.
        if not link.lower().startswith(("http://", "https://", "mailto:", "ftp://")):
            return
        shown = link.removeprefix("mailto:")
        text = "".join(self._pieces[self._link_start :])
        if shown.rstrip("/") not in text:
            self._space = bool(text.strip())
            self._write(f"<{shown}>")

    def _break(self, count: int) -> None:
        self._wanted = max(self._wanted, count)
        self._space = False

    def _end_line(self) -> None:
        """A line end that was asked for."""
        self._flush()
        self._pieces.append("\n")
        self._breaks += 1
        self._space = False

    def _flush(self) -> None:
        missing = self._wanted - self._breaks
        if missing > 0:
            self._pieces.append("\n" * missing)
            self._breaks = self._wanted
        self._wanted = 0

    def _write(self, words: str) -> None:
        self._flush()
        if self._breaks and self._quotes:
            self._pieces.append("> " * min(self._quotes, _LIST_DEPTH))
        elif self._space and not self._breaks:
            self._pieces.append(" ")
        self._pieces.append(words)
        self._space = False
        self._breaks = len(words) - len(words.rstrip("\n"))
