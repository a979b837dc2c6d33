"""What a server said, fit to be shown and logged (pure)."""

from __future__ import annotations

from typing import Final

from mailapp.fetch.login import plain_message
from mailapp.fetch.types import Source
from mailapp.sasl import base64

WORDS_MOST: Final = 200
"""Characters that are shown."""


def with_words(reason: str, said: bytes, source: Source) -> str:
    """A reason and what the server said, which may tell our password again."""
    secrets = [
        source.password.reveal(),
        base64.encode(plain_message(source.user, source.password)),
    ]
    for secret in filter(None, secrets):
        said = said.replace(secret, b"***")
    text = printable(said.decode("utf-8", "replace")).strip()[:WORDS_MOST]
    return f"{reason}: {text}" if text else reason


def printable(text: str) -> str:
    """A text without what would upset a terminal or a log."""
    return "".join(c if c.isprintable() else "?" for c in text)
