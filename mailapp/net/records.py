"""What DNS says, and how it can fail to say it.

A name that is not there is not the same as a server that does not answer: mail for
the first bounces, mail for the second waits.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from attrs import field, frozen

from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import Status

_NO_SUCH_NAME: Final = Status(1, 2, "no such domain")
_NO_RECORDS: Final = Status(1, 2, "the domain has no such record")
_UNANSWERED: Final = Status(4, 3, "the name service does not answer, try again later")


class RecordType(IntEnum):
    """The record types that mail needs, by their numbers."""

    A = 1
    CNAME = 5
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    TLSA = 52


@frozen
class MX:
    """RFC 1035, section 3.3.9. An exchange of ``.`` takes no mail (RFC 7505)."""

    preference: int
    exchange: str


@frozen
class SRV:
    """RFC 2782: where a service is."""

    priority: int
    weight: int
    port: int
    target: str


@frozen
class TLSA:
    """RFC 6698, section 2.1: which certificate a server shows."""

    usage: int
    selector: int
    matching: int
    association: bytes


Record = str | bytes | MX | SRV | TLSA
"""A, AAAA: the address as text. PTR, CNAME: a name. TXT: the strings joined."""


@frozen
class Answer:
    """Records of one type; at least one.

    Attributes:
        records: in the order of the answer; each of the class its type has.
        authenticated: validated by DNSSEC, by a server that we trust to have done it.
        seconds: how long it may be remembered, counted from its arrival.
    """

    records: tuple[Any, ...]
    authenticated: bool = False
    seconds: float = field(default=60.0, eq=False)


class NotFound(PermanentFailure):
    """There is no such record, and the name servers say so.

    Attributes:
        authenticated: DNSSEC proves it.
    """

    def __init__(self, status: Status, *, authenticated: bool = False) -> None:
        super().__init__(status)
        self.authenticated = authenticated


class NoSuchName(NotFound):
    """NXDOMAIN (RFC 2308, section 2.1), or no domain name at all."""

    def __init__(self, *, authenticated: bool = False) -> None:
        super().__init__(_NO_SUCH_NAME, authenticated=authenticated)


class NoRecords(NotFound):
    """The name exists, but has no record of this type (RFC 2308, section 2.2)."""

    def __init__(self, *, authenticated: bool = False) -> None:
        super().__init__(_NO_RECORDS, authenticated=authenticated)


class Unresolved(TemporaryFailure):
    """Nobody could say."""

    def __init__(self) -> None:
        super().__init__(_UNANSWERED)


class ServerFailure(Unresolved):
    """Servers answered that they can't; SERVFAIL is also a broken DNSSEC chain."""


class NoAnswer(Unresolved):
    """No server answered in time."""


def canonical(name: str) -> str:
    """A domain name in lower case, without the dot at its end.

    Raises:
        NoSuchName: it is none: not ASCII (use A-labels), an empty label, a label over
            63 or a name over 253 octets (RFC 1035, section 2.3.4).
    """
    plain = name.lower().removesuffix(".")
    labels = plain.split(".")
    if not plain.isascii() or len(plain) > 253:  # noqa: PLR2004 - see above
        raise NoSuchName
    if not all(0 < len(label) <= 63 for label in labels):  # noqa: PLR2004 - see above
        raise NoSuchName
    return plain
