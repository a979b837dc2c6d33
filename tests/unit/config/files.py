"""Configurations for tests."""

from __future__ import annotations

from mailapp.config.load import Loaded, inspect

SERVER = '[server]\nhostname = "mx.example.test"\ndomains = ["example.test"]\n'
TLS = '[[tls.certificate]]\nchain = "c.pem"\nkey = "k.pem"\n'
LISTENER = '[[listener]]\nprotocol = "smtp"\n'
GOOD = SERVER + TLS + LISTENER
"""Eight lines: the shortest that serves."""


def problems(text: str) -> list[str]:
    """The lines that a person would read."""
    return [str(problem) for problem in inspect(text, "x.toml").problems]


def loaded(text: str) -> Loaded:
    """All that became of it."""
    return inspect(text, "/etc/mailapp/x.toml")
