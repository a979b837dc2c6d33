"""How a setting is declared: a field of an attrs class that can explain itself.

A table of the file is an ``attrs.frozen`` class; its docstring and each setting's
``doc`` become the generated reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from attrs import Attribute, field, fields, frozen

from mailapp.config.kinds import Kind

T = TypeVar("T")
_KEY: Final = "setting"


class Required:
    """Marks a setting that has no default."""


REQUIRED: Final = Required()


@frozen
class Setting:
    """What is known of one setting.

    Attributes:
        name: in the file, for example ``message-size``.
        attribute: in the class, for example ``message_size``.
        doc: what it does, in one or more sentences.
        default: what holds when it is not written; or :data:`REQUIRED`.
        example: stands in the generated file where there is no default, or where the
            default shows nothing.
    """

    name: str
    attribute: str
    kind: Kind[Any]
    doc: str
    default: Any
    example: Any


@frozen
class SubTables:
    """Marks tables below a table.

    Attributes:
        table: the class of each.
        many: an array of tables, ``[[name]]``, given as a tuple.
        name: in the file.
    """

    table: type[Any]
    many: bool
    name: str = ""
    attribute: str = ""


def setting(
    kind: Kind[T],
    doc: str,
    *,
    default: T | Required = REQUIRED,
    example: T | None = None,
) -> Any:
    """Declare a setting."""
    found = Setting("", "", kind, " ".join(doc.split()), default, example)
    value: dict[str, Any] = {} if default is REQUIRED else {"default": default}
    return field(kw_only=True, metadata={_KEY: found}, **value)


def table(cls: type[T]) -> Any:
    """Declare a table below this one; it may be left out."""
    return field(kw_only=True, factory=cls, metadata={_KEY: SubTables(cls, many=False)})


def tables(cls: type[Any], name: str) -> Any:
    """Declare an array of tables, which may be empty."""
    mark = SubTables(cls, many=True, name=name)
    return field(kw_only=True, default=(), metadata={_KEY: mark})


def members(cls: type[Any]) -> Iterator[Setting | SubTables]:
    """The settings and tables of a class, in the order of their declaration."""
    for attribute in fields(cls):
        yield _named(attribute)


def _named(attribute: Attribute[Any]) -> Setting | SubTables:
    name = attribute.name.replace("_", "-")
    match attribute.metadata[_KEY]:
        case Setting(kind=kind, doc=doc, default=default, example=example):
            return Setting(name, attribute.name, kind, doc, default, example)
        case SubTables(table=cls, many=many, name=own):
            return SubTables(cls, many, own or name, attribute.name)
        case other:  # pragma: no cover - a field that is neither is a slip in schema.py
            raise TypeError(other)
