"""THREAD=ORDEREDSUBJECT and THREAD=REFERENCES (RFC 5256, section 3).

The work is done in steps: both are generators that give None again and again, so that
others may run between, and return the threads::

    rows = [Row.of(number, received, keys) for ...]
    threads = yield from references(rows)      # or: run(references(rows))
    response = b"* THREAD" + written(threads)

Nothing is recursive, as a thread may be as deep as a mailbox is large.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from heapq import merge
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from mailapp.message.linking import STEP, Links, Node
from mailapp.message.sorting import SortKeys

_RUN: Final = 5000  # messages that are sorted at once
_T = TypeVar("_T")
_date = attrgetter("date", "number")


class Row(NamedTuple):
    """One message that was searched for; ``sorting.SortKeys`` has most of it.

    Attributes:
        number: what the response calls it: sequence number or UID. Where dates are
            equal it decides the order (RFC 5256, section 2.2).
        date: sent date, or internal date where there is none.
        subject: base subject, casemapped.
        is_reply: its subject is that of a reply or forward.
        message_id: or empty.
        references: Message IDs, oldest first.
    """

    number: int
    date: int
    subject: bytes = b""
    is_reply: bool = False
    message_id: bytes = b""
    references: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, number: int, received: int, keys: SortKeys) -> Row:
        """From what is kept of a message and its internal date."""
        return cls(
            number,
            received if keys.sent is None else keys.sent,
            keys.subject,
            keys.is_reply,
            keys.message_id,
            keys.references,
        )


Steps = Generator[None, None, _T]


def run(steps: Steps[_T]) -> _T:
    """Do it all at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: _T = end.value
            return outcome


def ordered_subject(rows: Sequence[Row]) -> Steps[list[Node]]:
    """One thread per base subject; all others in it are children of its first message.

    ``rows`` is in ascending order of numbers.
    """
    groups: dict[bytes, list[Node]] = {}
    for count, row in enumerate(rows):
        if count % STEP == 0:
            yield
        groups.setdefault(row.subject, []).append(Node(row.number, row.date))
    threads: list[Node] = []
    for count, group in enumerate(groups.values()):
        if count % STEP == 0:
            yield
        group.sort(key=_date)
        first, *others = group
        first.children = others
        threads.append(first)
    return (yield from _sorted(threads, _date))


def references(rows: Sequence[Row]) -> Steps[list[Node]]:
    """Threads by References and In-Reply-To, then by subject.

    ``rows`` is in ascending order of numbers.
    """
    links = Links()
    for count, row in enumerate(rows):
        if count % STEP == 0:
            yield
        node = Node(row.number, row.date, row.subject, row.is_reply)
        links.add(node, row.message_id)
    paused = links.work
    for row, node in zip(rows, links.messages, strict=True):
        links.link(node, row.references)
        links.work += 1
        if links.work - paused > STEP:
            paused = links.work
            yield
    roots = yield from links.roots()
    roots = yield from _by_date(roots)
    roots = yield from _gathered(roots)
    rest = [node for node in roots if node.children]
    count = 0
    while rest:
        node = rest.pop()
        if len(node.children) > 1:
            node.children = yield from _sorted(node.children, _date)
        rest += [child for child in node.children if child.children]
        count += 1
        if count % STEP == 0:
            yield
    return (yield from _by_date(roots))


def _sorted(nodes: list[Node], key: Callable[[Node], Any]) -> Steps[list[Node]]:
    """The nodes in order; many are sorted in runs that are then merged."""
    if len(nodes) <= _RUN:
        return sorted(nodes, key=key)
    runs: list[list[Node]] = []
    for start in range(0, len(nodes), _RUN):
        runs.append(sorted(nodes[start : start + _RUN], key=key))
        yield
    found: list[Node] = []
    for node in merge(*runs, key=key):
        found.append(node)
        if len(found) % STEP == 0:
            yield
    return found


def _by_date(roots: list[Node]) -> Steps[list[Node]]:
    """Steps 4 and 6 for the top level: a dummy counts as its first child."""
    for root in roots:
        if not root.number:
            root.children = yield from _sorted(root.children, _date)
    return (yield from _sorted(roots, lambda root: _date(_shown(root))))


def _shown(root: Node) -> Node:
    """The message, or the first child of a dummy."""
    return root if root.number else root.children[0]


def _gathered(roots: list[Node]) -> Steps[list[Node]]:
    """Step 5: one thread for one subject."""
    table: dict[bytes, Node] = {}
    for count, root in enumerate(roots):
        if count % STEP == 0:
            yield
        subject = _shown(root).subject
        if not subject:
            continue
        known = table.setdefault(subject, root)
        if known.number and (not root.number or (known.is_reply and not root.is_reply)):
            table[subject] = root
    merged: set[int] = set()
    added: list[Node] = []
    for count, root in enumerate(roots):
        if count % STEP == 0:
            yield
        subject = _shown(root).subject
        known = table.get(subject, root)
        if known is root or id(root) in merged:
            continue
        merged.add(id(root))
        if not known.number:
            known.children += [root] if root.number else root.children
        elif root.is_reply and not known.is_reply:
            known.children.append(root)
        else:
            table[subject] = Node(subject=subject, children=[known, root])
            merged.add(id(known))
            added.append(table[subject])
    return [root for root in roots + added if id(root) not in merged]


def written(threads: Sequence[Node]) -> bytes:
    """``(2)(3 6 (4 23)(44 7 96))``, with a space before it; empty without threads.

    RFC 5256, section 4: what has one child goes on in its list, what has several
    nests.
    """
    pieces: list[bytes] = [b" "] if threads else []
    rest: list[Node | None] = list(reversed(threads))
    while rest:
        node = rest.pop()
        if node is None:
            pieces.append(b")")
            continue
        numbers = [node.number] if node.number else []
        while len(node.children) == 1:
            node = node.children[0]
            numbers.append(node.number)
        pieces.append(b"(" + b" ".join([b"%d" % number for number in numbers]))
        rest.append(None)
        if node.children:
            if numbers:
                pieces.append(b" ")
            rest += reversed(node.children)
    return b"".join(pieces)
