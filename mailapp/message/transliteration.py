"""Text in the letters of ASCII, for machines that know no others.

A letter loses its accents (``é`` is ``e``), a sign becomes what people type for it
(``€`` is ``EUR``), Greek and Cyrillic are spelled as they sound. What is left is
``?``: one for a run of it, since a line of question marks says no more.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_UNKNOWN: Final = "?"
# What Unicode does not take apart, or takes apart in a way nobody writes.
_SIGNS: Final = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2033": '"',
    "\u2039": "<", "\u203a": ">", "«": "<<", "»": ">>", "\xb4": "'", "¨": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "--",
    "\u2015": "--", "\u2212": "-", "\u2026": "...", "\u2022": "*", "\u2023": "*",
    "\u25cf": "*", "\u25aa": "*", "\u25e6": "o", "·": "*", "\u2190": "<-",
    "\u2192": "->", "\u2194": "<->", "\u21d2": "=>", "\u2264": "<=", "\u2265": ">=",
    "\u2044": "/", "\u2260": "!=", "\u2248": "~", "\xd7": "x", "÷": "/", "±": "+/-",
    "\u221a": "sqrt", "\u221e": "inf", "\u2211": "sum", "°": " deg ", "µ": "u",
    "¬": "not ",
    "€": "EUR", "£": "GBP", "¥": "JPY", "¢": "c", "¤": "$", "\u20b9": "INR",
    "\u20bd": "RUB", "\u20bf": "BTC", "©": "(c)", "®": "(R)", "\u2122": "(TM)",
    "§": "S.", "¶": "P.", "¡": "!", "¿": "?", "¦": "|", "ª": "a", "º": "o",
    "\u2020": "+", "\u2021": "++", "\u2030": "o/oo", "\u2713": "v", "\u2714": "v",
    "\u2717": "x", "\u2718": "x", "\u2610": "[ ]", "\u2611": "[v]", "\u2612": "[x]",
    "\u2605": "*", "\u2606": "*", "\u2665": "<3", "\u2764": "<3", "\u263a": ":-)",
    "\u2639": ":-(", "\U0001f600": ":-D", "\U0001f603": ":-D", "\U0001f604": ":-D",
    "\U0001f609": ";-)", "\U0001f60a": ":-)", "\U0001f642": ":-)",
    "\U0001f641": ":-(", "\U0001f622": ":'-(", "\U0001f602": ":'-)",
    "\U0001f44d": "(y)", "\U0001f44e": "(n)",
    "ß": "ss", "\u1e9e": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE",
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "\u0131": "i", "ĸ": "k", "ŋ": "ng",
    "Ŋ": "Ng", "ŧ": "t", "Ŧ": "T", "ə": "e", "\u2028": "\n", "\u2029": "\n",
    "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "", "\xad": "",
    "\ufffd": _UNKNOWN, "\x85": "\n",
}  # fmt: skip
_GREEK: Final = "αβγδεζηθικλμνξοπρςστυφχψω"
_GREEK_SPELLED: Final = "a v g d e z i th i k l m n x o p r s s t y f ch ps o"
_CYRILLIC: Final = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўђјљњћџ"
# As passports spell it (ICAO Doc 9303), and an apostrophe for the soft sign.
_CYRILLIC_SPELLED: Final = (
    "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch ie y ' e iu ia "
    "i i ie g u d j lj nj c dz"
)
_LETTERS: Final = dict(
    zip(
        _GREEK + _CYRILLIC,
        f"{_GREEK_SPELLED} {_CYRILLIC_SPELLED}".split(" "),
        strict=True,
    )
)
_TABLE: Final = _SIGNS | {
    key: value
    for low, spelled in _LETTERS.items()
    for key, value in ((low.upper(), spelled.capitalize()), (low, spelled))
}
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


def to_ascii(text: str) -> str:
    """The text in ASCII; at most 18 times as long, in practice as long as it was."""
    return _NON_ASCII.sub(_run, text)


def _run(found: re.Match[str]) -> str:
    """A run of characters that are not ASCII; what is unknown is said once."""
    pieces: list[str] = []
    for character in found[0]:
        piece = _character(character)
        if piece != _UNKNOWN or not pieces or pieces[-1] != _UNKNOWN:
            pieces.append(piece)
    return "".join(pieces)


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    spelled = _TABLE.get(character)
    if spelled is not None:
        return spelled
    category = unicodedata.category(character)
    if category in {"Mn", "Me", "Cf"}:  # accents by themselves, marks of direction
        return ""
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    parts = unicodedata.normalize("NFKD", character)
    if parts == character:
        return _UNKNOWN
    text = "".join([part if part.isascii() else _character(part) for part in parts])
    return _UNKNOWN if _UNKNOWN in text else text
