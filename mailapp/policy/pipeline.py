"""Asks checks in order; the first that refuses decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.policy.check import Check
from mailapp.policy.interfaces import Content, IPolicy, Origin
from mailapp.policy.verdict import (
    ACCEPT,
    Accept,
    Defer,
    Refusal,
    Reject,
    Tag,
    Verdict,
)

V = TypeVar("V")


@implementer(IPolicy)
class Pipeline:
    """The policy of a listener.

    The fields of all ``Tag`` verdicts of a stage are put together, in the order of the
    checks. A check that raises TemporaryFailure (its directory or resolver does not
    answer) defers; any other exception is a bug and passes through.

    Args:
        checks: in the order in which they are asked.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._connect = _overridden(checks, Check.connect)
        self._helo = _overridden(checks, Check.helo)
        self._mail = _overridden(checks, Check.mail)
        self._rcpt = _overridden(checks, Check.rcpt)
        self._body = _overridden(checks, Check.body)

    async def connect(self, peer: Peer) -> Verdict:
        """See :class:`IPolicy`."""
        return await _ask(self._connect, peer) if self._connect else ACCEPT

    async def helo(self, peer: Peer, name: str) -> Verdict:
        """See :class:`IPolicy`."""
        return await _ask(self._helo, peer, name) if self._helo else ACCEPT

    async def mail(self, origin: Origin) -> Verdict:
        """See :class:`IPolicy`."""
        return await _ask(self._mail, origin) if self._mail else ACCEPT

    async def rcpt(self, origin: Origin, address: Address, accepted: int) -> Verdict:
        """See :class:`IPolicy`."""
        if not self._rcpt:
            return ACCEPT
        return await _ask(self._rcpt, origin, address, accepted)

    async def body(self, envelope: Envelope, content: Content) -> Accept | Refusal:
        """See :class:`IPolicy`."""
        for check in self._body:
            try:
                verdict = await check(envelope, content)
            except TemporaryFailure as failure:
                return Defer(failure.status)
            if not isinstance(verdict, Accept):
                return verdict
        return ACCEPT


def _overridden(
    checks: Iterable[Check], stage: Callable[..., Awaitable[V]]
) -> tuple[Callable[..., Awaitable[V]], ...]:
    """The methods of those checks that have something to say at a stage."""
    name = stage.__name__
    return tuple(
        getattr(check, name)
        for check in checks
        if getattr(type(check), name) is not stage
    )


async def _ask(
    checks: Iterable[Callable[..., Awaitable[Verdict]]], *facts: object
) -> Verdict:
    fields: list[tuple[str, str]] = []
    for check in checks:
        try:
            verdict = await check(*facts)
        except TemporaryFailure as failure:
            return Defer(failure.status)
        match verdict:
            case Reject() | Defer():
                return verdict
            case Tag(fields=more):
                fields += more
    return Tag(fields) if fields else ACCEPT
