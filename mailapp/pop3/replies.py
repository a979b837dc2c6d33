"""What the server says in POP3, as values (RFC 1939, section 3; RFC 2449, section 8).

Text after ``+OK`` or ``-ERR`` never begins with ``[`` unless it is a response code, as
RESP-CODES promises (RFC 2449, section 6.4).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import Final

from attrs import Attribute, field, frozen

RESPONSE_LIMIT: Final = 512  # octets of the first line; RFC 2449, section 4


class Code(Enum):
    """Response codes: RFC 2449, section 8.1 and RFC 3206, sections 4 and 5."""

    IN_USE = "IN-USE"
    LOGIN_DELAY = "LOGIN-DELAY"
    SYS_TEMP = "SYS/TEMP"
    SYS_PERM = "SYS/PERM"
    AUTH = "AUTH"


def _one_line(_instance: object, _field: Attribute[bytes], octets: bytes) -> None:
    if (
        len(octets) > RESPONSE_LIMIT
        or octets.find(b"\n") != len(octets) - 1
        or octets.find(b"\r") != len(octets) - 2
    ):
        msg = "a reply is one line of at most 512 octets"
        raise ValueError(msg)


@frozen
class Reply:
    """single-line = status [SP text] CRLF.

    Attributes:
        octets: the line as it is sent.
        positive: ``+OK``.
        closes: the connection ends with it.
    """

    octets: bytes = field(validator=_one_line)
    positive: bool
    closes: bool = False


@frozen
class Block:
    """multi-line = single-line *dot-stuffed "." CRLF, not yet stuffed.

    Attributes:
        status: the first line, with its CRLF.
        first: the first octets of the lines; all of them where ``rest`` is None.
        rest: further chunks, cut anywhere.
    """

    status: bytes
    first: bytes
    rest: AsyncIterator[bytes] | None = None


@frozen
class Continuation:
    """A server challenge (RFC 5034, section 4), before base64."""

    octets: bytes


Answer = Reply | Block | Continuation


def ok(text: str) -> Reply:
    """A positive reply."""
    return Reply(f"+OK {text}\r\n".encode("ascii"), positive=True)


def err(text: str, code: Code | None = None, *, closes: bool = False) -> Reply:
    """A negative reply."""
    prefix = f"[{code.value}] " if code else ""
    line = f"-ERR {prefix}{text}\r\n".encode("ascii")
    return Reply(line, positive=False, closes=closes)


def greeting(host_name: str, timestamp: bytes = b"") -> Reply:
    """The greeting; the timestamp is there only if APOP may be used.

    RFC 2449, section 3: no other ``<`` may stand in it.
    """
    stamp = b" " + timestamp if timestamp else b""
    line = f"+OK {host_name} POP3 server ready".encode("ascii")
    return Reply(line + stamp + b"\r\n", positive=True)


def maildrop(messages: int, octets: int) -> Reply:
    """After a login and RSET."""
    return ok(f"maildrop has {messages} messages ({octets} octets)")


# greeting and login
NAME_ACCEPTED: Final = ok("send PASS")
BEGIN_TLS: Final = ok("begin TLS negotiation")
TLS_ACTIVE: Final = err("TLS is active already")
TLS_MISSING: Final = err("TLS is not available")
TLS_INJECTION: Final = err("nothing may follow STLS before TLS", closes=True)
# RFC 3206, section 5: AUTH also is for "an attempt to authenticate in violation of
# policy"; but it SHOULD NOT be the answer to USER.
PRIVACY_FIRST_USER: Final = err("encryption is required first")
PRIVACY_FIRST: Final = err("encryption is required first", Code.AUTH)
BAD_CREDENTIALS: Final = err("invalid credentials", Code.AUTH)
THROTTLED: Final = err("too many failures, try again later", Code.LOGIN_DELAY)
AUTH_UNAVAILABLE: Final = err("login is not possible now", Code.SYS_TEMP)
NO_MECHANISM: Final = err("mechanism not available")
NO_APOP: Final = err("APOP is not available")
MALFORMED_RESPONSE: Final = err("malformed response")
CANCELLED: Final = err("authentication cancelled")
IN_USE: Final = err("the maildrop is open in another session", Code.IN_USE)
# transaction
NOOP: Final = ok("nothing done")
NO_SUCH_MESSAGE: Final = err("no such message")
ALREADY_DELETED: Final = err("that message is deleted")
VANISHED: Final = err("the message is no longer there", Code.SYS_TEMP)
NOT_REMOVED: Final = err(
    "some deleted messages not removed", Code.SYS_TEMP, closes=True
)
BYE: Final = ok("bye")
# trouble
LOG_IN_FIRST: Final = err("log in first")
NAME_FIRST: Final = err("send USER first")
LOGGED_IN: Final = err("already logged in")
LINE_TOO_LONG: Final = err("line too long")
TOO_MANY_ERRORS: Final = err("too many bad commands", closes=True)
STORE_TROUBLE: Final = err("the maildrop is not available now", Code.SYS_TEMP)
STORE_MISSING: Final = err("there is no such maildrop", Code.SYS_PERM)
LOCK_LOST: Final = err("the maildrop lock was lost", Code.SYS_TEMP, closes=True)
ACCOUNT_GONE: Final = err("the account was closed", Code.SYS_PERM, closes=True)
BUG: Final = err("internal error", Code.SYS_TEMP)
FAILED: Final = err("internal error, closing", Code.SYS_TEMP, closes=True)
GOING_DOWN: Final = err("going down, try again later", Code.SYS_TEMP, closes=True)
TOO_MANY_CONNECTIONS: Final = err(
    "too many connections, try again later", Code.SYS_TEMP, closes=True
)
