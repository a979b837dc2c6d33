"""Which capabilities are announced, and when (RFC 9051, section 7.2.2).

One row each; a row is shown when the state fits and the administrator has not turned it
off. What can't be had without it is off then, too: so nothing is announced of which a
part is missing. A command that needs a capability is unknown where that is off; what an
extension adds to other commands is only not announced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from attrs import frozen


class When(Enum):
    """In which states a capability is shown."""

    ALWAYS = auto()
    BEFORE = auto()  # the login
    AFTER = auto()


@frozen
class Capability:
    """One of them.

    Attributes:
        name: as announced.
    """

    name: str
    when: When = When.AFTER

    @property
    def switch(self) -> str:
        """How the configuration calls it: ``sort-display`` for ``SORT=DISPLAY``."""
        return self.name.lower().replace("=", "-")


# IMAP4rev1 and IMAP4rev2 are both spoken: rev1 until ENABLE IMAP4rev2 (RFC 9051,
# section 6.3.1)
IMAP4REV1: Final = Capability("IMAP4rev1", When.ALWAYS)
IMAP4REV2: Final = Capability("IMAP4rev2", When.ALWAYS)
# what is of use before the login
LITERAL_PLUS: Final = Capability("LITERAL+", When.ALWAYS)
LITERAL_MINUS: Final = Capability("LITERAL-", When.ALWAYS)
SASL_IR: Final = Capability("SASL-IR", When.BEFORE)
ENABLE: Final = Capability("ENABLE", When.ALWAYS)
ID: Final = Capability("ID", When.ALWAYS)
# what needs an account
IDLE: Final = Capability("IDLE")
NAMESPACE: Final = Capability("NAMESPACE")
COMPRESS: Final = Capability("COMPRESS=DEFLATE")
# mailboxes
UNSELECT: Final = Capability("UNSELECT")
CHILDREN: Final = Capability("CHILDREN")
LIST_EXTENDED: Final = Capability("LIST-EXTENDED")
LIST_STATUS: Final = Capability("LIST-STATUS")
SPECIAL_USE: Final = Capability("SPECIAL-USE")
CREATE_SPECIAL_USE: Final = Capability("CREATE-SPECIAL-USE")
STATUS_SIZE: Final = Capability("STATUS=SIZE")
QUOTA: Final = Capability("QUOTA")
QUOTA_STORAGE: Final = Capability("QUOTA=RES-STORAGE")
QUOTA_MESSAGE: Final = Capability("QUOTA=RES-MESSAGE")
# messages
UIDPLUS: Final = Capability("UIDPLUS")
MULTIAPPEND: Final = Capability("MULTIAPPEND")
APPENDLIMIT: Final = Capability("APPENDLIMIT")
MOVE: Final = Capability("MOVE")
CONDSTORE: Final = Capability("CONDSTORE")
QRESYNC: Final = Capability("QRESYNC")
UTF8_ACCEPT: Final = Capability("UTF8=ACCEPT")
BINARY: Final = Capability("BINARY")
PREVIEW: Final = Capability("PREVIEW")
OBJECTID: Final = Capability("OBJECTID")
SAVEDATE: Final = Capability("SAVEDATE")
# what is found
ESEARCH: Final = Capability("ESEARCH")
SEARCHRES: Final = Capability("SEARCHRES")
SORT: Final = Capability("SORT")
SORT_DISPLAY: Final = Capability("SORT=DISPLAY")
ESORT: Final = Capability("ESORT")
THREAD_SUBJECT: Final = Capability("THREAD=ORDEREDSUBJECT")
THREAD_REFERENCES: Final = Capability("THREAD=REFERENCES")

CAPABILITIES: Final = (
    IMAP4REV1,
    IMAP4REV2,
    LITERAL_PLUS,
    LITERAL_MINUS,
    SASL_IR,
    ENABLE,
    ID,
    IDLE,
    NAMESPACE,
    COMPRESS,
    UNSELECT,
    CHILDREN,
    LIST_EXTENDED,
    LIST_STATUS,
    SPECIAL_USE,
    CREATE_SPECIAL_USE,
    STATUS_SIZE,
    QUOTA,
    QUOTA_STORAGE,
    QUOTA_MESSAGE,
    UIDPLUS,
    MULTIAPPEND,
    APPENDLIMIT,
    MOVE,
    CONDSTORE,
    QRESYNC,
    UTF8_ACCEPT,
    BINARY,
    PREVIEW,
    OBJECTID,
    SAVEDATE,
    ESEARCH,
    SEARCHRES,
    SORT,
    SORT_DISPLAY,
    ESORT,
    THREAD_SUBJECT,
    THREAD_REFERENCES,
)
"""All that works, in the order in which it is announced; a new one is a row here."""

# RFC 9051, appendix E
_IN_REV2: Final = (
    SASL_IR,
    ENABLE,
    IDLE,
    NAMESPACE,
    UNSELECT,
    LIST_EXTENDED,
    LIST_STATUS,
    SPECIAL_USE,
    STATUS_SIZE,
    UIDPLUS,
    MOVE,
    BINARY,
    ESEARCH,
    SEARCHRES,
)
_NEEDED: Final[Mapping[Capability, Sequence[Capability]]] = {
    LIST_STATUS: [LIST_EXTENDED],  # RFC 5819, section 2
    CREATE_SPECIAL_USE: [SPECIAL_USE],
    QUOTA_STORAGE: [QUOTA],
    QUOTA_MESSAGE: [QUOTA],
    QRESYNC: [CONDSTORE, ENABLE],  # RFC 7162, section 3.2
    UTF8_ACCEPT: [ENABLE],  # RFC 6855, section 3
    SEARCHRES: [ESEARCH],  # RFC 5182, section 2.1
    SORT_DISPLAY: [SORT],
    ESORT: [SORT],
    IMAP4REV2: _IN_REV2,
}
"""What has to be on for each."""
SWITCHES: Final = tuple(c.switch for c in CAPABILITIES if c is not IMAP4REV1)
"""What the configuration may turn off."""


@frozen
class Offer:
    """What one listener announces.

    Attributes:
        on: those that the administrator has not turned off.
        append_octets: the largest message; 0: not announced.
    """

    on: frozenset[Capability] = frozenset(CAPABILITIES)
    append_octets: int = 0

    def has(self, capability: Capability) -> bool:
        """May clients use it?"""
        return capability in self.on

    def has_name(self, name: bytes) -> bool:
        """May clients ENABLE what has this name, in any case?"""
        wanted = name.upper()
        return any(capability.name.upper().encode() == wanted for capability in self.on)

    def before_login(
        self, mechanisms: Sequence[str], *, password: bool, starttls: bool
    ) -> bytes:
        """``CAPABILITY`` and the names, for a client that nobody knows yet.

        Args:
            mechanisms: for AUTHENTICATE, best first.
            password: LOGIN is allowed.
            starttls: STARTTLS is.
        """
        names = self._names(When.BEFORE)
        if starttls:
            names.append("STARTTLS")
        names += [f"AUTH={name}" for name in mechanisms]
        if not password:
            # RFC 9051, section 6.2.3
            names.append("LOGINDISABLED")
        return _line(names)

    def after_login(self, *, tls: bool) -> bytes:
        """``CAPABILITY`` and the names, for a client that is logged in.

        Args:
            tls: the connection is encrypted; COMPRESS is only then to be had.
        """
        names = self._names(When.AFTER)
        return _line(names if tls else [n for n in names if n != COMPRESS.name])

    def _names(self, when: When) -> list[str]:
        shown = {when, When.ALWAYS}
        return [
            self._name(capability)
            for capability in CAPABILITIES
            if capability.when in shown
            and capability in self.on
            # RFC 7888, section 5: LITERAL+ says all that LITERAL- does
            and not (capability is LITERAL_MINUS and LITERAL_PLUS in self.on)
            and not (capability is APPENDLIMIT and not self.append_octets)
        ]

    def _name(self, capability: Capability) -> str:
        if capability is APPENDLIMIT:
            return f"{capability.name}={self.append_octets}"  # RFC 7889, section 3
        return capability.name


def _line(names: Sequence[str]) -> bytes:
    return " ".join(["CAPABILITY", *names]).encode("ascii")


def offered(off: Sequence[str], append_octets: int = 0) -> Offer:
    """What is left when these switches are off, and what needs them.

    Raises:
        KeyError: there is no such switch.
    """
    by_switch = {c.switch: c for c in CAPABILITIES if c.switch in SWITCHES}
    on = set(CAPABILITIES) - {by_switch[switch] for switch in off}
    before = 0
    while before != len(on):
        before = len(on)
        on -= {c for c, needed in _NEEDED.items() if not on.issuperset(needed)}
    if on.isdisjoint({LITERAL_PLUS, LITERAL_MINUS}):
        on.discard(IMAP4REV2)
    return Offer(frozenset(on), append_octets)
