"""What a server said, fit to be shown and logged (pure)."""

from __future__ import annotations

from typing import Final

from mailapp.fetch.login import plain_message
from mailapp.fetch.types import Source
from mailapp.sasl import base64

_MOST: Final = 200


def with_words(reason: str, said: bytes, source: Source) -> str:
    """A reason and what the server said, which may tell our password again."""
    secrets = [
        source.password.reveal(),
        base64.encode(plain_message(source.user, source.password)),
    ]
    for secret in filter(None, secrets):
        said = said.replace(secret, b"***")
    text = said.decode("utf-8", "replace")
    text = "".join(c if c.isprintable() else "?" for c in text).strip()[:_MOST]
    return f"{reason}: {text}" if text else reason
