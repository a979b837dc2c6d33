"""What the server says in POP2, as values (RFC 937, pages 10 and 16).

The first character carries the meaning; the text after it is for people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import Final

from attrs import Attribute, field, frozen

from mailapp.pop2.grammar import LINE_LIMIT


def _one_line(_instance: object, _field: Attribute[bytes], octets: bytes) -> None:
    if (
        len(octets) > LINE_LIMIT
        or octets.find(b"\n") != len(octets) - 1
        or octets.find(b"\r") != len(octets) - 2
        or octets[:1] not in {b"+", b"-", b"#", b"="}
    ):
        msg = "a reply is one line of at most 512 octets that begins with +, -, # or ="
        raise ValueError(msg)


@frozen
class Reply:
    """ok, err, count, length or greet.

    Attributes:
        octets: the line as it is sent.
        closes: the connection ends with it.
    """

    octets: bytes = field(validator=_one_line)
    closes: bool = False


@frozen
class Message:
    """Counted octets of a message: no terminator, no dot-stuffing.

    Attributes:
        octets: the whole message, or its chunks, cut anywhere; they raise where the
            message breaks off.
    """

    octets: bytes | AsyncIterator[bytes]


class Silence(Enum):
    """No word, and the end of the connection."""

    CLOSE = "close"


CLOSE: Final = Silence.CLOSE
Answer = Reply | Message | Silence


def err(text: str) -> Reply:
    """err: with it the connection always ends (RFC 937, page 2)."""
    return Reply(f"- {text}\r\n".encode("ascii"), closes=True)


def greeting(host_name: str) -> Reply:
    """greet, with the host, which RFC 937 wants on page 16 and forgets on page 4.

    nmap knows a POP2 server by one word between the host and "server ready".
    """
    return Reply(f"+ POP2 {host_name} mailapp server ready\r\n".encode("ascii"))


def count(messages: int) -> Reply:
    """After HELO and FOLD: the messages of the mailbox."""
    return Reply(b"#%d message%b\r\n" % (messages, b"" if messages == 1 else b"s"))


def length(octets: int) -> Reply:
    """After READ and acknowledgments: the octets of the message, 0 if there is none."""
    if not octets:
        return Reply(b"=0 no message\r\n")
    return Reply(b"=%d characters\r\n" % octets)


BYE: Final = Reply(b"+ bye\r\n", closes=True)
# login
BAD_CREDENTIALS: Final = err("invalid credentials")
THROTTLED: Final = err("too many failures, try again later")
AUTH_UNAVAILABLE: Final = err("login is not possible now, try again later")
PRIVACY_FIRST: Final = err("encryption is required first")
IN_USE: Final = err("the mailbox is open in another session, try again later")
# mailboxes and messages
NOT_REMOVED: Final = err("some deleted messages not removed")
STORE_TROUBLE: Final = err("the mailbox is not available now, try again later")
LOCK_LOST: Final = err("the mailbox lock was lost")
NO_ROOM: Final = err("too much to convert just now, try again later")
ACCOUNT_GONE: Final = err("the account was closed")
# trouble
NOT_NOW: Final = err("this command is not allowed now")
LINE_TOO_LONG: Final = err("line too long")
BAD_LINE_END: Final = err("a line ends with CR LF")
TIMED_OUT: Final = err("timeout")
FAILED: Final = err("internal error")
GOING_DOWN: Final = err("going down, try again later")
TOO_MANY_CONNECTIONS: Final = err("too many connections, try again later")
