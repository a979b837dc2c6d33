"""What a server said it can do: the reply to EHLO or LHLO as a value (pure).

RFC 5321, section 4.1.1.1::

    ehlo-ok-rsp = ( "250-" Domain [ SP ehlo-greet ] CRLF
                    *( "250-" ehlo-line CRLF )
                    "250" SP ehlo-line CRLF )
    ehlo-line   = ehlo-keyword *( SP ehlo-param )

A line that breaks the syntax of its extension is an extension that is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from mailapp.smtp.answers import Answer

_Words = Sequence[str]
_MOST_DIGITS: Final = 20  # RFC 1870, section 3
_LIMIT_DIGITS: Final = 6  # RFC 9422, section 4


@frozen(kw_only=True)
class Capabilities:
    """The extensions of a server, as far as a client makes use of them.

    Attributes:
        name: what the server calls itself; it proves nothing.
        pipelining: RFC 2920.
        chunking: RFC 3030.
        eight_bit: 8BITMIME, RFC 6152.
        binary: BINARYMIME, RFC 3030; only with CHUNKING, and with 8BITMIME, whose
            BODY parameter it extends.
        smtputf8: RFC 6531; only with 8BITMIME, which section 3.1 asks for.
        dsn: RFC 3461.
        starttls: RFC 3207.
        require_tls: RFC 8689.
        size: octets of a message at most; 0: there is no fixed limit; None: SIZE was
            not announced (RFC 1870).
        deliver_by: seconds that a BY parameter must give at least; None: DELIVERBY
            was not announced (RFC 2852).
        priority: MT-PRIORITY, RFC 6710.
        mechanisms: of AUTH (RFC 4954), in upper case.
        transactions: MAILMAX of RFC 9422; 0: no limit is known.
        recipients: RCPTMAX, likewise.
        domains: RCPTDOMAINMAX, likewise.
    """

    name: str = ""
    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    binary: bool = False
    smtputf8: bool = False
    dsn: bool = False
    starttls: bool = False
    require_tls: bool = False
    size: int | None = None
    deliver_by: int | None = None
    priority: bool = False
    mechanisms: frozenset[str] = frozenset()
    transactions: int = 0
    recipients: int = 0
    domains: int = 0


NO_CAPABILITIES: Final = Capabilities()
"""Those of a server that knows only HELO."""


def read_capabilities(answer: Answer) -> Capabilities:
    """Those of a positive reply to EHLO or LHLO; unknown keywords are passed over."""
    first, *lines = (line.decode("ascii", "replace") for line in answer.lines)
    offered: dict[str, _Words] = {}
    for line in lines:
        words = line.upper().split()
        # "AUTH=PLAIN": some servers of the last century still say it so
        if words and words[0].startswith("AUTH="):
            words = ["AUTH", words[0][5:], *words[1:]]
        if words:
            known = offered.get(words[0], ())
            offered[words[0]] = [*known, *words[1:]]
    chunking, eight_bit = "CHUNKING" in offered, "8BITMIME" in offered
    limits = _limits(offered)
    return Capabilities(
        name=first.partition(" ")[0],
        pipelining="PIPELINING" in offered,
        chunking=chunking,
        eight_bit=eight_bit,
        binary=chunking and eight_bit and "BINARYMIME" in offered,
        smtputf8=eight_bit and "SMTPUTF8" in offered,
        dsn="DSN" in offered,
        starttls="STARTTLS" in offered,
        require_tls="REQUIRETLS" in offered,
        size=_number(offered.get("SIZE"), _MOST_DIGITS),
        deliver_by=_number(offered.get("DELIVERBY"), 9),
        priority="MT-PRIORITY" in offered,
        mechanisms=frozenset(offered.get("AUTH", ())),
        transactions=limits.get("MAILMAX", 0),
        recipients=limits.get("RCPTMAX", 0),
        domains=limits.get("RCPTDOMAINMAX", 0),
    )


def _number(words: _Words | None, digits: int) -> int | None:
    """The parameter of SIZE or DELIVERBY; 0 if there is none."""
    if words is None:
        return None
    word = words[0] if words else "0"
    if not (word.isascii() and word.isdigit() and len(word) <= digits):
        return None
    return int(word)


def _limits(offered: Mapping[str, _Words]) -> dict[str, int]:
    """LIMITS (RFC 9422, section 3): name=value, those we don't know passed over."""
    found: dict[str, int] = {}
    for word in offered.get("LIMITS", ()):
        name, _, value = word.partition("=")
        if value.isascii() and value.isdigit() and len(value) <= _LIMIT_DIGITS:
            found[name] = int(value)
    return found
