"""Between a submission session and delivery: the header of each message is mended.

The header is held until it is whole, which is nearly always the first chunk; the body
streams on as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from zope.interface import implementer

from mailapp.core.address import Address, parse_address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import PermanentFailure, SyntaxProblem
from mailapp.core.status import Status
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import RecipientOutcome, Route
from mailapp.message.fields import HeaderScanner
from mailapp.message.submitted import Submission, mend

_CRLF: Final = b"\r\n"
_HEADER_TOO_BIG: Final = Status(3, 4, "message header too big")


@implementer(IDelivery)
class SubmissionDelivery:
    """Delivery for listeners where authors hand in what they wrote (RFC 6409).

    Args:
        delivery: takes the mended messages.
        hostname: the right side of a Message-ID that was missing.
        short_domains: those of our domains that have no dot.
    """

    def __init__(
        self, delivery: IDelivery, hostname: str, short_domains: Collection[str] = ()
    ) -> None:
        self._delivery = delivery
        self._hostname = hostname
        self._short_domains = frozenset(short_domains)

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """See :class:`IDelivery`."""
        return await self._delivery.route(address, relays=relays)

    def begin(
        self,
        envelope: Envelope,
        routes: Sequence[Route],
        fields: Sequence[tuple[str, str]] = (),
    ) -> SubmittedBody:
        """Begin the message; see :class:`IDelivery`."""
        sender = parse_address(envelope.account.encode()) if envelope.account else None
        submission = Submission(
            now=envelope.received_at,
            message_id=f"{envelope.id}@{self._hostname}",
            sender=sender,
            # the login has been found to own its reverse-path
            author=sender and (envelope.reverse_path or sender),
            utf8=envelope.smtputf8,
            short_domains=self._short_domains,
        )
        body = self._delivery.begin(envelope, routes, fields)
        return SubmittedBody(body, lambda header: mend(header, submission))


@implementer(IBody)
class SubmittedBody:
    """Mends the header on its way; see :class:`IBody`.

    Args:
        body: takes the outcome; owned from now on.
        mend: a header section, without its empty line, to what shall stand there.
    """

    __slots__ = ("_body", "_length", "_mend", "_scanner")

    def __init__(self, body: IBody, mend: Callable[[bytes], bytes]) -> None:
        self._body = body
        self._mend = mend
        self._scanner: HeaderScanner | None = HeaderScanner()
        self._length = 0

    async def write(self, octets: bytes) -> None:
        """Take the next octets of the content.

        Raises:
            PermanentFailure: 5.6.0, the header can't be mended; 5.3.4, it is too big.
            TemporaryFailure: as the interface says.
        """
        scanner = self._scanner
        if scanner is None:
            await self._body.write(octets)
            return
        scanner.feed(octets)
        if scanner.body_start is not None:
            rest = octets[scanner.body_start - self._length :]
            header = bytes(scanner.header[: -len(_CRLF)])
            self._scanner = None
            await self._body.write(self._mended(header) + _CRLF + rest)
        elif scanner.overflowing:
            raise PermanentFailure(_HEADER_TOO_BIG)
        self._length += len(octets)

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Deliver; a message that is all header is mended now.

        Raises:
            PermanentFailure, TemporaryFailure: as ``write``.
        """
        if self._scanner is not None:
            header = bytes(self._scanner.header)
            self._scanner = None
            if header and not header.endswith(_CRLF):
                header += _CRLF
            await self._body.write(self._mended(header))
        return await self._body.commit()

    def abort(self) -> None:
        """Forget the message."""
        self._body.abort()

    def _mended(self, header: bytes) -> bytes:
        try:
            return self._mend(header)
        except SyntaxProblem as problem:
            # RFC 6409, section 6.3: 554 for syntactic problems in the data
            raise PermanentFailure(Status(6, 0, problem.reason)) from None
