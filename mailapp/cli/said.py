"""What was said of a recipient, and by whom, in one line for people."""

from __future__ import annotations

from mailapp.core.status import is_reply


def said(status: str, text: str, host: str) -> str:
    """For example ``by mx.example.net [192.0.2.7]: 450 4.2.0 come later``.

    Args:
        status: enhanced code with its class; shown unless the text has it.
        text: a reply of the other server, or our own words.
        host: the other server: it said so (``by``), or we say so of it (``at``).
    """
    words = text if status in text.split()[:2] else f"{status} {text}".strip()
    if not host:
        return words
    return f"{'by' if is_reply(text) else 'at'} {host}: {words}"
