"""An event as one line of the journal, and back (pure).

A line is a JSON array, so that it is short and any program can read it::

    [1763884800.125,"relayed","4f1e…","bob@example.net","2.0.0","250 2.0.0 ok",
     "mx.example.net [192.0.2.7]",{"sender":"alice@example.org"}]

JSON leaves no control character unescaped, so no text of a peer can begin a line. What
is empty at the end of the array is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from mailapp.core.failures import SyntaxProblem
from mailapp.events.record import Event, Kind

TEXT_LIMIT: Final = 1000
"""Characters of a text that are kept: a reply line or two."""

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_WORDS: Final = {kind: kind.value for kind in Kind}
_KINDS: Final = {kind.value: kind for kind in Kind}
_FEWEST: Final = 3
_MOST: Final = 8


def encode_events(events: Iterable[Event]) -> str:
    """Their lines, each with its LF.

    The encoder is set up anew for each call, so all of them go in one, with an empty
    text between any two. What then stands there stands nowhere else: an array ends in
    no event, and within a text JSON has a backslash before each quotation mark.
    """
    rows: list[Any] = []
    for event in events:
        rows += (_row(event), "")
    if not rows:
        return ""
    return _encode(rows)[1:-4].replace('],"",[', "]\n[") + "\n"


def _row(event: Event) -> list[Any]:
    row: list[Any] = [
        round(event.at, 3),
        _WORDS[event.kind],
        event.message,
        event.recipient,
        event.status,
        event.text[:TEXT_LIMIT],
        event.host,
        event.facts,
    ]
    while not row[-1]:
        row.pop()
    return row


def decode_event(line: bytes | str) -> Event:
    """Read a line.

    Raises:
        SyntaxProblem: it is none, for example the torn last line after a crash.
    """
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, list) or not _FEWEST <= len(row) <= _MOST:
        raise _not_ours()
    at, kind, message, *rest = row
    facts = rest.pop() if len(row) == _MOST else {}
    if (
        not isinstance(at, int | float)
        or kind not in _KINDS
        or not all(isinstance(text, str) for text in (message, *rest))
        or not isinstance(facts, dict)
    ):
        raise _not_ours()
    recipient, status, text, host, *_ = *rest, "", "", "", ""
    return Event(_KINDS[kind], message, at, recipient, status, text, host, facts)


def _not_ours() -> SyntaxProblem:
    return SyntaxProblem("no line of a journal")
