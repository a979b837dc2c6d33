"""Mailboxes with letters in them, for the commands that read mail."""

from __future__ import annotations

from mailapp.storage.types import INBOX_ID, Append
from tests.unit.imap.commands.talk import House, now

DAY = 86400
BOUNDARY = "cut"


def letter(number: int, subject: str = "", body: str = "", more: str = "") -> bytes:
    """A small message."""
    return (
        f"From: Sender {number} <s{number}@example.org>\r\n"
        f"To: r{number}@example.com\r\n"
        f"Subject: {subject or f'Number {number}'}\r\n"
        f"Message-ID: <m{number}@example.org>\r\n"
        f"Date: {number % 28 + 1} Nov 2026 05:00:00 +0000\r\n"
        f"{more}\r\n"
        f"{body or f'Text {number}'}\r\n"
    ).encode()


def parted(*parts: bytes) -> bytes:
    """A multipart; each part with its header."""
    inner = b"".join(b"--cut\r\n" + part + b"\r\n" for part in parts)
    return (
        b"Subject: parted\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n"
        + inner
        + b"--cut--\r\n"
    )


def receive(house: House, octets: bytes, *flags: str, received: int = 0) -> int:
    """A message that came at that time; its UID."""

    async def append() -> int:
        sink = house.account.stage()
        await sink.write(octets)
        blob = await sink.done()
        outcome = await house.commit(Append(INBOX_ID, blob, frozenset(flags), received))
        return outcome.uids[0]

    return now(append())


def full(count: int) -> House:
    """An account with so many letters, one a day."""
    house = House()
    for number in range(1, count + 1):
        receive(house, letter(number), received=number * DAY)
    return house
