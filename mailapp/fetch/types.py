"""What is fetched from where into which mailbox, and what came of it, as values."""

from __future__ import annotations

import hashlib
from enum import Enum, unique
from pathlib import Path
from typing import Final

from attrs import field, frozen

from mailapp.core.secret import Secret

DAY_SECONDS: Final = 86_400.0


@unique
class Speech(Enum):
    """What the server speaks."""

    POP2 = "pop2"
    POP3 = "pop3"


@unique
class Protection(Enum):
    """How the connection is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@unique
class Login(Enum):
    """How to log in to POP3."""

    AUTO = "auto"
    SCRAM = "scram"
    PLAIN = "plain"
    USER = "user"
    APOP = "apop"


@frozen
class Keeping:
    """What stays on the server.

    Attributes:
        keep: messages stay; else they are deleted once they are safe here.
        days: with ``keep``, delete what was fetched so many days ago; 0: never.
    """

    keep: bool = False
    days: int = 0

    def is_over(self, fetched_at: float, now: float) -> bool:
        """A message that was fetched then is to be deleted now."""
        if not self.keep:
            return True
        return self.days > 0 and now - fetched_at >= self.days * DAY_SECONDS


@frozen
class Bounds:
    """What a server may cost.

    Attributes:
        octets: of one message; a larger one stays on the server.
        messages: that are taken in one run; 0: all.
        timeout: seconds without progress after which a server is given up.
    """

    octets: int = 35 * 2**20
    messages: int = 0
    timeout: float = 120.0


@frozen(kw_only=True)
class Source:
    """An account elsewhere.

    Attributes:
        name: of the ``[[fetch]]`` table.
        host: name or address of the server.
        user: whose mail it is, there.
        password: of that user.
        into: the account here.
        folder: a mailbox of that account; empty: INBOX.
        mailbox: POP2 only: which mailbox there; empty: the one that HELO selects.
        authority: PEM file of the authorities to trust; None: those of the system.
        verify: the server has to prove its name.
    """

    name: str
    speech: Speech
    host: str
    port: int
    user: str
    password: Secret
    into: str
    folder: str = ""
    mailbox: str = ""
    protection: Protection = Protection.IMPLICIT
    login: Login = Login.AUTO
    authority: Path | None = None
    verify: bool = True
    keeping: Keeping = field(factory=Keeping)
    bounds: Bounds = field(factory=Bounds)

    @property
    def ledger_name(self) -> str:
        """The file of its ledger, the same as long as the account there is the same.

        So a source may get another name, port, way to log in or mailbox here, and what
        was fetched is still known.
        """
        parts = (self.speech.value, self.host.lower(), self.user, self.mailbox)
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
        return f"{self.speech.value}-{digest}"


@frozen
class Report:
    """What a run did.

    Attributes:
        source: its name.
        offered: messages that the server had.
        fetched: that are in the mailbox now, and were not before.
        octets: of those.
        known: that had been fetched before.
        deleted: that the server was told to delete, and said it did.
        left: that stay unfetched: too large, refused, or beyond the bound.
        problem: why the run ended early; empty: it did not.
        lasting: trying again will not help before somebody changes something.
    """

    source: str
    offered: int = 0
    fetched: int = 0
    octets: int = 0
    known: int = 0
    deleted: int = 0
    left: int = 0
    problem: str = ""
    lasting: bool = False


class FetchProblem(Exception):
    """A run can't go on; the text says why, to a person.

    Attributes:
        lasting: as in :class:`Report`.
    """

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting
