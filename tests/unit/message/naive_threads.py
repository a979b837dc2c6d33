"""RFC 5256, section 3, THREAD=REFERENCES: the six steps as they are written there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from attrs import define, field

from mailapp.message.threads import Row


@define(eq=False)
class Message:
    """A message, or without a row a dummy."""

    row: Row | None = None
    parent: Message | None = None
    children: list[Message] = field(factory=list)

    def first(self) -> Row:
        """Its row, or that of its first child."""
        return self.row or self.children[0].first()

    def moment(self) -> tuple[int, int]:
        """What siblings are sorted by."""
        return self.first().date, self.first().number

    def is_below(self, other: Message) -> bool:
        """Is it ``other`` or a descendant?"""
        return self is other or (
            self.parent is not None and self.parent.is_below(other)
        )

    def adopt(self, child: Message) -> None:
        """Make the link, unless there would be a loop."""
        if not self.is_below(child):
            child.parent = self
            self.children.append(child)

    def leave(self) -> None:
        """Break the link to the parent."""
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None

    def is_reply(self) -> bool:
        """A reply or forward."""
        return self.row is not None and self.row.is_reply


def references(rows: Sequence[Row]) -> Message:
    """The root whose children are the threads."""
    table: dict[bytes, Message] = {}
    messages = []
    for place, row in enumerate(rows):
        own = row.message_id
        if not own or own in table:
            own = b"unique %d" % place
        messages.append(table.setdefault(own, Message(row)))
    for message in messages:  # (1)
        assert message.row is not None
        chain = [table.setdefault(own, Message()) for own in message.row.references]
        for one, other in pairwise(chain):
            if other.parent is None:
                one.adopt(other)
        message.leave()
        if chain:
            chain[-1].adopt(message)
    root = Message(children=[m for m in table.values() if m.parent is None])  # (2)
    prune(root, top=True)  # (3)
    for child in root.children:
        child.children.sort(key=Message.moment)
    root.children.sort(key=Message.moment)  # (4)
    gather(root)  # (5)
    sort(root)  # (6)
    return root


def prune(message: Message, *, top: bool = False) -> None:
    """Step 3, the deepest first."""
    kept = []
    for child in message.children:
        prune(child)
        if child.row is not None or (top and len(child.children) > 1):
            kept.append(child)
        else:
            kept += child.children
    message.children = kept


def sort(message: Message) -> None:
    """Step 6, the deepest first."""
    for child in message.children:
        sort(child)
    message.children.sort(key=Message.moment)


def gather(root: Message) -> None:
    """Step 5."""
    table: dict[bytes, Message] = {}
    for message in root.children:
        subject = message.first().subject
        if not subject:
            continue
        known = table.setdefault(subject, message)
        if known.row is not None and (
            message.row is None or (known.is_reply() and not message.is_reply())
        ):
            table[subject] = message
    for message in list(root.children):
        subject = message.first().subject
        if not subject or table[subject] is message or message not in root.children:
            continue
        known = table[subject]
        root.children.remove(message)
        if known.row is None and message.row is None:
            known.children += message.children
        elif known.row is None or (message.is_reply() and not known.is_reply()):
            known.children.append(message)
        else:
            root.children.remove(known)
            table[subject] = Message(children=[known, message])
            root.children.append(table[subject])


def written(root: Message) -> bytes:
    """thread-list, by its ABNF."""
    return b"".join([b"(%b)" % _members(child) for child in root.children])


def _members(message: Message) -> bytes:
    words = [] if message.row is None else [b"%d" % message.row.number]
    if len(message.children) == 1:
        words.append(_members(message.children[0]))
    elif message.children:
        words.append(written(message))
    return b" ".join(words)
