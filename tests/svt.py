r"""Reads session vectors (SVT 1): transcripts of a dialogue, line by line.

A file holds vectors, each begun by ``@vector ID``; ``@proto``, ``@source``,
``@fixture k=v …`` (repeatable), ``@note`` and ``@xfail`` describe it. Then steps:

==============  =============================================================
``C: text``     the client sends text and CRLF
``C! text``     the client sends just these octets
``S: text``     the server sends exactly this line
``S~ regex``    a line that matches (full match, Latin-1)
``S+ CODE …``   a whole SMTP reply; ``has=A,B`` first words that must occur
``S? m n rgx``  m to n lines that match, in any order
``S# n``        exactly n octets
``S.``          a POP3 multi-line block with its final ``.``
``S_``          nothing
``SX``          the server closes
``CX``          the client closes
``TL``          the TLS handshake
``O: text``     another client, who is logged in, gives this command; it succeeds
==============  =============================================================

Operands know ``\r \n \t \0 \\ \xHH``, ``{banner}``, ``{md5:…}``, ``{b64:…}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import Factory, define, frozen

TRANSCRIPTS = Path(__file__).parent / "transcripts"
_OPERATIONS = {"C:", "C!", "S:", "S~", "S+", "S?", "S#", "S.", "S_", "SX", "CX"}
_OPERATIONS |= {"TL", "O:"}
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}


@frozen
class Step:
    """One directive.

    Attributes:
        operation: its two characters.
        operand: the rest of the line, with escapes as written.
        line: its number in the file.
    """

    operation: str
    operand: str
    line: int


@define
class Vector:
    """One dialogue."""

    id: str
    file: str
    facts: dict[str, list[str]] = Factory(dict)
    fixtures: list[dict[str, str]] = Factory(list)
    steps: list[Step] = Factory(list)

    @property
    def expected_to_fail(self) -> bool:
        """The source of the vector has a known defect."""
        return "xfail" in self.facts

    def fixture(self, key: str, default: str = "") -> str:
        """The first value of this fixture key."""
        for fixture in self.fixtures:
            if key in fixture:
                return fixture[key]
        return default


def load(name: str) -> list[Vector]:
    """All vectors of ``tests/transcripts/<name>``."""
    vectors: list[Vector] = []
    text = (TRANSCRIPTS / name).read_text(encoding="utf-8")
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("@"):
            _describe(vectors, name, line)
            continue
        operation, operand = line[:2], line[3:]
        if operation not in _OPERATIONS:
            msg = f"{name}:{number}: unknown directive {operation!r}"
            raise ValueError(msg)
        vectors[-1].steps.append(Step(operation, operand, number))
    return vectors


def _describe(vectors: list[Vector], name: str, line: str) -> None:
    key, _, value = line[1:].partition(" ")
    if key == "vector":
        vectors.append(Vector(value, name))
    elif key == "fixture":
        pairs = (pair.partition("=") for pair in value.split(" "))
        vectors[-1].fixtures.append({k: v for k, _, v in pairs})
    else:
        vectors[-1].facts.setdefault(key, []).append(value)


def unescape(text: str) -> str:
    """Resolve the escapes; the result is Latin-1 characters, one an octet."""

    def one(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] == "x" and len(escape) == len("xHH"):
            return chr(int(escape[1:], 16))
        return _ESCAPES.get(escape, escape)

    return re.sub(r"\\(x[0-9A-Fa-f]{2}|.)", one, text, flags=re.DOTALL)


def make_message(spec: str) -> bytes:
    """A 7-bit message of exactly n octets: ``n``, or ``dots:n`` with dot lines."""
    kind, _, size = spec.rpartition(":")
    count = int(size)
    body = bytearray(b"Subject: x\r\n\r\n")
    if kind == "dots":
        body += b".\r\n..\r\n.\r\n"
    longest = 1000
    while count - len(body) > longest:
        line = longest - 1 if count - len(body) == longest + 1 else longest
        body += b"a" * (line - 2) + b"\r\n"
    left = count - len(body)
    if left == 1:
        body[-2:-2] = b"a"
    elif left > 1:
        body += b"b" * (left - 2) + b"\r\n"
    if len(body) != count:
        msg = f"cannot make {count} octets"
        raise ValueError(msg)
    return bytes(body)


def messages(spec: str) -> Iterator[bytes]:
    """Messages of ``537,234`` or ``35*100`` (35 messages of 100 octets)."""
    for part in filter(None, spec.split(",")):
        times, star, size = part.partition("*")
        for _ in range(int(times) if star else 1):
            yield make_message(size if star else part)
