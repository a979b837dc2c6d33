"""Who answers whom: steps 1 to 3 of THREAD=REFERENCES (RFC 5256, section 3).

While messages are linked each knows only its parent, so that a link is made and broken
in constant time. Whether a link would close a loop is answered by the top of the
thread, and shortcuts to it are kept until a link is broken.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import chain
from typing import Final

from attrs import define, field

STEP: Final = 500
"""Messages between two pauses."""
_WORK_PER_NODE: Final = 100
"""Ancestors that are looked at for each message and reference, on average.

No real mailbox comes near that; in others later messages stay without a parent."""


@define(eq=False)
class Node:
    """A message in a tree of threads, or a dummy for one that is not there.

    Attributes:
        number: what the response calls it; 0 for a dummy.
        date: sent date.
        subject: base subject, casemapped.
        is_reply: its subject is that of a reply or forward.
        children: those that answer it; known when all links are made.
        parent: whom it answers; known while links are made.
        shortcut: an ancestor further up, if nothing was broken since
            ``shortcut_age``.
        shortcut_age: links that were broken before.
    """

    number: int = 0
    date: int = 0
    subject: bytes = b""
    is_reply: bool = False
    children: list[Node] = field(factory=list, repr=False)
    parent: Node | None = field(default=None, repr=False)
    shortcut: Node | None = field(default=None, repr=False)
    shortcut_age: int = field(default=-1, repr=False)


class Links:
    """Messages and dummies by Message ID, and who is whose parent.

    Attributes:
        messages: in the order they were added.
        work: steps taken so far, to know when to let others run.
    """

    def __init__(self) -> None:
        self.messages: list[Node] = []
        self.work = 0
        self._nodes: dict[bytes, Node] = {}
        self._dummies: list[Node] = []
        self._age = 0  # links that were broken
        self._budget = 0

    def add(self, node: Node, message_id: bytes) -> None:
        """Add a message; all of them come before the first link.

        Of several with one Message ID only the first has it.
        """
        self.messages.append(node)
        self._budget += _WORK_PER_NODE
        if message_id:
            self._nodes.setdefault(message_id, node)

    def link(self, node: Node, references: Iterable[bytes]) -> None:
        """Steps 1 (A) and (B) for one message."""
        last: Node | None = None
        for message_id in references:
            ancestor = self._node(message_id)
            # a parent that is known already is better than one from a cut list
            if last is not None and ancestor.parent is None:
                self._adopt(last, ancestor)
            last = ancestor
        if node.parent is not last:
            if node.parent is not None:
                node.parent = None
                self._age += 1
            if last is not None:
                self._adopt(last, node)

    def _node(self, message_id: bytes) -> Node:
        self.work += 1
        self._budget += _WORK_PER_NODE
        node = self._nodes.get(message_id)
        if node is None:
            node = self._nodes[message_id] = Node()
            self._dummies.append(node)
        return node

    def _adopt(self, parent: Node, child: Node) -> None:
        """Link them, unless that closes a loop; ``child`` has no parent."""
        if self._budget > 0 and self._top_of(parent) is not child:
            child.parent = parent

    def _top_of(self, node: Node) -> Node:
        """The first ancestor."""
        passed: list[Node] = []
        top = node
        while top.parent is not None:
            passed.append(top)
            short = top.shortcut if top.shortcut_age == self._age else None
            top = top.parent if short is None else short
        self.work += len(passed)
        self._budget -= len(passed)
        for one in passed:
            one.shortcut, one.shortcut_age = top, self._age
        return top

    def roots(self) -> Generator[None, None, list[Node]]:
        """Steps 2 and 3: threads without dummies, but for those with several children.

        Gives None now and then, that others may run. Call it once, when all links are
        made.
        """
        roots: list[Node] = []
        for count, node in enumerate(chain(self.messages, self._dummies)):
            if count % STEP == 0:
                yield
            # a tree that knows only children is freed without the collector of cycles
            parent, node.parent, node.shortcut = node.parent, None, None
            if parent is None:
                roots.append(node)
            else:
                parent.children.append(node)
        yield from _prune(roots)
        found: list[Node] = []
        for root in roots:
            if root.number or len(root.children) > 1:
                found.append(root)
            else:
                found += root.children
        return found


def _prune(roots: list[Node]) -> Generator[None, None, None]:
    """Step 3 for all but the top level, the deepest first."""
    order: list[Node] = []  # each before all that are below it
    rest = list(roots)
    while rest:
        if len(order) % STEP == 0:
            yield
        node = rest.pop()
        order.append(node)
        rest += node.children
    for count, node in enumerate(reversed(order)):
        if count % STEP == 0:
            yield
        if any(not child.number for child in node.children):
            node.children = _without_dummies(node.children)


def _without_dummies(children: list[Node]) -> list[Node]:
    """With the children of dummies in their place; the longest list takes the others.

    They are in no order yet.
    """
    lists = [[child for child in children if child.number]]
    lists += [child.children for child in children if not child.number]
    longest = max(lists, key=len)
    for one in lists:
        if one is not longest:
            longest += one
    return longest
