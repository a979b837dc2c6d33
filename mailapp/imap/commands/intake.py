"""Takes in the messages of one APPEND, as they come (RFC 9051, section 6.3.12).

Octets go to a sink of the store at once; none is held here. What is refused while the
client does not wait for our word is swallowed, and answered at the end.
"""

from __future__ import annotations

from attrs import define

from mailapp.core.failures import DeliveryFailure
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.failures import status_of
from mailapp.imap.commands.naming import find
from mailapp.imap.grammar.values.commands import Append, AppendHead, Staged
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status
from mailapp.storage.interfaces import IBlobSink
from mailapp.storage.types import NoSuch, StoreError

_LOOK_OCTETS = 65536
"""From this size on, the quota is looked at before the message comes."""


@define
class _Arriving:
    """A message, and where its octets go."""

    head: AppendHead
    sink: IBlobSink


class Intake:
    """See the module; one for each APPEND.

    Args:
        context: of the session.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._messages: list[_Arriving] = []
        self._refusal: Status | None = None

    async def begin(self, head: AppendHead) -> Status | None:
        """A message is announced; a Status: it is not wanted."""
        if self._refusal is None:
            try:
                self._refusal = await self._judge(head)
            except (StoreError, DeliveryFailure) as failure:
                self._refusal = status_of(failure)
        if self._refusal is not None:
            self.abort()
            return self._refusal
        sink = self._context.account.stage(head.size_octets)
        self._messages.append(_Arriving(head, sink))
        return None

    async def take(self, octets: bytes) -> None:
        """Octets of the message that began last."""
        if self._refusal is not None:
            return
        try:
            await self._messages[-1].sink.write(octets)
        except (StoreError, DeliveryFailure) as failure:
            self._refusal = status_of(failure)
            self.abort()

    async def finish(self) -> Append | Status:
        """All has come: the command, or why not. Abort it when that is done."""
        if self._refusal is not None:
            return self._refusal
        staged = [
            Staged(message.head, await message.sink.ready())
            for message in self._messages
        ]
        name = staged[0].head.mailbox
        if name is None:
            msg = "an APPEND without a mailbox"
            raise AssertionError(msg)
        return Append(name, tuple(staged))

    def abort(self) -> None:
        """Forget what came."""
        messages, self._messages = self._messages, []
        for message in messages:
            message.sink.abort()

    async def _judge(self, head: AppendHead) -> Status | None:
        if head.mailbox is not None:
            try:
                await find(self._context, head.mailbox)
            except NoSuch:
                # RFC 9051, section 6.3.12: MUST, before the message comes if possible
                return replies.NO_MAILBOX_YET
        if not head.size_octets:
            # RFC 3502, section 6.3.11: so clients take back the messages before it
            return replies.NO_MESSAGE
        if head.size_octets > self._context.service.append_octets:
            return replies.MESSAGE_TOO_BIG
        if head.size_octets >= _LOOK_OCTETS:
            usage = await self._context.account.usage()
            if 0 < usage.limit_octets < usage.octets + head.size_octets:
                return replies.OVER_QUOTA
        return None
