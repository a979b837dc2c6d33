"""Messages of every kind that mail has, each known again by its number."""

from __future__ import annotations

import re
from random import Random
from typing import Final

from tests.interop.client_case import ALICE

EXOTIC: Final = 10  # every so many has a header in UTF-8
_NUMBER: Final = re.compile(rb"^X-Number: ([0-9]+)\r?$", re.MULTILINE)


def make_message(number: int) -> bytes:
    """Small and large, with dots, 8 bits, long lines, parts, and UTF-8 headers."""
    random = Random(number)  # noqa: S311 - no secret
    word = "Grüße" if number % EXOTIC == 0 else "words"
    head = (
        f"From: bob@example.test\r\nTo: {ALICE}\r\nSubject: {word} {number}\r\n"
        "Date: Mon, 23 Nov 2026 06:00:00 +0000\r\n"
        f"Message-ID: <{number}@example.test>\r\n"
        f"X-Number: {number}\r\nMIME-Version: 1.0\r\n"
    )
    lines = [
        random.choice([".", "..", "", "From me", "text " * 9, "x" * 900, "ümlaut 日本"])
        for _ in range(random.choice([1, 10, 100, 2000]))
    ]
    body = "\r\n".join(lines)
    if number % 3:
        head += "Content-Type: text/plain; charset=utf-8\r\n"
        head += "Content-Transfer-Encoding: 8bit\r\n"
    else:
        head += 'Content-Type: multipart/mixed; boundary="b0"\r\n'
        part = "\r\n--b0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        part += "Content-Transfer-Encoding: 8bit\r\n\r\n"
        body = part + body + part + "end\r\n--b0--"
    return f"{head}\r\n{body}\r\nthe last line of {number}\r\n".encode()


def body_of(message: bytes) -> bytes:
    """As clients agree on it: they write their own line ends."""
    return message.replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip()


def number_of(message: bytes) -> int:
    """Which one it is.

    Raises:
        LookupError: none of these.
    """
    match = _NUMBER.search(message)
    if match is None:
        raise LookupError(message[:2000])
    return int(match[1])
