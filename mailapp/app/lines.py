"""Log lines: for people, or JSON for programs; one event a line, nothing unescaped.

An event of ours has a name (``event``) and fields. One without a name is what Twisted
or a library says of itself; of it only the text is shown. Every message and session
makes such a line, so they are quick: format strings that name plain fields are looked
at once, and the text of a second is made once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from string import Formatter
from typing import Any, Final

from twisted.logger import LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure

# Not facts of the event: shown elsewhere in the line, or not at all.
_INTERNAL: Final = frozenset(
    {"event", "pid", "worker", "time", "level", "text", "traceback"}
)
_LEVELS: Final = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warn",
    LogLevel.error: "error",
    LogLevel.critical: "critical",
}
_FORMATS_KEPT: Final = 1000
_NUMBERS: Final = frozenset({bool, int, float, type(None)})
_SIMPLE: Final = _NUMBERS | {str}
_BARE: Final = re.compile(r"[!#-<>-\[\]-~]+").fullmatch
"""Text that stands as it is: ASCII that prints, without what follows here."""
_SEPARATES: Final = re.compile(r'[ "=\\]').search
_formats: Final[dict[str, frozenset[str] | None]] = {}
_json: Final = json.JSONEncoder().encode


class _Second:
    """The text of the second that was asked for last."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def stamp(self, moment: float) -> str:
        """A moment as RFC 3339 has it, in UTC, to the millisecond."""
        second = int(moment)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime(
                "%Y-%m-%dT%H:%M:%S."
            )
        return f"{self._text}{int((moment - second) * 1000):03d}Z"


_stamp: Final = _Second().stamp


def escape(text: str) -> str:
    """Show what does not print, so that a line is one line and moves no cursor."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def facts(event: LogEvent) -> dict[str, Any]:
    """The event's own fields."""
    return {
        key: value
        for key, value in event.items()
        if key[:4] != "log_" and key not in _INTERNAL
    }


def named_fields(template: str) -> frozenset[str] | None:
    """The fields that a format string shows; None if it does more than name them."""
    try:
        return _formats[template]
    except KeyError:
        found = _look(template)
    if len(_formats) >= _FORMATS_KEPT:  # they are literals of the code: never so many
        _formats.clear()
    _formats[template] = found
    return found


def _look(template: str) -> frozenset[str] | None:
    names = set()
    try:
        for _literal, name, spec, _conversion in Formatter().parse(template):
            if name is None:
                continue
            if not name.isidentifier() or "{" in (spec or ""):
                return None
            names.add(name)
    except ValueError:
        return None
    return frozenset(names)


def _text(event: LogEvent) -> tuple[str, frozenset[str]]:
    """The text of an event, and the fields that stand in it."""
    template = event.get("log_format")
    if isinstance(template, str):
        names = named_fields(template)
        if names is not None:
            try:
                return template.format_map(event), names
            except Exception:  # noqa: S110 - whatever it was, the slow way says it
                pass
    return formatEvent(event), frozenset()


def _plain(value: Any) -> Any:
    if value.__class__ in _SIMPLE:
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)


def _trace(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return failure.getTraceback() if isinstance(failure, Failure) else ""


def human_line(event: LogEvent) -> str:
    """``time level [worker] event text key=value …``; a traceback is indented below.

    A field that the text shows is not shown again.
    """
    level = _LEVELS.get(event.get("log_level", LogLevel.info), "info")
    text, said = _text(event)
    shown = [_stamp(event.get("log_time", 0.0)), level]
    if worker := event.get("worker"):
        shown.append(f"[{worker}]")
    if name := event.get("event"):
        shown.append(str(name))
    if text:
        shown.append(escape(text))
    if name:
        keys = _keys((*event,), said)
        shown += [f"{k}={_quoted(event[k])}" for k in keys if event[k] != ""]
    line = " ".join(shown)
    if "log_failure" in event:
        rows = [row for row in _trace(event).split("\n") if row]
        line = "\n    ".join([line, *map(escape, rows)])
    return f"{line}\n"


@lru_cache(maxsize=_FORMATS_KEPT)
def _keys(keys: tuple[str, ...], said: frozenset[str]) -> tuple[str, ...]:
    """Which of an event's fields are shown; events of a kind have the same ones."""
    return tuple(
        key
        for key in keys
        if key[:4] != "log_" and key not in _INTERNAL and key not in said
    )


def _quoted(value: Any) -> str:
    """A value that can't be taken for another field."""
    if value.__class__ is str and _BARE(value):
        return str(value)
    if value.__class__ in _NUMBERS:
        return str(value)
    text = escape(str(_plain(value)))
    if text and not _SEPARATES(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def json_line(event: LogEvent) -> str:
    """One JSON object: time, level, event, worker, text, then the event's fields."""
    line: dict[str, Any] = {
        "time": _stamp(event.get("log_time", 0.0)),
        "level": _LEVELS.get(event.get("log_level", LogLevel.info), "info"),
    }
    name = event.get("event")
    if name:
        line["event"] = name
    if worker := event.get("worker"):
        line["worker"] = worker
    line["text"] = _text(event)[0]
    if name:
        line |= {key: _plain(value) for key, value in facts(event).items()}
    if "log_failure" in event:
        line["traceback"] = _trace(event)
    return _json(line) + "\n"


FORMATS: Final[dict[str, Callable[[LogEvent], str]]] = {
    "human": human_line,
    "json": json_line,
}
