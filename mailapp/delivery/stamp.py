"""The fields that final delivery puts above the content (pure).

RFC 5321, section 4.4: a Return-Path first, then the Received field of this hop. Mail
for exactly one recipient also says for whom: ``for`` in Received and a Delivered-To
(RFC 9228, section 4); with several, one recipient would learn of another
(RFC 5321, section 7.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate

from mailapp.core.envelope import Envelope


def stamp(
    envelope: Envelope, hostname: str, fields: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Delivered-To, Return-Path, Received and ``fields``, each line with its CRLF.

    Args:
        envelope: of the message.
        hostname: this server, for the ``by`` clause.
        fields: from policy: name and unfolded value.
    """
    reverse_path = envelope.reverse_path
    lines = [f"Return-Path: <{reverse_path if reverse_path is not None else ''}>"]
    only = envelope.recipients[0].address if len(envelope.recipients) == 1 else None
    if only is not None:
        lines.append(f"Delivered-To: {only}")
    lines.append(
        f"Received: from {envelope.helo} ([{envelope.peer.address}])\r\n"
        f"\tby {hostname} with {envelope.protocol} id {envelope.id}"
    )
    lines.append(f"\t; {formatdate(envelope.received_at)}")
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join(lines).encode() + b"\r\n"
