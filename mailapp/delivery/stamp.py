"""The fields that final delivery puts above the content (pure).

RFC 5321, section 4.4: a Return-Path first, the Received field of this hop below it.
Mail for exactly one recipient also says for whom, in a Delivered-To (RFC 9228,
section 4) and in Received; with several, one would learn of the other (RFC 9228,
section 6).
"""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.core.envelope import Envelope
from mailapp.message.trace import delivered_to, received, return_path
from mailapp.message.writing import build_text_field


def stamp(
    envelope: Envelope, hostname: str, fields: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Return-Path, Delivered-To, Received and ``fields``, whole lines.

    Args:
        envelope: of the message.
        hostname: this server, for the ``by`` clause.
        fields: from policy: name and unfolded value.

    Raises:
        SyntaxProblem: a field of policy's would break the header.
    """
    utf8 = envelope.smtputf8
    top = return_path(envelope.reverse_path, utf8=utf8)
    if len(envelope.recipients) == 1:
        top += delivered_to(envelope.recipients[0].address, utf8=utf8)
    top += received(envelope, hostname)
    for name, value in fields:
        top += build_text_field(name.encode(), value, utf8=utf8)
    return top
