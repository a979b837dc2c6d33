"""The content of one message on its way into the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from zope.interface import implementer

from mailapp.delivery.interfaces import IBody
from mailapp.delivery.outcome import failure
from mailapp.delivery.types import RecipientOutcome
from mailapp.storage.interfaces import IBlobSink
from mailapp.storage.types import StoreError

Deliver = Callable[[IBlobSink], Awaitable[Sequence[RecipientOutcome]]]


@implementer(IBody)
class LocalBody:
    """Writes what is ours, then the content, to the store's sink.

    The fields of ours go out together with the first chunk, so a small message is one
    write.

    Args:
        sink: of ``IMailStore.stage``; owned by the body from now on.
        stamp: what stands above the content.
        deliver: finishes the sink, whatever comes of it.
    """

    __slots__ = ("_deliver", "_sink", "_stamp")

    def __init__(self, sink: IBlobSink, stamp: bytes, deliver: Deliver) -> None:
        self._sink: IBlobSink | None = sink
        self._stamp = stamp
        self._deliver = deliver

    async def write(self, octets: bytes) -> None:
        """Take the next octets of the content.

        Raises:
            TemporaryFailure: as the interface says, also after an abort.
        """
        if self._sink is None:
            raise failure(StoreError())
        if self._stamp:
            octets = self._stamp + octets
            self._stamp = b""
        try:
            await self._sink.write(octets)
        except StoreError as problem:
            raise failure(problem) from problem

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Deliver; the sink is used up.

        Raises:
            TemporaryFailure: the message was aborted or committed before.
        """
        if self._stamp:  # a message of no octets at all
            await self.write(b"")
        if self._sink is None:
            raise failure(StoreError())
        sink, self._sink = self._sink, None
        try:
            return await self._deliver(sink)
        except BaseException:
            sink.abort()
            raise

    def abort(self) -> None:
        """Forget the message, unless it was committed."""
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
