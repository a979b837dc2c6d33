"""Brings messages of one source into a mailbox, each exactly once.

The order is that of :mod:`mailapp.fetch.ledger`. A message whose octets are known is
not delivered again: see :meth:`mailapp.fetch.book.Book.find_gone`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from enum import Enum
from typing import ClassVar, Final

from attrs import frozen
from twisted.logger import Logger

from mailapp.core.address import ReversePath, parse_address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import DeliveryFailure, PermanentFailure, SyntaxProblem
from mailapp.core.peer import Peer
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Failed, Route
from mailapp.fetch.book import Intent, content_key
from mailapp.fetch.ledger import Ledger
from mailapp.fetch.types import FetchProblem, Source
from mailapp.message.fields import parse_header
from mailapp.message.line_ends import ToWire
from mailapp.net.threads import InThread

HEAD_OCTETS: Final = 64 * 1024
"""Of a message are held until its Return-Path is known."""
_DIGEST_DIGITS: Final = 40


class Taken(Enum):
    """What became of a message."""

    FETCHED = "fetched"
    KNOWN = "known"


class TooLarge(Exception):
    """The server sends more than the bound, and more than it said.

    Attributes:
        octets: so many had come.
    """

    def __init__(self, octets: int) -> None:
        super().__init__(octets)
        self.octets = octets


@frozen
class Place:
    """Where messages go and what is written on them.

    Attributes:
        delivery: puts them there.
        route: to the one mailbox.
        peer: the server.
        now: seconds since the epoch.
        token: a fresh id.
    """

    delivery: IDelivery
    route: Route
    peer: Peer
    now: Callable[[], float]
    token: Callable[[], str]


class Intake:
    """The way from one source to one mailbox, for one run.

    Attributes:
        offered: the keys of all unique-ids that the server has now.
        seen: the keys of the messages that are known by their content.
        octets: that were delivered.
    """

    log: ClassVar = Logger()

    def __init__(
        self, source: Source, ledger: Ledger, place: Place, in_thread: InThread
    ) -> None:
        self.offered: frozenset[bytes] = frozenset()
        self.seen: set[bytes] = set()
        self.octets = 0
        self._source = source
        self._ledger = ledger
        self._place = place
        self._in_thread = in_thread
        self._alike: Counter[bytes] = Counter()

    async def take(
        self, key: bytes | None, pieces: AsyncIterator[bytes]
    ) -> tuple[Taken, bytes]:
        """Take one message in; what became of it, and the key it has now.

        Args:
            key: of its unique-id; None: its octets tell.
            pieces: of its content, run to the end unless this raises.

        Raises:
            TooLarge: nothing is delivered.
            FetchProblem: it can't be delivered now.
            OSError: the ledger's disk.
        """
        content = _Content(self._begin, self._source.bounds.octets)
        try:
            async for octets in pieces:
                await content.add(octets)
            body = await content.end()
            digest = content.digest
            if key is None:
                key = content_key(digest, self._alike[digest])
                self._alike[digest] += 1
                self.seen.add(key)
            if await self._is_known(key, digest):
                body.abort()
                return Taken.KNOWN, key
            await self._deliver(body, key, content)
        except DeliveryFailure as problem:
            reason = f"not delivered: {problem.status.text}"
            lasting = isinstance(problem, PermanentFailure)
            raise FetchProblem(reason, lasting=lasting) from problem
        finally:
            content.abort()
        self.octets += content.size_octets
        return Taken.FETCHED, key

    async def _is_known(self, key: bytes, digest: bytes) -> bool:
        book = self._ledger.book
        if key in book.done:
            return True
        gone = None
        if key.startswith(b"u:"):
            gone = book.find_gone(digest, self.offered)
        if gone is None:
            return False
        at = book.done[gone].at
        self._ledger.forget(gone)
        self._ledger.deliver(key, digest, at)
        return True

    async def _deliver(self, body: IBody, key: bytes, content: _Content) -> None:
        now = self._place.now()
        size = content.delivered_octets
        intent = Intent(key, content.digest, size, content.id, int(now))
        await self._in_thread(self._ledger.intend, intent)
        for outcome in await body.commit():
            if isinstance(outcome, Failed):
                # The intent stays: the next run looks whether it has arrived after all.
                reason = f"not delivered: {outcome.status.text}"
                raise FetchProblem(reason, lasting=outcome.permanent)
        self._ledger.deliver(key, content.digest, now)
        self.log.info(
            "fetched a message from {source}",
            event="fetch.message.delivered",
            source=self._source.name,
            queue_id=content.id,
            size_octets=content.size_octets,
        )

    def _begin(self, head: bytes) -> tuple[IBody, str]:
        """Begin the delivery of a message with this head."""
        place = self._place
        envelope = Envelope(
            id=place.token(),
            reverse_path=return_path(head),
            recipients=(Recipient(place.route.address),),
            peer=place.peer,
            helo=self._source.host,
            # no registered word fits (RFC 3848); fetchmail writes the same
            protocol=self._source.speech.name,
            received_at=place.now(),
        )
        body: IBody = place.delivery.begin(envelope, [place.route])
        return body, envelope.id


class _Content:
    """The octets of one message on their way into a body.

    An LF alone becomes CRLF, as ever in the store; a well-formed message has none. The
    digest is that of what the server sent.
    """

    def __init__(
        self, begin: Callable[[bytes], tuple[IBody, str]], most_octets: int
    ) -> None:
        self.id = ""
        self.size_octets = 0
        self.delivered_octets = 0
        self._begin = begin
        self._most = most_octets
        self._hash = hashlib.sha256()
        self._wire = ToWire()
        self._head: bytes | None = b""
        self._body: IBody | None = None

    @property
    def digest(self) -> bytes:
        """Of what has come so far."""
        return self._hash.hexdigest()[:_DIGEST_DIGITS].encode("ascii")

    async def add(self, octets: bytes) -> None:
        """The next octets.

        Raises:
            TooLarge: they are beyond the bound.
            DeliveryFailure: they can't be kept.
        """
        self.size_octets += len(octets)
        if self.size_octets > self._most:
            raise TooLarge(self.size_octets)
        self._hash.update(octets)
        await self._write(self._wire.convert(octets))

    async def end(self) -> IBody:
        """All of it has come; the body is the caller's too.

        Raises:
            DeliveryFailure: it can't be kept.
        """
        return await self._started()

    def abort(self) -> None:
        """Forget it, unless it was delivered."""
        if self._body is not None:
            self._body.abort()

    async def _write(self, octets: bytes) -> None:
        self.delivered_octets += len(octets)
        if self._head is None:
            await (await self._started()).write(octets)
            return
        self._head += octets
        if b"\r\n\r\n" in self._head or len(self._head) > HEAD_OCTETS:
            await self._started()

    async def _started(self) -> IBody:
        if self._body is None:
            head, self._head = self._head or b"", None
            self._body, self.id = self._begin(head)
            await self._body.write(head)
        return self._body


def return_path(head: bytes) -> ReversePath:
    """What the server's own final delivery noted as the sender (RFC 5321, section 4.4).

    None, the null reverse-path, if there is nothing sound: nobody will be answered.
    """
    value = parse_header(head[:HEAD_OCTETS]).value(b"return-path") or b""
    if not (value.startswith(b"<") and value.endswith(b">")):
        return None
    try:
        return parse_address(value[1:-1], utf8=False)
    except SyntaxProblem:
        return None
