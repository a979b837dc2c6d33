"""What the tests of the client share."""

from __future__ import annotations

from typing import Any

from mailapp.core.address import Address
from mailapp.core.connection import Signal
from mailapp.core.envelope import (
    Recipient,
)
from mailapp.smtp.client import SmtpClient
from mailapp.smtp.client_states import (
    Ready,
    Terms,
)
from mailapp.smtp.outgoing import Outgoing

ALICE = Address("alice", "us.test")
BOB = Address("bob", "them.test")
GREETING = b"220 them.test\r\n"
FINE = b"250 2.0.0 fine\r\n"


def terms(**changes: Any) -> Terms:
    """Ours."""
    values: dict[str, Any] = {"hostname": "us.test", "nonce": lambda: "abc"}
    return Terms(**{**values, **changes})


def ehlo(*extensions: str) -> bytes:
    """A reply to EHLO."""
    lines = ["them.test", *extensions]
    text = "".join(f"250-{line}\r\n" for line in lines[:-1])
    return f"{text}250 {lines[-1]}\r\n".encode()


def outgoing(*recipients: Address, **changes: Any) -> Outgoing:
    """From alice."""
    values: dict[str, Any] = {
        "reverse_path": ALICE,
        "recipients": [Recipient(address) for address in recipients or (BOB,)],
        "size_octets": 10,
    }
    return Outgoing(**{**values, **changes})


def events(client: SmtpClient) -> list[Any]:
    """All that are there."""
    found: list[Any] = []
    while not isinstance(event := client.next_event(), Signal):
        found.append(event)
    return found


def opened(*extensions: str, **changes: Any) -> SmtpClient:
    """A client whose session stands."""
    client = SmtpClient(terms(**changes))
    client.receive(GREETING)
    client.receive(ehlo(*extensions))
    client.take_output()
    if not [event for event in events(client) if isinstance(event, Ready)]:
        raise AssertionError(client.state)
    return client
