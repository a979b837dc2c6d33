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
    top = return_path(envelope.reverse_path, utf8=envelope.smtputf8)
    return top + _for_whom(envelope) + hop(envelope, hostname, fields)


def stamp_again(
    envelope: Envelope, hostname: str, fields: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Return-Path and Delivered-To for a message that has the trace of this hop.

    It lay in the queue; the arguments are those of :func:`stamp`.
    """
    top = return_path(envelope.reverse_path, utf8=envelope.smtputf8)
    return top + _for_whom(envelope) + policy_fields(envelope, fields)


def hop(
    envelope: Envelope, hostname: str, fields: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Received and ``fields``: what a message that goes on has of this server.

    No Return-Path: only final delivery makes one (RFC 5321, section 4.4).
    """
    return received(envelope, hostname) + policy_fields(envelope, fields)


def _for_whom(envelope: Envelope) -> bytes:
    if len(envelope.recipients) != 1:
        return b""
    return delivered_to(envelope.recipients[0].address, utf8=envelope.smtputf8)


def policy_fields(envelope: Envelope, fields: Sequence[tuple[str, str]]) -> bytes:
    """What policy wants said, whole lines."""
    if not fields:
        return b""
    utf8 = envelope.smtputf8
    return b"".join(
        [build_text_field(name.encode(), value, utf8=utf8) for name, value in fields]
    )
