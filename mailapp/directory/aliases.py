"""What an alias comes to in the end (RFC 5321, section 3.9.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from mailapp.core.address import Address
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import ROUTING_LOOP
from mailapp.directory.types import Expanded, Local, MailingList
from mailapp.storage.types import AccountId

DEPTH_LIMIT: Final = 10
TARGET_LIMIT: Final = 1000


@frozen
class Meaning:
    """What one address means, before its aliases are followed.

    Attributes:
        key: the same for all spellings of the address.
        local: the mailbox, if it is one of an enabled account.
        targets: of the alias, if it is one.
        post: the distribution list, if it is one.
        elsewhere: the domain is not ours.
    """

    key: str
    local: Local | None = None
    targets: tuple[Address, ...] = ()
    post: MailingList | None = None
    elsewhere: bool = False


def expand(start: Meaning, look_up: Callable[[Address], Meaning]) -> Expanded:
    """Follow an alias to mailboxes and lists here and addresses elsewhere, each once.

    The members of a list are not looked at: its posts reach them by the queue.

    An alias that names itself means the mailbox of that name: so
    ``alice -> alice, bob`` keeps alice's copy and gives bob another.

    Raises:
        TemporaryFailure: 4.4.6, deeper or wider than any honest list.
    """
    locals_: dict[AccountId, Local] = {}
    remote: dict[Address, None] = {}
    posts: dict[str, MailingList] = {}
    seen = {start.key}
    waiting = [(start, 0)]
    while waiting:
        meaning, depth = waiting.pop()
        for target in meaning.targets:
            found = look_up(target)
            if found.elsewhere:
                remote[target] = None
            elif found.post is not None:
                posts[found.key] = found.post
            elif found.targets and found.key != meaning.key:
                if found.key not in seen:
                    waiting.append((found, depth + 1))
            elif found.local is not None:
                locals_.setdefault(found.local.account.id, found.local)
            seen.add(found.key)
        if depth >= DEPTH_LIMIT or len(seen) > TARGET_LIMIT:
            raise TemporaryFailure(ROUTING_LOOP)
    return Expanded(tuple(locals_.values()), tuple(remote), tuple(posts.values()))
