"""Which copies of a message leave for the queue, and under whose name (pure).

* A recipient that is elsewhere gets the message as its sender sent it.
* So do the targets of an alias, but the reverse-path is one that leads back through
  us (:mod:`mailapp.delivery.srs`), and a Delivered-To names the alias if it is the only
  one, so that a loop is seen when the copy comes back (RFC 9228, section 4); several
  would learn of each other (section 6), and the count of Received fields stops them.
* A list's members get a post: another sender, other fields, no wishes of the poster's
  for reports (RFC 3461, section 5.2.7.1).

What an alias does to the wishes for reports: one target takes them over as they are
(section 5.2.7.2); several are told all but SUCCESS (section 5.2.7.3, way c), and the
sender gets an ``expanded`` report in place of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import evolve

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Envelope,
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.delivery.types import Copy, Forwarded, Route
from mailapp.message.trace import delivered_to

Rewrite = Callable[[Address], Address]


def plan(
    envelope: Envelope, routes: Sequence[Route], rewrite: Rewrite
) -> Sequence[Copy]:
    """The copies of a message, those under the sender's own name first.

    Args:
        envelope: of the message.
        routes: of its recipients.
        rewrite: the sender of what an alias sends on.
    """
    relayed: list[Forwarded] = []
    forwarded: list[Forwarded] = []
    posts: list[Copy] = []
    aliases: list[Address] = []
    for place, (recipient, route) in enumerate(
        zip(envelope.recipients, routes, strict=True)
    ):
        if route.is_relayed:
            relayed.append(Forwarded(place, recipient))
        elif route.remote:
            aliases.append(route.address)
            forwarded += _forwarded(place, recipient, route)
        posts += _posts(place, route, utf8=envelope.smtputf8)
    copies = []
    if relayed:
        copies.append(Copy(envelope.reverse_path, relayed, is_own=True))
    if forwarded:
        sender = envelope.reverse_path
        top = b""
        if len(envelope.recipients) == 1:
            top = delivered_to(aliases[0], utf8=envelope.smtputf8)
        copies.append(Copy(None if sender is None else rewrite(sender), forwarded, top))
    return [*copies, *posts]


def _forwarded(place: int, recipient: Recipient, route: Route) -> Iterator[Forwarded]:
    notify = recipient.notify
    if notify is not None and is_several(route):
        notify &= ~Notify.SUCCESS
    # RFC 3461, section 5.2.1 (d): the address that was given to us may be added
    original = recipient.original or _original(recipient.address)
    for target in route.remote:
        yield Forwarded(place, Recipient(target, notify, original))


def is_several(route: Route) -> bool:
    """An alias of more than one place; a list is one place."""
    return len(route.local) + len(route.remote) + len(route.lists) > 1


def _original(address: Address) -> OriginalRecipient:
    """RFC 6533, section 3: the type is ``utf-8`` where the address needs it."""
    return OriginalRecipient("rfc822" if address.is_ascii else "utf-8", str(address))


def _posts(place: int, route: Route, *, utf8: bool) -> Iterator[Copy]:
    for post in route.lists:
        members = [Forwarded(place, Recipient(member)) for member in post.members]
        if members:
            top = delivered_to(post.address, utf8=utf8)
            yield Copy(post.bounces, members, top, post)


def envelope_of(
    copy: Copy, envelope: Envelope, recipients: Sequence[Recipient], entry_id: str
) -> Envelope:
    """The envelope under which a copy goes on."""
    if (
        copy.is_own
        and entry_id == envelope.id
        and envelope.declared_size_octets is None
        and list(recipients) == list(envelope.recipients)
    ):
        return envelope  # as nearly always, when a message is relayed
    made = evolve(
        envelope,
        id=entry_id,
        reverse_path=copy.reverse_path,
        recipients=recipients,
        declared_size_octets=None,
    )
    if copy.post is None:
        return made
    # RFC 3461, section 5.2.7.1 (b); a list's bounces need no more than the header
    return evolve(
        made,
        envelope_id=None,
        returned=Return.HEADERS,
        deliver_by=None,
        hold_until=None,
        hold_request=None,
        account=None,
    )


def held_back(envelope: Envelope) -> Sequence[Route]:
    """Routes by which all recipients wait in the queue, to be routed later."""
    addresses = [recipient.address for recipient in envelope.recipients]
    return [Route(address, (), (address,)) for address in addresses]
