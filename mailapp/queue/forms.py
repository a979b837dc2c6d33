"""Envelopes, attempts and entries in the form of JSON, and back (pure).

What is unknown is passed over and what is missing has its default, so that a newer
version may write more and an older one still reads it. Nothing in here is checked
against damage: see :mod:`mailapp.queue.record` for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from mailapp.core.address import Address
from mailapp.core.envelope import (
    Body,
    DeliverBy,
    Envelope,
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.core.peer import TLS, Peer
from mailapp.queue.types import Attempt, Entry, Outcome

Form = dict[str, Any]
"""What ``json`` reads and writes."""

_PLAIN: Final = (
    ("account", None),
    ("envelope_id", None),
    ("hold_until", None),
    ("hold_request", None),
    ("declared_size_octets", None),
    ("smtputf8", False),
    ("require_tls", False),
    ("priority", 0),
)
"""Optional fields of an envelope that are in JSON what they are here."""
_PLAIN_NAMES: Final = frozenset(name for name, _ in _PLAIN)
_PEER: Final = ("port", "local_address", "local_port", "session", "trusted")


def envelope_form(envelope: Envelope) -> Form:
    """An envelope; TLS channel bindings are left out, they end with the connection."""
    form: Form = {
        "id": envelope.id,
        "from": _address_form(envelope.reverse_path),
        "to": [_recipient_form(recipient) for recipient in envelope.recipients],
        "peer": _peer_form(envelope.peer),
        "helo": envelope.helo,
        "protocol": envelope.protocol,
        "received_at": envelope.received_at,
    }
    for name, default in _PLAIN:
        value = getattr(envelope, name)
        if value != default:
            form[name] = value
    if envelope.body is not Body.SEVEN_BIT:
        form["body"] = envelope.body.value
    if envelope.returned is not None:
        form["returned"] = envelope.returned.value
    by = envelope.deliver_by
    if by is not None:
        form["deliver_by"] = [by.deadline, by.returned, by.traced]
    return form


def read_envelope(form: Mapping[str, Any]) -> Envelope:
    """The envelope of a form.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is none.
    """
    given: Form = {name: form[name] for name in _PLAIN_NAMES.intersection(form)}
    if "body" in form:
        given["body"] = Body(form["body"])
    if "returned" in form:
        given["returned"] = Return(form["returned"])
    if "deliver_by" in form:
        given["deliver_by"] = DeliverBy(*form["deliver_by"])
    return Envelope(
        form["id"],
        _read_address(form["from"]),
        tuple([_read_recipient(recipient) for recipient in form["to"]]),
        _read_peer(form["peer"]),
        form["helo"],
        form["protocol"],
        form["received_at"],
        **given,
    )


def attempt_form(attempt: Attempt) -> Form:
    """An attempt."""
    form: Form = {
        "outcome": attempt.outcome.value,
        "at": attempt.at,
        "status": attempt.status,
        "text": attempt.text,
    }
    if attempt.host:
        form["host"] = attempt.host
    if attempt.dsn:
        form["dsn"] = True
    if attempt.expired:
        form["expired"] = True
    if attempt.expanded:
        form["expanded"] = True
    return form


def read_attempt(form: Mapping[str, Any]) -> Attempt:
    """The attempt of a form.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return Attempt(
        Outcome(form["outcome"]),
        form["at"],
        form["status"],
        form["text"],
        host=form.get("host", ""),
        dsn=form.get("dsn", False),
        expired=form.get("expired", False),
        expanded=form.get("expanded", False),
    )


def entry_form(entry: Entry) -> Form:
    """A whole entry, as it is shown to an administrator's programs."""
    return {
        "envelope": envelope_form(entry.envelope),
        "size_octets": entry.size_octets,
        "eight_bit": entry.eight_bit,
        "queued_at": entry.queued_at,
        **state_form(entry),
    }


def state_form(entry: Entry) -> Form:
    """What changes of an entry."""
    return {
        "attempts": entry.attempts,
        "last": [a if a is None else attempt_form(a) for a in entry.last],
        "due": list(entry.due),
        "held": entry.held,
        "delay_told": entry.delay_told,
        "reported": sorted(entry.reported),
    }


def read_entry(form: Mapping[str, Any]) -> Entry:
    """The entry of a form.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is none.
    """
    return Entry(
        read_envelope(form["envelope"]),
        form["size_octets"],
        form["eight_bit"],
        form["queued_at"],
        **read_state(form),
    )


def read_state(form: Mapping[str, Any]) -> Form:
    """The fields of an entry that :func:`state_form` wrote.

    Raises:
        KeyError, TypeError, ValueError: there are none.
    """
    return {
        "attempts": int(form.get("attempts", 0)),
        "last": tuple(
            [a if a is None else read_attempt(a) for a in form.get("last", ())]
        ),
        "due": tuple(map(float, form.get("due", ()))),
        "held": bool(form.get("held", False)),
        "delay_told": bool(form.get("delay_told", False)),
        "reported": frozenset(map(int, form.get("reported", ()))),
    }


# ---- parts


@lru_cache(maxsize=1024)
def _address(local_part: str, domain: str) -> Address:
    """Checked once for all messages of a sender, or to a recipient."""
    return Address(local_part, domain)


def _address_form(address: Address | None) -> list[str] | None:
    return None if address is None else [address.local_part, address.domain]


def _read_address(form: list[str] | None) -> Address | None:
    return None if form is None else _address(*form)


def _recipient_form(recipient: Recipient) -> Form:
    address = recipient.address
    form: Form = {"address": [address.local_part, address.domain]}
    if recipient.notify is not None:
        form["notify"] = recipient.notify.value
    if recipient.original is not None:
        form["original"] = [recipient.original.kind, recipient.original.address]
    return form


def _read_recipient(form: Mapping[str, Any]) -> Recipient:
    notify = form.get("notify")
    original = form.get("original")
    return Recipient(
        _address(*form["address"]),
        notify=None if notify is None else Notify(notify),
        original=None if original is None else OriginalRecipient(*original),
    )


def _peer_form(peer: Peer) -> Form:
    form: Form = {"address": peer.address}
    for name in _PEER:
        value = getattr(peer, name)
        if value:
            form[name] = value
    tls = peer.tls
    if tls is not None:
        form["tls"] = [tls.version, tls.cipher, tls.server_name, tls.client_name]
    return form


def _read_peer(form: Mapping[str, Any]) -> Peer:
    tls = form.get("tls")
    known = {name: form[name] for name in _PEER if name in form}
    if tls is not None:
        version, cipher, server_name, client_name = tls
        known["tls"] = TLS(version, cipher, server_name, client_name=client_name)
    return Peer(form["address"], **known)
