"""Reports to senders: which are due, and their way into mailbox or queue."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, assert_never

from attrs import define
from twisted.logger import Logger
from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Notify, Recipient, Return
from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.core.status import Status
from mailapp.delivery.interfaces import IDelivery
from mailapp.delivery.types import Failed, Route
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.message.dsn import Fate, Report, Returned, build
from mailapp.message.dsn_words import Action
from mailapp.message.fields import HeaderScanner, parse_header
from mailapp.policy.allowance import Allowance, Rate, Rates
from mailapp.queue.interfaces import IContent, IReporter
from mailapp.queue.types import Entry, Outcome, Reported

FULL_LIMIT: Final = 256 * 1024
"""Octets of a message that is returned as a whole, where its sender wants that."""
_HEADER_LIMIT: Final = 64 * 1024  # octets of a header that is returned
_CHUNK: Final = 16 * 1024
PER_DOMAIN: Final = Rates(messages=(Rate(600, 3600.0),))
"""Reports that a domain elsewhere gets from one process."""
_PATIENCE: Final = 7 * 86_400.0  # seconds that a report waits for its turn
_MUCH_TOLD: Final = "too many reports went to its domain"
_TOO_MANY: Final = Status(7, 0, "too many reports to this domain, later")
_HOST: Final = re.compile(r"\[[^\]\s]+\]|[^\s\[(]+")


def due(recipient: Recipient, reported: Reported) -> Action | None:
    """What the sender is to be told of a recipient; None: nothing.

    RFC 3461, sections 5.2.1 to 5.2.7. Without NOTIFY, failures and delays are told
    (section 4.1).
    """
    notify = recipient.notify
    told_success = notify is not None and Notify.SUCCESS in notify
    match reported.attempt.outcome:
        case Outcome.DELIVERED | Outcome.RELAYED if reported.attempt.expanded:
            return Action.EXPANDED if told_success else None
        case Outcome.DELIVERED:
            return Action.DELIVERED if told_success else None
        case Outcome.RELAYED:
            # section 5.2.2 (b): who has the extension reports in our place
            tells = told_success and not reported.attempt.dsn
            return Action.RELAYED if tells else None
        case Outcome.DEFERRED:
            tells = notify is None or Notify.DELAY in notify
            return Action.DELAYED if tells else None
        case Outcome.FAILED:
            tells = notify is None or Notify.FAILURE in notify
            return Action.FAILED if tells else None
        case _:
            assert_never(reported.attempt.outcome)


def returned(
    envelope: Envelope, size_octets: int, actions: Sequence[Action], limit: int
) -> Returned:
    """How much of the message comes back.

    RFC 3461, sections 4.3 and 6.2: all of it only with RET=FULL, with a failure to tell
    of, and up to a limit. RFC 8689, section 5: never for what must travel encrypted;
    of its header only what names it comes back, since a report may go on in the clear.
    """
    if envelope.require_tls:
        return Returned.TRACES
    if (
        envelope.returned is Return.FULL
        and Action.FAILED in actions
        and size_octets <= limit
    ):
        return Returned.FULL
    return Returned.HEADER


@implementer(IReporter)
@define(eq=False)
class Reporter:
    """Makes reports and delivers them like any mail with a null reverse-path.

    Attributes:
        delivery: where reports go; an intake without a reporter of its own.
        events: told of each report, and of those that nobody gets; who asks for one
            tells so of the message that it is about.
        hostname: this server.
        postmaster: stands in From: who reads what people answer.
        now: seconds since the epoch.
        token: a new id.
        retried_until: until when an entry is tried; None: that is not told.
        full_limit_octets: of a message that is returned as a whole.
        allowance: how many reports each domain elsewhere may get; those above it wait
            (threat 20); None: no matter how many.
    """

    log: ClassVar = Logger()

    delivery: IDelivery
    events: IEvents
    hostname: str
    postmaster: Address
    now: Callable[[], float]
    token: Callable[[], str]
    retried_until: Callable[[Entry], float] | None = None
    full_limit_octets: int = FULL_LIMIT
    allowance: Allowance | None = None

    async def report(
        self, entry: Entry, recipients: Sequence[Reported], content: IContent
    ) -> str | None:
        """Tell the sender, as far as it asked and may be told; durable at return.

        A report that can't reach its sender ever is told to the log, and is done with.

        Returns:
            The id of the report; None: none was due.

        Raises:
            TemporaryFailure: it could not be stored, or the content not be read, or
                its domain has had enough for now.
        """
        envelope = entry.envelope
        fates = self._fates(entry, recipients)
        if not fates:
            return None
        sender = envelope.reverse_path
        if sender is None:
            # RFC 5321, section 4.5.5: nobody is told
            self._undeliverable(entry, fates, "its sender is null")
            return None
        actions = [fate.action for fate in fates]
        how = returned(envelope, entry.size_octets, actions, self.full_limit_octets)
        octets = await self._read(content, how)
        if _is_report(octets):
            self._undeliverable(entry, fates, "it is a report itself")
            return None
        route = await self._way_to(sender)
        if isinstance(route, str) or self._is_too_much(route, envelope):
            reason = route if isinstance(route, str) else _MUCH_TOLD
            self._undeliverable(entry, fates, reason)
            return None
        report_id = self.token()
        report = Report(
            report_id,
            self.hostname,
            self.postmaster,
            sender,
            fates,
            envelope.received_at,
            self.now(),
            envelope.envelope_id,
            envelope.smtputf8,
            octets,
            how,
            envelope.hold_request,
        )
        if not await self._send(report, route, require_tls=envelope.require_tls):
            self._undeliverable(entry, fates, "its sender is not to be reached")
            return None
        self._count(route)
        self._tell_written(report, entry.id)
        return report_id

    def _tell_written(self, report: Report, about: str) -> None:
        facts: dict[str, str | int | float] = {
            "sender": "<>",
            "parent": about,
            "message_id": f"<{report.id}@{report.host}>",
        }
        self.events.tell(
            Event(Kind.WRITTEN, report.id, report.now, str(report.sender), facts=facts)
        )

    def _fates(self, entry: Entry, recipients: Sequence[Reported]) -> list[Fate]:
        fates = []
        for reported in recipients:
            recipient = entry.envelope.recipients[reported.place]
            action = due(recipient, reported)
            if action is None:
                continue
            attempt = reported.attempt
            until = None
            if action is Action.DELAYED and self.retried_until is not None:
                until = self.retried_until(entry)
            host = _HOST.match(attempt.host)
            fates.append(
                Fate(
                    recipient.address,
                    action,
                    attempt.status,
                    attempt.at,
                    attempt.text,
                    host[0] if host else "",
                    recipient.original,
                    until,
                    attempt.expired,
                )
            )
        return fates

    async def _read(self, content: IContent, how: Returned) -> bytes:
        """The whole content, or so much of it that the header is there."""
        scanner = HeaderScanner(_HEADER_LIMIT)
        pieces: list[bytes] = []
        position = 0
        while True:
            octets = await content.read(position, _CHUNK)
            if not octets:
                break
            position += len(octets)
            if how is Returned.FULL:
                pieces.append(octets)
                continue
            scanner.feed(octets)
            if scanner.complete or scanner.overflowing:
                break
        if how is Returned.FULL:
            return b"".join(pieces)
        header = bytes(scanner.header)
        # cut at a line's end, where it is too long
        return header[: header.rfind(b"\n") + 1] if scanner.overflowing else header

    async def _way_to(self, sender: Address) -> Route | str:
        """Where a report goes, or why it never gets there."""
        try:
            return await self.delivery.route(sender, relays=True)
        except PermanentFailure:
            return "its sender is not to be reached"

    def _is_too_much(self, route: Route, envelope: Envelope) -> bool:
        """Senders elsewhere are easily forged, and their domains are the victims.

        Raises:
            TemporaryFailure: it is, but the report can wait.
        """
        allowance = self.allowance
        if allowance is None or not any(
            allowance.wait_for_message(to.domain) > 0 for to in route.remote
        ):
            return False
        if self.now() - envelope.received_at < _PATIENCE:
            raise TemporaryFailure(_TOO_MANY)
        return True

    def _count(self, route: Route) -> None:
        if self.allowance is not None:
            for to in route.remote:
                self.allowance.spend(to.domain, 1)

    async def _send(self, report: Report, route: Route, *, require_tls: bool) -> bool:
        """Deliver a report; False: it will never reach its sender."""
        sender = report.sender
        envelope = Envelope(
            id=report.id,
            reverse_path=None,
            # RFC 3461, section 6.1
            recipients=[Recipient(sender, Notify.NEVER)],
            peer=Peer("127.0.0.1"),
            helo=self.hostname,
            protocol="ESMTP",
            received_at=report.now,
            smtputf8=not sender.is_ascii,
            require_tls=require_tls,
        )
        body = self.delivery.begin(envelope, [route])
        try:
            await body.write(build(report))
            [outcome] = await body.commit()
        finally:
            body.abort()
        if isinstance(outcome, Failed):
            if not outcome.permanent:
                raise TemporaryFailure(outcome.status)
            return False
        return True

    def _undeliverable(self, entry: Entry, fates: Sequence[Fate], reason: str) -> None:
        """For the postmaster to see; no mail is made of it (threat 20)."""
        self.log.warn(
            "no report of message {queue_id} to {recipients}: {reason}",
            event="queue.report.dropped",
            queue_id=entry.id,
            recipients=[str(fate.recipient) for fate in fates],
            reason=reason,
        )
        at = self.now()
        for fate in fates:
            whom, text = str(fate.recipient), f"to nobody: {reason}"
            self.events.tell(
                Event(Kind.REPORTED, entry.id, at, whom, fate.status, text)
            )


def _is_report(octets: bytes) -> bool:
    """A multipart/report of any kind (RFC 6522, section 3)."""
    value = parse_header(octets).value(b"content-type") or b""
    return value.lower().startswith(b"multipart/report")
