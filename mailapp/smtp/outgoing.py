"""One transaction as a client sends it: MAIL and RCPT with their parameters (pure).

A parameter is sent only if its extension was announced (RFC 5321, section 4.1.1.11).
Whether a message may go without one, :mod:`mailapp.relay` has decided before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from mailapp.core import abnf
from mailapp.core.address import Address, ReversePath
from mailapp.core.envelope import (
    Body,
    DeliverBy,
    Notify,
    OriginalRecipient,
    Recipient,
    Return,
)
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.grammar.xtext import encode_xtext

# RFC 3461, section 4: xchar is "!" to "~" without "+" and "="
# RFC 6533, section 3: QCHAR
_QCHAR: Final = abnf.VCHAR - frozenset(b"\\+=")
_BY_MOST: Final = 999_999_999  # RFC 2852, section 4: 1*9digit
_NOTIFY: Final = (
    (Notify.SUCCESS, "SUCCESS"),
    (Notify.FAILURE, "FAILURE"),
    (Notify.DELAY, "DELAY"),
)


@frozen(kw_only=True)
class Outgoing:
    """What is to be sent in one transaction.

    Attributes:
        reverse_path: where failures go.
        recipients: at least one, in the order of their RCPT.
        size_octets: of the content.
        content: all of it, if it is short enough to be sent along with the commands;
            tidied by :func:`mailapp.smtp.stuffing.whole_lines` unless it is binary.
            None: it is asked for, and sent in pieces.
        body: what the content is.
        smtputf8: an address or the header has octets over 127.
        require_tls: the REQUIRETLS parameter.
        envelope_id: ENVID.
        returned: RET.
        deliver_by: BY.
        priority: MT-PRIORITY.
    """

    reverse_path: ReversePath
    recipients: Sequence[Recipient]
    size_octets: int
    content: bytes | None = None
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    require_tls: bool = False
    envelope_id: str | None = None
    returned: Return | None = None
    deliver_by: DeliverBy | None = None
    priority: int = 0


def mail_command(outgoing: Outgoing, offered: Capabilities, now: float) -> bytes:
    """MAIL with its parameters.

    Args:
        outgoing: the transaction.
        offered: what the server announced.
        now: seconds since the epoch; BY counts from when MAIL is sent (RFC 2852,
            section 4.1.4).
    """
    words = [b"MAIL FROM:<%s>" % _path(outgoing.reverse_path)]
    if offered.size is not None:
        words.append(b"SIZE=%d" % outgoing.size_octets)
    if outgoing.body is not Body.SEVEN_BIT and offered.eight_bit:
        words.append(b"BODY=" + outgoing.body.value.encode())
    if outgoing.smtputf8 and offered.smtputf8:
        words.append(b"SMTPUTF8")
    if outgoing.require_tls and offered.require_tls:
        words.append(b"REQUIRETLS")
    if offered.dsn:
        if outgoing.returned is not None:
            words.append(b"RET=" + outgoing.returned.value.encode())
        if outgoing.envelope_id is not None:
            words.append(b"ENVID=" + encode_xtext(outgoing.envelope_id))
    if outgoing.deliver_by is not None and offered.deliver_by is not None:
        words.append(_by(outgoing.deliver_by, now))
    if outgoing.priority and offered.priority:
        words.append(b"MT-PRIORITY=%d" % outgoing.priority)
    return b" ".join(words) + b"\r\n"


def rcpt_command(
    recipient: Recipient, offered: Capabilities, deliver_by: DeliverBy | None = None
) -> bytes:
    """RCPT with its parameters."""
    command = b"RCPT TO:<%s>" % _path(recipient.address)
    if offered.dsn:
        notify = recipient.notify
        if deliver_by is not None and not deliver_by.returned:
            notify = _with_delay(notify, offered)
        if notify is not None:
            command += b" NOTIFY=" + _notify(notify)
        if recipient.original is not None:
            command += b" ORCPT=" + _original(recipient.original)
    return command + b"\r\n"


def _path(address: Address | None) -> bytes:
    return b"" if address is None else address.encode()


def _by(deliver_by: DeliverBy, now: float) -> bytes:
    """RFC 2852, section 4: by-time ";" by-mode [by-trace]."""
    seconds = int(deliver_by.deadline - now)
    seconds = max(1 if deliver_by.returned else -_BY_MOST, min(seconds, _BY_MOST))
    mode = b"R" if deliver_by.returned else b"N"
    return b"BY=%d;%s%s" % (seconds, mode, b"T" if deliver_by.traced else b"")


def _with_delay(notify: Notify | None, offered: Capabilities) -> Notify | None:
    """RFC 2852, section 4.1.4.2: a server without DELIVERBY is asked to tell delays."""
    if offered.deliver_by is not None or notify is Notify.NEVER:
        return notify
    return (Notify.FAILURE if notify is None else notify) | Notify.DELAY


def _notify(notify: Notify) -> bytes:
    words = [word for flag, word in _NOTIFY if flag in notify]
    return ",".join(words).encode() or b"NEVER"


def _original(original: OriginalRecipient) -> bytes:
    """ORCPT: addr-type ";" xtext, or for UTF-8 utf-8-addr-xtext, which all may send."""
    if original.kind.lower() != "utf-8":
        return original.kind.encode() + b";" + encode_xtext(original.address)
    text = "".join(
        c if ord(c) in _QCHAR else f"\\x{{{ord(c):02X}}}" for c in original.address
    )
    return b"utf-8;" + text.encode()
