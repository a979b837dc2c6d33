"""What a policy decides, as values (pure).

The enhanced status of a refusal carries no class digit: it follows from the reply code
(RFC 2034, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import Attribute, field, frozen

from mailapp.core.status import Status


def _of_class(digit: int) -> Callable[[Any, Attribute[int], int], None]:
    def check(_instance: Any, _attribute: Attribute[int], reply_code: int) -> None:
        if reply_code // 100 != digit:
            msg = f"reply code {reply_code} is not {digit}yz"
            raise ValueError(msg)

    return check


@frozen
class Accept:
    """Nothing is held against it."""


@frozen
class Tag:
    """Accepted, and the message shall carry these header fields at its top.

    Attributes:
        fields: name and unfolded value, in the order in which they shall stand.
    """

    fields: Sequence[tuple[str, str]]


@frozen
class Reject:
    """Refused for good: the client shall not try it again like this.

    Attributes:
        status: for the reply; its text is what a person will read.
        reply_code: 5yz. After 521 the session closes (RFC 7504, section 3).
    """

    status: Status
    reply_code: int = field(default=550, validator=_of_class(5))


@frozen
class Defer:
    """Refused for now: it may be accepted later.

    Attributes:
        status: for the reply.
        reply_code: 4yz. After 421 the session closes (RFC 5321, section 3.8).
    """

    status: Status
    reply_code: int = field(default=451, validator=_of_class(4))


Refusal = Reject | Defer
Verdict = Accept | Tag | Reject | Defer

ACCEPT: Final = Accept()
