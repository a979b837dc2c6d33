"""Every text of the server in every language (RFC 6856, section 3)."""

from __future__ import annotations

import ast
from pathlib import Path
from string import Formatter
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import mailapp.pop.grammar
import mailapp.pop3.replies
import mailapp.sasl.base64
from mailapp.pop3 import replies
from mailapp.pop3.languages.table import ENGLISH, LANGUAGES, find, listing
from mailapp.pop3.replies import RESPONSE_LIMIT, Code, Reply
from tests.rows import rows, tabled

_FOLDER: Final = Path(mailapp.pop3.replies.__file__).parent
_OF_CLIENTS: Final = {"client.py", "listing.py", "requests.py", "unstuffing.py"}
_SOURCES: Final = (
    *(path for path in _FOLDER.glob("*.py") if path.name not in _OF_CLIENTS),
    Path(mailapp.pop.grammar.__file__),
    Path(mailapp.sasl.base64.__file__),
)
_SPEAKERS: Final = {"ok", "err", "Reply"}
_OTHERS: Final = [language for language in LANGUAGES.values() if language != ENGLISH]
_MANY: Final = 2**63


def _texts() -> set[str]:
    """What the source says: first arguments of replies, and reasons of problems."""
    found: list[ast.expr] = []
    for path in _SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[first, *_]):
                    if name in _SPEAKERS:
                        found.append(first)
                case ast.Assign(targets=[ast.Name(id="reason")], value=value):
                    found.append(value)
                case _:
                    pass
    return {
        expression.value
        for expression in found
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str)
    } - {""}


def _names(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


class PhraseTests(SynchronousTestCase):
    """The tables."""

    def test_complete(self) -> None:
        """Each language has what the server says, all of it and nothing else."""
        texts = _texts()
        self.assertGreater(len(texts), 50)
        for language in _OTHERS:
            self.assertEqual(texts, set(language.phrases), language.tag)

    def test_placeholders(self) -> None:
        """A translation names the same values."""
        for language in _OTHERS:
            for text, translation in language.phrases.items():
                self.assertEqual(_names(text), _names(translation), translation)

    def test_lines(self) -> None:
        """Each makes one line within the limit, also with large numbers.

        No text begins like a response code (RFC 2449, section 6.4).
        """
        for language in _OTHERS:
            for text, translation in language.phrases.items():
                self.assertFalse(translation.startswith("["), translation)
                self.assertTrue(translation.isprintable(), translation)
                self.assertEqual(translation.strip(), translation)
                values = dict.fromkeys(_names(text), _MANY)
                reply = Reply(text, positive=False, code=Code.SYS_TEMP, values=values)
                line = reply.line(language)
                self.assertLessEqual(len(line), RESPONSE_LIMIT)
                self.assertEqual(1, len(line.splitlines()))
                self.assertNotIn(b"{", line)

    def test_all_replies(self) -> None:
        """Code and facts stay; the text changes."""
        for name, reply in vars(replies).items():
            if isinstance(reply, Reply):
                for language in _OTHERS:
                    line = reply.line(language)
                    self.assertNotEqual(reply.octets, line, name)
                    if reply.code:
                        code = b"-ERR [%b] " % reply.code.value.encode()
                        self.assertTrue(line.startswith(code), line)

    def test_own_names(self) -> None:
        """The list has a line for each: its tag, a space, its name."""
        lines = listing().decode().split("\r\n")
        self.assertEqual("", lines.pop())
        self.assertEqual(list(LANGUAGES), [line.split(" ")[0] for line in lines])


@tabled
class FindTests(SynchronousTestCase):
    """RFC 4647: from a range to a language."""

    @rows(
        exact=("de", "de"),
        case=("DE", "de"),
        region=("pt-BR", "pt"),
        script=("ja-Jpan-JP", "ja"),
        private=("en-x-piglatin", "en"),
        unknown=("mul", None),
        longer=("deu", None),
        prefix=("d", None),
    )
    def test_find(self, language_range: str, tag: str | None) -> None:
        """What is more special than what there is falls back to it."""
        found = find(language_range)
        self.assertEqual(tag, found.tag if found else None)

    @given(st.text())
    def test_anything(self, language_range: str) -> None:
        """No text is too odd."""
        found: Any = find(language_range)
        self.assertTrue(found is None or found in LANGUAGES.values())
