"""Enhanced mail system status codes (RFC 3463) without the class digit.

The class (2, 4 or 5) follows from the reply code or from the kind of failure that
carries the status, so that it is never typed twice (RFC 2034, section 4).
"""

from __future__ import annotations

import re
from typing import Final

from attrs import field, frozen

_REPLY: Final = re.compile(r"[2-5][0-9][0-9](?:[ -]|\Z)")


def is_reply(text: str) -> bool:
    """Whether these are the words of a server: they begin with a reply code.

    RFC 5321, section 4.2. Our own words never begin like that.
    """
    return _REPLY.match(text) is not None


def _three_digits(_instance: object, attribute: object, value: int) -> None:
    if not 0 <= value <= 999:  # noqa: PLR2004 - RFC 3463, section 2: 1*3digit
        msg = f"{attribute}: {value} is not of one to three digits"
        raise ValueError(msg)


def _one_line(_instance: object, attribute: object, value: str) -> None:
    # isprintable() is false for controls and all line separators, true for ""
    if not value.isprintable():
        msg = f"{attribute}: not one line of printable text"
        raise ValueError(msg)


@frozen
class Status:
    """Subject and detail of RFC 3463, section 2, and a text for people.

    Attributes:
        subject: 0 to 999, for example 1 (addressing) or 3 (mail system).
        detail: 0 to 999.
        text: one line; no paths, hosts, user names or policy internals.
    """

    subject: int = field(validator=_three_digits)
    detail: int = field(validator=_three_digits)
    text: str = field(validator=_one_line)

    def enhanced(self, reply_code: int) -> str:
        """The whole code for a reply, for example ``5.1.1`` for 550."""
        return f"{reply_code // 100}.{self.subject}.{self.detail}"

    def __str__(self) -> str:
        return f"X.{self.subject}.{self.detail} {self.text}"


# The statuses that more than one package gives. RFC 3463, sections 3.2 to 3.8.
MAILBOX_UNKNOWN = Status(1, 1, "no such mailbox here")
MAILBOX_FULL = Status(2, 2, "mailbox full")
SYSTEM_TROUBLE = Status(3, 0, "local trouble, try again later")
SYSTEM_FULL = Status(3, 1, "out of space, try again later")
SHUTTING_DOWN = Status(3, 2, "going down, try again later")
MESSAGE_TOO_BIG = Status(3, 4, "message too big")
ROUTING_LOOP = Status(4, 6, "routing loop detected")
TIMED_OUT = Status(4, 2, "timeout, closing connection")
TOO_MANY_CONNECTIONS = Status(7, 0, "too many connections, try again later")
ACCOUNT_GONE = Status(7, 0, "this account may not send any more")
RELAYING_DENIED = Status(7, 1, "relaying denied")
