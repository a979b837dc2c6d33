"""Finds what the journal knows of a message: by id, address, or Message-ID.

Files are read as octets, and only a line that holds the word is decoded, so a search
costs about what ``grep`` costs; nothing is held but what was found.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.events.journal import journals
from mailapp.events.lines import decode_event
from mailapp.events.record import Event, Kind

MOST_MESSAGES: Final = 1000
"""Messages that one search gives; the newest ones."""

_OUR_MESSAGE_ID: Final = re.compile(r"([0-9a-f]{8,}(?:-[0-9a-f]+)?)@[^@]+")
"""Of a message that came without one, and of a report."""
_BEGINNINGS: Final = frozenset({Kind.ACCEPTED, Kind.WRITTEN})

Progress = Callable[[Path, int, int], object]
"""Hears of each file before it is read: which, its place, and how many there are."""


@frozen
class Story:
    """All that is known of one message.

    Attributes:
        message: the transaction's id.
        events: in the order in which they happened.
    """

    message: str
    events: tuple[Event, ...]


def find(folder: Path, word: str, progress: Progress | None = None) -> list[Story]:
    """The stories of the messages that a word names, the oldest first.

    Args:
        folder: of the journal.
        word: a transaction's id, the address of a sender or recipient, or a Message-ID
            with or without its angle brackets.
        progress: hears how far it is; there are two rounds over the files, or more if
            there are reports.

    Raises:
        OSError: a file can't be read.
    """
    files = list(journals(folder))
    wanted = word.strip().removeprefix("<").removesuffix(">").lower()
    search = _Search(files, progress or (lambda *_: None))
    new = search.named(wanted) if wanted else set()
    if not new and (ours := _OUR_MESSAGE_ID.fullmatch(wanted)):
        new = search.named(ours[1])
    events: dict[str, list[Event]] = {}
    while new:
        found, parents = search.told_of(new)
        events |= found
        new = parents.union(*map(_related, found.values())) - events.keys()
    stories = [
        Story(message, tuple(sorted(told, key=_moment)))
        for message, told in events.items()
        if told
    ]
    return sorted(stories, key=lambda story: story.events[0].at)


def _moment(event: Event) -> tuple[float, bool]:
    """What happened in one millisecond began with the message."""
    return event.at, event.kind not in _BEGINNINGS


@frozen
class _Search:
    """Rounds over the files."""

    files: Sequence[Path]
    progress: Progress

    def named(self, wanted: str) -> set[str]:
        """The messages whose events name this."""
        messages: set[str] = set()
        for event in self._matching([wanted]):
            if _names(event, wanted):
                messages.add(event.message)
            if len(messages) >= MOST_MESSAGES:
                break
        return messages

    def told_of(
        self, messages: Collection[str]
    ) -> tuple[dict[str, list[Event]], set[str]]:
        """All events of these messages, and the messages that they came from."""
        events: dict[str, list[Event]] = {message: [] for message in messages}
        parents: set[str] = set()
        for event in self._matching(messages):
            if event.message in events:
                events[event.message].append(event)
            elif not events.keys().isdisjoint(_related([event])):
                parents.add(event.message)
        return events, parents

    def _matching(self, words: Collection[str]) -> Iterator[Event]:
        """The events of the lines that hold one of these, in any case."""
        # as they stand in JSON: other than ASCII is escaped there
        needles = [json.dumps(word)[1:-1].lower().encode() for word in words]
        for place, path in enumerate(self.files):
            self.progress(path, place, len(self.files))
            with _open(path) as file:
                for line in file:
                    lower = line.lower()
                    if not any(needle in lower for needle in needles):
                        continue
                    try:
                        yield decode_event(line)
                    except SyntaxProblem:
                        continue  # torn by a crash


def _related(events: Iterable[Event]) -> Iterator[str]:
    """Copies of a message, the reports about it, and the one that it is about."""
    for event in events:
        for fact in ("entry", "report", "parent"):
            other = event.facts.get(fact)
            if other:
                yield str(other)


def _names(event: Event, wanted: str) -> bool:
    facts = event.facts
    words = (
        event.message,
        *event.recipient.split(", "),
        str(facts.get("sender", "")),
        str(facts.get("original", "")),
        str(facts.get("message_id", "")).strip("<>"),
    )
    return any(word.lower() == wanted for word in words)


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]  # it reads as one
    return path.open("rb")
