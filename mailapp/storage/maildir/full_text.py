"""The texts of one mailbox in the index of its account. Blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

from mailapp.storage.columns import Columns
from mailapp.storage.index.account_index import AccountIndex, Known
from mailapp.storage.index.texts import answerable, texts_of
from mailapp.storage.maildir.computing import Computing
from mailapp.storage.types import FolderId, TextMatches, TextQuery

_AT_ONCE: Final = 50
_OCTETS_AT_ONCE: Final = 256 * 1024


@define(eq=False)
class FullText:
    """See the module.

    Attributes:
        index: of the account, if there is one.
        folder: the mailbox.
        known: what the index has of it; None: it has to be noted first.
        computing: reads messages.
        forget: called when a message is under no name that was known.
    """

    index: AccountIndex | None
    folder: FolderId
    known: Callable[[Columns], Known | None]
    computing: Callable[[Columns], Computing]
    forget: Callable[[], None]
    _reached: int | None = field(default=None, init=False)

    def search(self, columns: Columns, query: TextQuery) -> TextMatches | None:
        """What the index knows; None: nothing. In any thread."""
        known = self.known(columns)
        if self.index is None or known is None or not answerable(query):
            return None
        self._reached = known.texts_to
        return self.index.search(known.serial, query)

    def missing(self, columns: Columns | None) -> bool:
        """Somebody looked for text here, and some is not in the index yet."""
        if not self._reached or columns is None or not columns.uids:
            return False
        return columns.uids[-1] > self._reached

    def learn(self, columns: Columns) -> None:
        """Find out how far they are in the index, unless that is known."""
        if self._reached is None and self.index is not None:
            known = self.index.known(self.folder, columns.uid_validity)
            self._reached = known.texts_to if known is not None else 0

    def put_in(self, columns: Columns) -> int:
        """Put some into the index; how many messages are still to come.

        After a look; in any thread.
        """
        known = self.known(columns)
        if self.index is None or known is None:
            return 0
        rest = columns.places(known.texts_to + 1, columns.uid_next)
        some = _some(columns, rest)
        computing, texts = self.computing(columns), []
        for place, found in computing.each(some, texts_of):
            own = self._again(computing, place) if found is None else found
            if own is not None:
                texts.append((columns.uids[place], own))
        reached = columns.uids[some[-1]] if some else known.texts_to
        if some and not self.index.add_texts(known.serial, texts, reached):
            return 0
        self._reached = reached
        return len(rest) - len(some)

    def of(self, columns: Columns, place: int) -> tuple[str, ...] | None:
        """What the index has of one message; None: it is gone."""
        computing = self.computing(columns)
        found = computing.of(place, texts_of)
        return self._again(computing, place) if found is None else found

    def _again(self, computing: Computing, place: int) -> tuple[str, ...] | None:
        """Of one that was not there under any name; see :meth:`of`.

        What is passed over once is never found, so it is looked for among the names of
        this moment.
        """
        self.forget()
        return computing.of(place, texts_of)


def _some(columns: Columns, places: range) -> range:
    """The first of these messages: some twenty milliseconds of work, one at least."""
    octets = 0
    for count, place in enumerate(places[:_AT_ONCE]):
        octets += columns.sizes[place]
        if count and octets > _OCTETS_AT_ONCE:
            return places[:count]
    return places[:_AT_ONCE]
