"""One consignment on its way: who is still without a word, and who goes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, TypeGuard

from twisted.logger import Logger

from mailapp.core.envelope import Body, Envelope, Recipient
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.net.threads import InThread
from mailapp.queue.interfaces import Consignment, IContent
from mailapp.queue.types import Attempt
from mailapp.relay.attempts import attempt, is_for_another_round, softened
from mailapp.relay.channel import Channel
from mailapp.relay.conversion import SMALL, Fit, MemoryContent, fit, read_all, refused
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client_states import Trouble, Word
from mailapp.smtp.outgoing import Outgoing
from mailapp.smtp.stuffing import whole_lines

_AT_ONCE: Final = 100
"""Recipients that any server takes (RFC 5321, section 4.5.3.1.8)."""
_AT_ONCE_MOST: Final = 1000
_UNREADABLE: Final = Trouble("4.3.0", "the message can't be read here just now")
_LATE: Final = Trouble("5.4.7", "the time for its delivery is over")
_NO_DELIVERBY: Final = Trouble(
    "5.3.3", "the next server does not promise to deliver in time (DELIVERBY)"
)


class Carriage:
    """What is left to do of a consignment.

    Args:
        consignment: what is carried.
        in_thread: for conversions.

    Attributes:
        envelope: of the message.
        sent: of the consignment.
        waiting: places without a word, in order.
    """

    log: ClassVar = Logger()

    def __init__(self, consignment: Consignment, in_thread: InThread) -> None:
        self.entry: Final = consignment.entry
        self.envelope: Final[Envelope] = consignment.entry.envelope
        self.sent: Final = consignment.sent
        self.waiting = list(consignment.places)
        self._places = consignment.places
        self._content: IContent = consignment.content
        self._in_thread = in_thread
        self._attempts: dict[int, Attempt] = {}

    @property
    def attempts(self) -> Sequence[Attempt]:
        """One per place, in order, when nobody is waiting any more."""
        return [self._attempts[place] for place in self._places]

    def settle(self, word: Word, at: float, host: str) -> None:
        """The same word for all who wait."""
        last = attempt(softened(word), at, host)
        self._attempts.update(dict.fromkeys(self.waiting, last))
        self.waiting = []

    def hear(
        self, places: Sequence[int], words: Sequence[Word], at: float, channel: Channel
    ) -> None:
        """A word for each of these places; some of them may have to ask again."""
        host, offered = str(channel.hop), channel.client.offered
        lmtp = channel.lmtp
        again = len(words) > 1 and not lmtp and any(word.positive for word in words)
        done = set()
        for place, word in zip(places, words, strict=True):
            if again and is_for_another_round(word):
                continue
            self._attempts[place] = attempt(softened(word), at, host, dsn=offered.dsn)
            done.add(place)
        self.waiting = [place for place in self.waiting if place not in done]

    def next_places(self, channel: Channel) -> Sequence[int]:
        """Who goes next over this connection, within its LIMITS (RFC 9422)."""
        offered = channel.client.offered
        most = min(offered.recipients or _AT_ONCE, _AT_ONCE_MOST)
        if not offered.domains:
            return self.waiting[:most]
        chosen: list[int] = []
        domains = channel.domains
        for place in self.waiting:
            domain = self._recipient(place).address.domain
            if domain not in domains and len(domains) >= offered.domains:
                continue
            domains.add(domain)
            chosen.append(place)
            if len(chosen) >= most:
                break
        return chosen

    async def fit_to(self, channel: Channel, now: float) -> Fit | Trouble:
        """The content as this server takes it, and at hand if it is small.

        Recipients that can't be named to this server get their word here.
        """
        offered = channel.client.offered
        problem = self._in_time(offered, now)
        if problem is not None:
            return problem
        try:
            fitted = await fit(self.entry, self._content, offered, self._in_thread)
            if isinstance(fitted, Trouble):
                return fitted
            fitted = await _at_hand(fitted, offered)
        except TemporaryFailure:
            return _UNREADABLE
        size = fitted.content.size_octets
        if offered.size and size > offered.size:
            # RFC 1870, section 6.1
            text = f"the message has {size} octets, the next server takes"
            return Trouble("5.3.4", f"{text} {offered.size}")
        if fitted.converted:
            self.log.info(
                "{message_id} converted to 7 bit for {host}; signatures of others on "
                "it no longer fit",
                event="relay.message.converted",
                message_id=self.entry.id,
                host=str(channel.hop),
            )
        if not offered.smtputf8:
            self._refuse_non_ascii(offered, now, str(channel.hop))
        return fitted

    def outgoing(self, places: Sequence[int], fitted: Fit) -> Outgoing:
        """The transaction for these places."""
        envelope, content = self.envelope, fitted.content
        return Outgoing(
            reverse_path=envelope.reverse_path,
            recipients=[self._recipient(place) for place in places],
            size_octets=content.size_octets,
            content=content.octets if _is_small(content) else None,
            body=fitted.body,
            smtputf8=fitted.smtputf8,
            require_tls=envelope.require_tls,
            envelope_id=envelope.envelope_id,
            returned=envelope.returned,
            deliver_by=envelope.deliver_by,
            priority=envelope.priority,
        )

    def _recipient(self, place: int) -> Recipient:
        return self.envelope.recipients[place]

    def _refuse_non_ascii(self, offered: Capabilities, now: float, host: str) -> None:
        for place in list(self.waiting):
            word = refused(self._recipient(place), offered)
            if word is not None:
                self._attempts[place] = attempt(word, now, host)
                self.waiting.remove(place)

    def _in_time(self, offered: Capabilities, now: float) -> Trouble | None:
        """RFC 2852, section 4.1.4.1: who may have what is returned if it is late."""
        late = self.envelope.deliver_by
        if late is None or not late.returned:
            return None
        left = late.deadline - now
        if left < 1:
            return _LATE
        if offered.deliver_by is None or offered.deliver_by > left:
            return _NO_DELIVERBY
        return None


async def _at_hand(fitted: Fit, offered: Capabilities) -> Fit:
    """A small content is read once, and made fit for BDAT; DATA sees to it itself."""
    content = fitted.content
    if content.size_octets > SMALL:
        return fitted
    octets = await read_all(content)
    if len(octets) != content.size_octets:
        raise TemporaryFailure(SYSTEM_TROUBLE)
    if offered.chunking and fitted.body is not Body.BINARY:
        octets = whole_lines(octets)
    return Fit(MemoryContent(octets), fitted.body, fitted.smtputf8, fitted.converted)


def _is_small(content: IContent) -> TypeGuard[MemoryContent]:
    return isinstance(content, MemoryContent) and content.size_octets <= SMALL
