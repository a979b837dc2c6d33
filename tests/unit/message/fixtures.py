"""The messages that RFCs print, as they would be on the wire."""

from __future__ import annotations

from pathlib import Path

from mailapp.message.part import Part

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
NESTED = b"Content-Type: multipart/mixed; boundary=b2\r\n\r\n"
RFC822 = b"Content-Type: message/rfc822\r\n\r\n"

_FOLDER = Path(__file__).parent / "messages"


def message(name: str) -> bytes:
    """One of ``messages/*.eml`` with CRLF lines.

    RFC 5322, appendix A.6.3, prints a line of two spaces as ``__``.
    """
    octets = (_FOLDER / f"{name}.eml").read_bytes()
    return octets.replace(b"\n__\n", b"\n  \n").replace(b"\n", b"\r\n")


def names() -> list[str]:
    """All of them."""
    return sorted(path.stem for path in _FOLDER.glob("*.eml"))


def every(part: Part) -> list[Part]:
    """The part and all below it."""
    found, rest = [], [part]
    while rest:
        one = rest.pop()
        found.append(one)
        rest.extend(reversed(one.parts))
    return found
