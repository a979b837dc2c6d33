"""From what an address means to where its mail goes (pure)."""

from __future__ import annotations

from typing import Final, assert_never

from mailapp.core.address import Address
from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import MAILBOX_UNKNOWN, RELAYING_DENIED, Status
from mailapp.delivery.types import Route
from mailapp.directory.types import Elsewhere, Expanded, Local, Resolution, Unknown

# RFC 3463, section 3.4 (X.3.5, system incorrectly configured)
ALIAS_LEAVES: Final = Status(3, 5, "this alias can't be served now, try again later")


def route(
    address: Address,
    resolution: Resolution,
    *,
    relays: bool = False,
    leaves: bool = False,
) -> Route:
    """Where mail for ``address`` goes.

    Args:
        address: the envelope recipient.
        resolution: what it means.
        relays: its client may send to other servers through this one.
        leaves: there is a queue, so that copies can leave this server. Aliases lead
            elsewhere for every client, since the administrator wants that. Without a
            queue such an alias is refused for now as a whole: we neither relay nor
            drop that target's copy in silence (RFC 5321, section 3.9.1 wants a copy
            for each), and the sender's queue keeps the mail until that is mended.

    Raises:
        PermanentFailure: unknown here, answered 550 5.1.1 (RFC 5321, section 3.3);
            not ours, answered 550 5.7.1 (RFC 5321, section 3.6.2).
        TemporaryFailure: the alias has a target elsewhere, answered 451 4.3.5.
    """
    match resolution:
        case Local():
            return Route(address, (resolution,))
        case Expanded(local=local, remote=remote, lists=lists):
            if (remote or lists) and not leaves:
                raise TemporaryFailure(ALIAS_LEAVES)
            if not local and not remote and not lists:  # all are gone or disabled
                raise PermanentFailure(MAILBOX_UNKNOWN)
            return Route(address, local, remote, lists)
        case Unknown():
            raise PermanentFailure(MAILBOX_UNKNOWN)
        case Elsewhere():
            if relays and leaves and address.domain:
                return Route(address, (), (address,))
            raise PermanentFailure(RELAYING_DENIED)
        case _:
            assert_never(resolution)
