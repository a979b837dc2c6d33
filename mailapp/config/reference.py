"""Writes ``etc/mailapp.toml`` and ``docs/config.rst`` from the schema.

Run ``python -m mailapp.config.reference`` in the root of the source tree after a change
of the schema; a test says when it was forgotten.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mailapp.config.schema import Configuration
from mailapp.config.setting import REQUIRED, Setting, SubTables, members

TOML_FILE: Final = Path("etc/mailapp.toml")
RST_FILE: Final = Path("docs/config.rst")

_TOML_HEAD: Final = """\
# The configuration of mailapp. Every setting is here; those commented out with "#" show
# their defaults. This file is written by "python -m mailapp.config.reference".
#
# Look for mistakes:  mailapp check --config THIS-FILE
# Sizes are texts such as "35 MiB" (B, KiB, MiB, GiB, TiB), durations such as "5 min"
# (ms, s, min, h, d). Relative paths are taken from the folder of this file.
"""

_RST_HEAD: Final = """\
.. Written by "python -m mailapp.config.reference"; change mailapp/config/schema.py.

=============
Configuration
=============

mailapp reads one TOML file, ``/etc/mailapp/mailapp.toml`` unless ``--config`` names
another. ``mailapp check`` prints all that is wrong with it, with file, line, key, what
was expected, what was found and how to mend it; a server does not start with a file
that has errors (exit code 78).

Sizes are texts such as ``"35 MiB"`` (B, KiB, MiB, GiB, TiB; 1 KiB is 1024 octets),
durations such as ``"5 min"`` (ms, s, min, h, d). Networks are written
``"192.0.2.0/24"`` or ``"2001:db8::/32"``. Relative paths are taken from the folder of
the file.

The shortest file that serves::

    [server]
    hostname = "mail.example.org"
    domains = ["example.org"]

    [[tls.certificate]]
    chain = "/etc/mailapp/tls/mail.example.org.pem"
    key = "/etc/mailapp/tls/mail.example.org.key"

    [[listener]]
    protocol = "smtp"

    [[listener]]
    protocol = "imap"
    tls = "implicit"
"""

_EXAMPLES: Final = {
    "listener": (
        {"protocol": '"smtp"'},
        {"protocol": '"imap"'},
        {"protocol": '"imap"', "tls": '"implicit"'},
        {"protocol": '"pop3"'},
        {"protocol": '"pop3"', "tls": '"implicit"'},
    ),
    "tls.certificate": ({},),
}
"""Arrays of tables in the generated file: what is written out in each of them.

Of an array that is not here one table is shown, commented out as a whole."""


def toml() -> str:
    """The text of ``etc/mailapp.toml``."""
    return _TOML_HEAD + "".join(_toml_table(Configuration, ""))


def rst() -> str:
    """The text of ``docs/config.rst``."""
    return _RST_HEAD + "".join(_rst_table(Configuration, "", many=False))


def _tables(cls: type[Any], path: str) -> Iterator[tuple[SubTables, str]]:
    for member in members(cls):
        if isinstance(member, SubTables):
            yield member, f"{path}.{member.name}".removeprefix(".")


def _settings(cls: type[Any]) -> Iterator[Setting]:
    return (member for member in members(cls) if isinstance(member, Setting))


def _toml_table(cls: type[Any], path: str) -> Iterator[str]:
    for member, name in _tables(cls, path):
        yield f"\n\n{_comment(inspect.getdoc(member.table) or '')}"
        if not member.many:
            yield f"\n[{name}]\n"
            yield from _toml_settings(member.table, {})
            yield from _toml_table(member.table, name)
            continue
        if name not in _EXAMPLES:  # what would change what the server does
            yield f"\n#   [[{name}]]\n"
            yield from _toml_settings(member.table, {}, mark="#   ")
        for place, written in enumerate(_EXAMPLES.get(name, ())):
            yield f"\n[[{name}]]\n"
            if place == 0:
                yield from _toml_settings(member.table, written)
            else:
                yield from (f"{key} = {value}\n" for key, value in written.items())


def _toml_settings(
    cls: type[Any], written: dict[str, str], mark: str = ""
) -> Iterator[str]:
    for setting in _settings(cls):
        yield "\n" + _comment(setting.doc) + _comment(_facts(setting))
        if setting.name in written:
            yield f"{setting.name} = {written[setting.name]}\n"
        elif setting.default is REQUIRED:
            yield f"{mark}{setting.name} = {setting.kind.show(setting.example)}\n"
        else:
            comment = mark or "#"
            yield f"{comment}{setting.name} = {setting.kind.show(setting.default)}\n"


def _facts(setting: Setting) -> str:
    facts = f"{setting.kind.expected[0].upper()}{setting.kind.expected[1:]}."
    if setting.default is REQUIRED:
        return f"{facts} Must be set."
    if setting.example is not None:
        return f"{facts} Example: {setting.kind.show(setting.example)}"
    return facts


def _comment(text: str) -> str:
    return (
        textwrap.fill(
            " ".join(text.replace("``", "").split()),
            width=88,
            initial_indent="# ",
            subsequent_indent="# ",
            break_on_hyphens=False,
        )
        + "\n"
    )


def _rst_table(cls: type[Any], path: str, *, many: bool) -> Iterator[str]:
    if path:
        title = f"[[{path}]]" if many else f"[{path}]"
        yield f"\n{title}\n{'=' * len(title)}\n\n{inspect.getdoc(cls)}\n"
    for setting in _settings(cls):
        yield "".join(_rst_setting(setting))
    for member, name in _tables(cls, path):
        yield from _rst_table(member.table, name, many=member.many)


def _rst_setting(setting: Setting) -> Iterator[str]:
    yield f"\n``{setting.name}``\n"
    yield _indented(setting.doc)
    yield f"\n    :Value: {setting.kind.expected}\n"
    if setting.default is REQUIRED:
        yield "    :Default: none, it must be set\n"
    else:
        yield f"    :Default: ``{setting.kind.show(setting.default)}``\n"
    if setting.example is not None:
        yield f"    :Example: ``{setting.kind.show(setting.example)}``\n"


def _indented(text: str) -> str:
    indent = "    "
    return (
        textwrap.fill(
            text,
            width=88,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
        + "\n"
    )


def main() -> None:
    """Write both files below the current folder."""
    TOML_FILE.write_text(toml(), encoding="utf-8")
    RST_FILE.write_text(rst(), encoding="utf-8")


if __name__ == "__main__":
    main()
