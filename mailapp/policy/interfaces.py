"""The seam between a protocol that accepts mail and what the administrator wants.

A session asks at each stage before it gives its positive reply; ``Reject`` and
``Defer`` become the reply, ``Accept`` and ``Tag`` let it go on. What a stage is told
are values, so that a check can be tried without a connection.
"""

from __future__ import annotations

from collections.abc import Awaitable

from attrs import frozen
from zope.interface import Interface

from mailapp.core.address import Address, ReversePath
from mailapp.core.envelope import Envelope
from mailapp.core.peer import Peer
from mailapp.policy.verdict import Accept, Refusal, Verdict


@frozen
class Origin:
    """Who sends, as far as it is known at MAIL.

    Attributes:
        helo: what the client called itself; empty if it did not.
        reverse_path: None is the null reverse-path ``<>``.
        account: who is logged in, or None.
        declared_size_octets: of the SIZE parameter, or None.
    """

    peer: Peer
    helo: str
    reverse_path: ReversePath
    account: str | None = None
    declared_size_octets: int | None = None


@frozen
class Content:
    """The message as it was received, before anything of ours was added.

    Attributes:
        header: the header section, CRLF lines, without the empty line after it; at
            most what the limit on the header's size lets through.
        size_octets: of the whole message.
    """

    header: bytes
    size_octets: int


class ISenderRights(Interface):
    """Knows which addresses are whose."""

    def may_send_as(account: str, address: Address) -> Awaitable[bool]:
        """Is it an address of this account, and of nobody else?

        Raises:
            TemporaryFailure: that can't be told now.
        """


class IPolicy(Interface):
    """The checks of one kind of listener, asked stage by stage.

    A bug in a check raises, and the session answers it as any bug (451 4.3.0).
    """

    def connect(peer: Peer) -> Awaitable[Verdict]:
        """Before the greeting. A refusal becomes the greeting: 554 or 421."""

    def helo(peer: Peer, name: str) -> Awaitable[Verdict]:
        """HELO or EHLO gave this name; its syntax has not been checked."""

    def mail(origin: Origin) -> Awaitable[Verdict]:
        """MAIL was parsed."""

    def rcpt(origin: Origin, address: Address, accepted: int) -> Awaitable[Verdict]:
        """RCPT was parsed; ``accepted`` recipients were accepted before it.

        Asked before the directory is.
        """

    def body(envelope: Envelope, content: Content) -> Awaitable[Accept | Refusal]:
        """The end of data was seen and nothing is committed yet."""
