"""What to do with what a POP3 server offers (pure).

A message is fetched unless it is known; what is known and is not kept is deleted; what
is too large stays. A message whose unique-id is ambiguous is fetched each time, since
only its octets can tell whether it is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import frozen

from mailapp.fetch.book import Book, unique_key
from mailapp.fetch.types import Source


@frozen
class Offer:
    """A message that the server has.

    Attributes:
        number: of this session.
        key: of its unique-id; None: it has none of its own.
        size_octets: as the server says, which may be wrong.
    """

    number: int
    key: bytes | None
    size_octets: int


@frozen
class Plan:
    """What to do.

    Attributes:
        offered: the keys of all unique-ids.
        fetch: in this order.
        delete: known, and not to be kept.
        known: known and to be kept: how many.
        left: how many stay that are not fetched.
        doubtful: keys of unique-ids that turn out to be ambiguous just now.
        whole: all messages without a unique-id of their own are among ``fetch``.
    """

    offered: frozenset[bytes]
    fetch: Sequence[Offer]
    delete: Sequence[Offer]
    known: int
    left: int
    doubtful: frozenset[bytes]
    whole: bool


def offers(
    sizes: Mapping[int, int], names: Mapping[int, bytes], book: Book
) -> tuple[list[Offer], frozenset[bytes]]:
    """What the server has, in its order, and the keys that are ambiguous just now.

    Args:
        sizes: of LIST; a message that is not in it is not there.
        names: of UIDL; one that has none there, or an empty one, is known by content.
        book: tells which unique-ids have been ambiguous before.
    """
    keys = {n: unique_key(name) for n, name in names.items() if name}
    doubtful = frozenset(key for key, n in Counter(keys.values()).items() if n > 1)
    bad = book.ambiguous | doubtful
    found = []
    for number, octets in sorted(sizes.items()):
        key = keys.get(number)
        found.append(Offer(number, None if key in bad else key, octets))
    return found, doubtful - book.ambiguous


def make_plan(
    found: Sequence[Offer],
    doubtful: frozenset[bytes],
    book: Book,
    source: Source,
    now: float,
) -> Plan:
    """Decide.

    Args:
        found: of :func:`offers`.
        doubtful: of :func:`offers`.
        book: what is known.
        source: what to keep, and the bounds.
        now: seconds since the epoch.
    """
    fetch: list[Offer] = []
    delete: list[Offer] = []
    known = left = 0
    for offer in found:
        entry = None if offer.key is None else book.done.get(offer.key)
        if entry is not None:
            if source.keeping.is_over(entry.at, now):
                delete.append(offer)
            else:
                known += 1
        elif _is_too_large(offer, book, source.bounds.octets):
            left += 1
        else:
            fetch.append(offer)
    most = source.bounds.messages or len(fetch)
    taken, rest = fetch[:most], fetch[most:]
    return Plan(
        offered=frozenset(o.key for o in found if o.key is not None),
        fetch=taken,
        delete=delete,
        known=known,
        left=left + len(rest),
        doubtful=doubtful,
        whole=all(offer.key is not None for offer in rest),
    )


def _is_too_large(offer: Offer, book: Book, most: int) -> bool:
    """So says the server, or so we have found out."""
    found = 0 if offer.key is None else book.too_large.get(offer.key, 0)
    return max(offer.size_octets, found) > most
