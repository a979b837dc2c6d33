"""What the server says in POP3, as values (RFC 1939, section 3; RFC 2449, section 8).

A reply is English here; :mod:`mailapp.pop3.languages.table` has it in other languages
for who asks with LANG. Text after ``+OK`` or ``-ERR`` never begins with ``[`` unless it
is a response code, as RESP-CODES promises (RFC 2449, section 6.4).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from mailapp.pop3.languages.table import ENGLISH, Language

RESPONSE_LIMIT: Final = 512  # octets of the first line; RFC 2449, section 4


class Code(Enum):
    """Response codes: RFC 2449, section 8.1; RFC 3206, sections 4 and 5; RFC 6856."""

    IN_USE = "IN-USE"
    LOGIN_DELAY = "LOGIN-DELAY"
    SYS_TEMP = "SYS/TEMP"
    SYS_PERM = "SYS/PERM"
    AUTH = "AUTH"
    UTF8 = "UTF8"  # RFC 6856, section 5


@frozen
class Reply:
    """single-line = status [SP text] CRLF.

    Attributes:
        text: for people, in English; ``{name}`` stands for one of the values.
        positive: ``+OK``.
        code: the response code.
        closes: the connection ends with it.
        facts: what stands before the text, the same in every language.
        values: numbers in the text.
        language: spoken from this reply on.
        octets: the line in English.
    """

    text: str
    positive: bool
    code: Code | None = None
    closes: bool = field(default=False, kw_only=True)
    facts: str = field(default="", kw_only=True)
    values: Mapping[str, int] = field(factory=dict, kw_only=True)
    language: Language | None = field(default=None, kw_only=True)
    octets: bytes = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check that it is one line, in English at least."""
        octets = self._line(ENGLISH)
        object.__setattr__(self, "octets", octets)
        if len(octets) > RESPONSE_LIMIT or not octets[:-2].decode().isprintable():
            msg = "a reply is one line of at most 512 octets"
            raise ValueError(msg)

    def line(self, language: Language) -> bytes:
        """The line as it is sent."""
        return self.octets if language is ENGLISH else self._line(language)

    def _line(self, language: Language) -> bytes:
        words = ["+OK" if self.positive else "-ERR"]
        if self.code is not None:
            words.append(f"[{self.code.value}]")
        if self.facts:
            words.append(self.facts)
        if self.text:
            text = language.say(self.text)
            words.append(text.format_map(self.values) if self.values else text)
        return f"{' '.join(words)}\r\n".encode()


@frozen
class Block:
    """multi-line = single-line *dot-stuffed "." CRLF, not yet stuffed.

    Attributes:
        status: the first line; positive.
        first: the first octets of the lines; all of them where ``rest`` is None.
        rest: further chunks, cut anywhere.
    """

    status: Reply
    first: bytes
    rest: AsyncIterator[bytes] | None = None


@frozen
class Continuation:
    """A server challenge (RFC 5034, section 4), before base64."""

    octets: bytes


Answer = Reply | Block | Continuation


def ok(text: str, **values: int) -> Reply:
    """A positive reply."""
    return Reply(text, positive=True, values=values)


def err(text: str, code: Code | None = None, *, closes: bool = False) -> Reply:
    """A negative reply."""
    return Reply(text, False, code, closes=closes)  # noqa: FBT003 - -ERR


def facts(text: str) -> Reply:
    """A positive reply that only programs read."""
    return Reply("", positive=True, facts=text)


def greeting(host_name: str, timestamp: bytes = b"") -> Reply:
    """The greeting; the timestamp is there only if APOP may be used.

    RFC 2449, section 3: no other ``<`` may stand in it. It is sent before anybody can
    ask for a language.
    """
    stamp = f" {timestamp.decode('ascii')}" if timestamp else ""
    return facts(f"{host_name} POP3 server ready{stamp}")


def maildrop(messages: int, octets: int) -> Reply:
    """After a login and RSET."""
    return ok(
        "maildrop has {messages} messages ({octets} octets)",
        messages=messages,
        octets=octets,
    )


def listing(messages: int, octets: int) -> Reply:
    """Before the lines of LIST and UIDL."""
    return ok("{messages} messages ({octets} octets)", messages=messages, octets=octets)


@lru_cache(maxsize=4096)
def message(octets: int) -> Reply:
    """Before a message."""
    return ok("{octets} octets", octets=octets)


def deleted(number: int) -> Reply:
    """After DELE."""
    return ok("message {number} deleted", number=number)


def speaks(language: Language) -> Reply:
    """After LANG: RFC 6856, section 3.2: the tag, a space, and text."""
    return Reply(
        "language changed", positive=True, facts=language.tag, language=language
    )


# before lines
CAPABILITIES: Final = ok("capability list follows")
MECHANISMS: Final = ok("mechanisms follow")
LANGUAGES: Final = ok("language list follows")
TOP: Final = ok("top of message follows")
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
TOO_SOON: Final = err("you were here a moment ago, try later", Code.LOGIN_DELAY)
IN_USE: Final = err("the maildrop is open in another session", Code.IN_USE)
# transaction
NOOP: Final = ok("nothing done")
NO_SUCH_MESSAGE: Final = err("no such message")
ALREADY_DELETED: Final = err("that message is deleted")
VANISHED: Final = err("the message is no longer there", Code.SYS_TEMP)
NOT_REMOVED: Final = err(
    "some deleted messages not removed", Code.SYS_TEMP, closes=True
)
NEEDS_UTF8: Final = err("the message needs UTF8 mode", Code.UTF8)
BYE: Final = ok("bye")
# modes
UTF8_ON: Final = ok("UTF8 mode is on")
NO_LANGUAGE: Final = err("no such language")
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
