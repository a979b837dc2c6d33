"""``mailapp why``: what happened to a message."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

from attrs import asdict

from mailapp.cli.codes import OK
from mailapp.cli.manual import explain
from mailapp.cli.said import said
from mailapp.cli.screen import Colour, Screen
from mailapp.events.record import Event, Kind
from mailapp.events.story import MOST_MESSAGES, Story, find

NOTHING: Final = 1

_COLOURS: Final = {
    Kind.REFUSED: Colour.BAD,
    Kind.BOUNCED: Colour.BAD,
    Kind.EXPIRED: Colour.BAD,
    Kind.DROPPED: Colour.BAD,
    Kind.DAMAGED: Colour.BAD,
    Kind.DEFERRED: Colour.DOUBTFUL,
    Kind.HELD: Colour.DOUBTFUL,
    Kind.DELIVERED: Colour.GOOD,
    Kind.RELAYED: Colour.GOOD,
}
_WIDTH: Final = max(len(kind.value) for kind in Kind)


class Settings(Protocol):
    """What is asked of a configuration."""

    @property
    def journal_folder(self) -> Path:
        """The folder of the journal."""


def add_parser(subparsers: Any) -> None:
    """Put ``why`` into the parser of ``mailapp``."""
    parser = subparsers.add_parser(
        "why",
        help="tell what happened to a message",
        description="Tell what happened to a message, step by step: who sent it, what"
        " it was answered, where it went, and what the other server said. Refused"
        " senders and recipients are told too.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "word",
        metavar="ID|ADDRESS|MESSAGE-ID",
        help="the id in a reply, log or Received field; the address of a sender or"
        " recipient; or a Message-ID",
    )
    parser.add_argument(
        "--last",
        type=_count,
        default=20,
        metavar="N",
        help="tell of the newest N messages only (20)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    explain(
        parser,
        "With a message come the copies that aliases and lists made of it, and the"
        ' reports about it; with a report, the message that it is about. "by" a server'
        ' are its own words, "at" a server are ours about it.',
        examples=(
            ("mailapp why 4f1e09c2ab77d310", "by the id, as in: 250 2.0.0 OK id=…"),
            ("mailapp why bob@example.net", "the newest messages from or to bob"),
            ("mailapp why '<20@mail.example.org>'", "by the Message-ID"),
            ("mailapp why --last 1 --json bob@example.net", "for a program"),
        ),
        codes=((OK, "it is told"), (NOTHING, "nothing is known of it")),
    )


def _count(text: str) -> int:
    """A number from 1.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit() or not int(text):
        message = f"not a number from 1: {text}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do what ``mailapp why …`` says; the exit code."""
    return execute(arguments, settings.journal_folder, sys.stdout, sys.stderr)


def execute(
    arguments: argparse.Namespace, folder: Path, out: TextIO, errors: TextIO
) -> int:
    """Tell it; 0, or 1 if nothing is known."""

    def progress(path: Path, place: int, total: int) -> None:
        errors.write(f"\r{100 * place // total:3d} %  {path.name}\x1b[K")
        errors.flush()

    tells = errors.isatty() and not arguments.json
    try:
        stories = find(folder, arguments.word, progress if tells else None)
    except OSError as problem:
        errors.write(f"mailapp: {problem.filename}: {problem.strerror}\n")
        return NOTHING
    finally:
        if tells:
            errors.write("\r\x1b[K")
    shown = stories[-arguments.last :]
    if arguments.json:
        json.dump([as_json(story) for story in shown], out, indent=2)
        out.write("\n")
        return OK if shown else NOTHING
    if not shown:
        errors.write(f"mailapp: nothing is known of {arguments.word} in {folder}\n")
        return NOTHING
    screen = Screen(out)
    left_out = len(stories) - len(shown)
    if left_out:
        most = " or more" if len(stories) >= MOST_MESSAGES else ""
        screen.line(f"({left_out}{most} older messages are left out, see --last)")
    for story in shown:
        tell(story, screen)
    return OK


def tell(story: Story, screen: Screen) -> None:
    """Write one story, a line for each step."""
    screen.line(screen.paint(f"message {story.message}", Colour.STRONG))
    for event in story.events:
        kind = f"{event.kind.value:{_WIDTH}}"
        colour = _COLOURS.get(event.kind)
        painted = kind if colour is None else screen.paint(kind, colour)
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
        screen.line(f"  {moment}  {painted}  {sentence(event)}")


def sentence(event: Event) -> str:
    """What an event says, in one line of printable text."""
    facts = dict(event.facts)
    parts = [event.recipient]
    if sender := facts.pop("sender", None):
        parts.append(f"from {sender or '<>'}")
    parts.append(said(event.status, event.text, event.host))
    parts += _as_words(facts)
    line = " ".join(part for part in parts if part)
    return "".join(c if c.isprintable() else "?" for c in line)


def _as_words(facts: dict[str, str | int | float]) -> Iterable[str]:
    for name, value in facts.items():
        if name in {"next", "until"} and isinstance(value, int | float):
            moment = time.strftime("%H:%M:%S", time.localtime(value))
            yield f"({name} {moment})"
        elif value != "":
            yield f"{name}={value}"


def as_json(story: Story) -> dict[str, object]:
    """A story for programs."""
    return {
        "message": story.message,
        "events": [
            {**asdict(event), "kind": event.kind.value} for event in story.events
        ],
    }
