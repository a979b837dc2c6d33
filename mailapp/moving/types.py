"""What moves: folders, messages, and what is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from attrs import define, field, frozen


class MoveProblem(Exception):
    """It can't go on; the text says why.

    Attributes:
        lasting: somebody has to do something; else it may work later.
    """

    def __init__(self, text: str, *, lasting: bool = True) -> None:
        super().__init__(text)
        self.lasting = lasting


@frozen
class Shelf:
    r"""A mailbox of a source.

    Attributes:
        name: what it shall be called here.
        key: names it in the source, the same in every run.
        subscribed: None: the source does not know of subscriptions.
        uses: ``\Sent`` and the like (RFC 6154).
    """

    name: tuple[str, ...]
    key: bytes
    subscribed: bool | None = None
    uses: frozenset[str] = frozenset()


@frozen
class Offered:
    r"""A message that a source has.

    Attributes:
        key: names it in its shelf, the same in every run; None: its octets do.
        flags: ``\Seen`` and the like, and keywords.
        received: seconds since the epoch; None: the source does not know.
        chunks: its octets, once; lines may end in LF or CRLF.
        step: how far the bar goes on.
    """

    key: bytes | None
    flags: frozenset[str]
    received: int | None
    chunks: AsyncIterator[bytes]
    step: int = 1


class Source(Protocol):
    """Where mail comes from.

    Everything may raise MoveProblem, and OSError.
    """

    @property
    def key(self) -> bytes:
        """Names the source, the same in every run."""

    def shelves(self) -> Awaitable[Sequence[Shelf]]:
        """Its mailboxes."""

    def messages(self, shelf: Shelf, run: Run) -> AsyncIterator[Offered]:
        """The messages of a mailbox of :meth:`shelves`, in order of arrival.

        The octets of one are used, or not, before the next is asked for.
        """


@define
class Tally:
    """What a run did.

    Attributes:
        imported: messages that came.
        octets: of them, as they lie here.
        known: that had come in an earlier run.
        left_out: that the source says are deleted, or were not there any more.
        keywords: flags and keywords that could not be kept.
        folders: mailboxes that were made.
        notes: what else people should know, for each a sentence.
    """

    imported: int = 0
    octets: int = 0
    known: int = 0
    left_out: int = 0
    keywords: int = 0
    folders: int = 0
    notes: list[str] = field(factory=list)


class Watch(Protocol):
    """Is told how far a run is."""

    def begin(self, name: str) -> None:
        """A mailbox begins."""

    def expect(self, total: int) -> None:
        """What the steps of the mailbox add up to, about."""

    def advance(self, step: int) -> None:
        """So much is done."""


@frozen
class Run:
    """What a source is told of the run that it is read in.

    Attributes:
        knows: a message with this key came before.
        tally: what was done so far.
        watch: is told what to expect.
    """

    knows: Callable[[bytes], bool]
    tally: Tally
    watch: Watch

    def known(self, key: bytes) -> bool:
        """It came before, and so does not come again; that is counted."""
        if not self.knows(key):
            return False
        self.tally.known += 1
        self.watch.advance(1)
        return True


async def streamed(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Octets that are at hand, or in a local file: only the run waits for them."""
    for chunk in chunks:
        yield chunk


def shown(name: tuple[str, ...]) -> str:
    """A mailbox, for people."""
    return "/".join(name)
