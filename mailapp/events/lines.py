"""An event as one line of the journal, and back (pure).

A line is a JSON array, so that it is short and any program can read it::

    [1763884800.125,"relayed","4f1e…","bob@example.net","2.0.0","250 2.0.0 ok",
     "mx.example.net [192.0.2.7]",{"sender":"alice@example.org"}]

JSON leaves no control character unescaped, so no text of a peer can begin a line. What
is empty at the end of the array is left out.
"""

from __future__ import annotations

import json
from typing import Any, Final

from mailapp.core.failures import SyntaxProblem
from mailapp.events.record import Event, Kind

TEXT_LIMIT: Final = 1000
"""Characters of a text that are kept: a reply line or two."""

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_KINDS: Final = {kind.value: kind for kind in Kind}
_FEWEST: Final = 3
_MOST: Final = 8


def encode_event(event: Event) -> str:
    """The line, with its LF."""
    row: list[Any] = [
        round(event.at, 3),
        event.kind.value,
        event.message,
        event.recipient,
        event.status,
        event.text[:TEXT_LIMIT],
        event.host,
        event.facts,
    ]
    while not row[-1]:
        row.pop()
    return _encode(row) + "\n"


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
