"""How the kinds of facts are called in the table."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from mailapp.message.imap_facts import HeaderFields, Item, Kind

_FIELDS: Final = "fields "


def kind_name(kind: Kind) -> str:
    """The name of a kind."""
    if isinstance(kind, HeaderFields):
        return _FIELDS + b" ".join(kind.names).decode("latin-1")
    return kind.value


def kind_of(name: str) -> Kind | None:
    """The kind of a name; None: there is none."""
    if name.startswith(_FIELDS):
        names = name.removeprefix(_FIELDS).encode("latin-1").split()
        return HeaderFields(tuple(names)) if names else None
    with suppress(ValueError):
        return Item(name)
    return None
