"""The languages of LANG, and which of them a client means (RFC 6856, section 3).

One module for each language but English has its phrases: English to translation, with
the same ``{names}`` in both. A new language is a module and a row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from mailapp.pop3.languages import de, es, fr, it, ja, nl, pt


@frozen
class Language:
    """A language that the server speaks.

    Attributes:
        tag: RFC 5646.
        name: of the language, in the language.
        phrases: English to translation.
    """

    tag: str
    name: str
    phrases: Mapping[str, str] = field(repr=False, eq=False)

    def say(self, text: str) -> str:
        """A text in this language."""
        return self.phrases.get(text, text)


ENGLISH: Final = Language("en", "English", {})
LANGUAGES: Final[Mapping[str, Language]] = {
    language.tag: language
    for language in (
        ENGLISH,
        Language("de", "Deutsch", de.PHRASES),
        Language("es", "Español", es.PHRASES),
        Language("fr", "Français", fr.PHRASES),
        Language("it", "Italiano", it.PHRASES),
        Language("ja", "日本語", ja.PHRASES),
        Language("nl", "Nederlands", nl.PHRASES),
        Language("pt", "Português", pt.PHRASES),
    )
}


def find(language_range: str) -> Language | None:
    """The language for a basic language range; None: there is none.

    By lookup (RFC 4647): what can't be found is tried with one subtag less, so
    ``de-AT`` is served with ``de``; a single letter goes with what stands behind it.
    """
    subtags = language_range.lower().split("-")
    while subtags:
        found = LANGUAGES.get("-".join(subtags))
        if found is not None:
            return found
        subtags.pop()
        if len(subtags) > 1 and len(subtags[-1]) == 1:
            subtags.pop()
    return None


def listing() -> bytes:
    """RFC 6856, section 3.2: a line for each, its tag and its name in itself."""
    lines = [f"{language.tag} {language.name}\r\n" for language in LANGUAGES.values()]
    return "".join(lines).encode()
