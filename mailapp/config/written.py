"""TOML values as a message shows them (pure)."""

from __future__ import annotations

import json
from typing import Final

_SHOWN: Final = 60


def show_found(value: object) -> str:
    """What a TOML value is, for a message; long ones are cut."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            kind, text = "the text", quoted(value)
        case int() | float():
            kind, text = "the number", str(value)
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case dict():
            return "a table"
        case _:
            kind, text = "the date or time", str(value)
    return f"{kind} {text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}"


def quoted(text: str) -> str:
    """TOML's basic string; for all that is not a lone surrogate it equals JSON's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
