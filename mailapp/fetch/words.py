"""What a server said, fit to be shown and logged (pure)."""

from __future__ import annotations

from typing import Final, Protocol

from mailapp.core.secret import Secret
from mailapp.fetch.login import plain_message
from mailapp.sasl import base64

_MOST: Final = 200
"""Characters that are shown."""


class Login(Protocol):
    """What a server was told of us."""

    @property
    def user(self) -> str:
        """Whose mail it is, there."""

    @property
    def password(self) -> Secret:
        """Of that user."""


def with_words(reason: str, said: bytes, login: Login) -> str:
    """A reason and what the server said, which may tell our password again."""
    password = login.password.reveal()
    secrets = [
        password,
        password.replace(b"\\", b"\\\\").replace(b'"', b'\\"'),  # as IMAP quotes it
        base64.encode(plain_message(login.user, login.password)),
    ]
    for secret in filter(None, secrets):
        said = said.replace(secret, b"***")
    text = shown(said.decode("utf-8", "replace").strip())
    return f"{reason}: {text}" if text else reason


def shown(text: str) -> str:
    """The beginning of a text, without what would upset a terminal or a log."""
    return "".join(c if c.isprintable() else "?" for c in text[:_MOST])
