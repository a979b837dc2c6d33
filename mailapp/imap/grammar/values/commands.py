"""Every command as a value. Its type is its key in the command table.

Mailbox names are decoded (modified UTF-7 or UTF-8), whole, with the separator in them;
``inbox`` in any case is ``INBOX``. Flags are as in :class:`mailapp.storage.types.Row`.
"""

from __future__ import annotations

from typing import NewType

from attrs import field, frozen

from mailapp.core.secret import Secret
from mailapp.imap.grammar.values.fetch import FetchItem
from mailapp.imap.grammar.values.listing import ListReturn, ListSelection, StatusItem
from mailapp.imap.grammar.values.search import (
    SearchKey,
    SearchReturn,
    SortCriterion,
    ThreadAlgorithm,
)
from mailapp.imap.grammar.values.sets import Messages, Ranges
from mailapp.storage.types import BlobRef, FlagMode

MailboxName = NewType("MailboxName", str)
"""Unicode, levels joined by the hierarchy separator of the server."""

# ---- in any state


@frozen
class Capability:
    """RFC 9051, section 6.1.1."""


@frozen
class Noop:
    """RFC 9051, section 6.1.2."""


@frozen
class Logout:
    """RFC 9051, section 6.1.3."""


@frozen
class Id:
    """RFC 2971, section 3.1; at most 30 pairs. No pairs: NIL."""

    pairs: tuple[tuple[bytes, bytes | None], ...] = ()


# ---- not authenticated


@frozen
class Starttls:
    """RFC 9051, section 6.2.1."""


@frozen
class Authenticate:
    """RFC 9051, section 6.2.2.

    Attributes:
        mechanism: upper case.
        initial: the initial response, after base64; None: there was none.
    """

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@frozen
class Login:
    """RFC 9051, section 6.2.3."""

    name: bytes
    password: Secret


# ---- authenticated


@frozen
class Enable:
    """RFC 9051, section 6.3.1; names in upper case, known or not."""

    capabilities: tuple[bytes, ...]


@frozen
class Qresync:
    """RFC 7162, section 3.2.5.

    Attributes:
        known_uids: None: all of them.
        match: sequence numbers and the UIDs that the client has for them, as ranges.
    """

    uid_validity: int
    modseq: int
    known_uids: Ranges | None = None
    match: tuple[Ranges, Ranges] | None = None


@frozen
class Select:
    """RFC 9051, sections 6.3.2 and 6.3.3: SELECT, and EXAMINE if read_only."""

    mailbox: MailboxName
    read_only: bool = False
    condstore: bool = False
    qresync: Qresync | None = None


@frozen
class Create:
    r"""RFC 9051, section 6.3.4; RFC 6154, section 3.

    Attributes:
        uses: ``\Sent`` and the like, as written.
    """

    mailbox: MailboxName
    uses: tuple[str, ...] = ()


@frozen
class Delete:
    """RFC 9051, section 6.3.5."""

    mailbox: MailboxName


@frozen
class Rename:
    """RFC 9051, section 6.3.6."""

    mailbox: MailboxName
    to: MailboxName


@frozen
class Subscribe:
    """RFC 9051, section 6.3.7."""

    mailbox: MailboxName


@frozen
class Unsubscribe:
    """RFC 9051, section 6.3.8."""

    mailbox: MailboxName


@frozen
class List:
    """RFC 9051, section 6.3.9.

    Attributes:
        patterns: decoded, with their ``*`` and ``%``.
        status: what RETURN (STATUS …) asks for; empty: nothing.
        extended: selection options, RETURN, or patterns in parentheses were written;
            a basic ``LIST "" ""`` alone asks for the separator.
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[ListSelection] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    status: tuple[StatusItem, ...] = ()
    extended: bool = False


@frozen
class Lsub:
    """RFC 3501, section 6.3.9."""

    reference: str
    pattern: str


@frozen
class Namespace:
    """RFC 9051, section 6.3.10."""


@frozen
class MailboxStatus:
    """RFC 9051, section 6.3.11: STATUS; each item once, in the order written."""

    mailbox: MailboxName
    items: tuple[StatusItem, ...]


@frozen
class AppendHead:
    """What comes before the octets of a message in APPEND (RFC 9051, section 6.3.12).

    Attributes:
        mailbox: None in the second and later messages of RFC 3502.
        received: seconds since the epoch; None: now.
        size_octets: of the literal.
        binary: a literal8 (RFC 3516, section 4.4): it may hold NUL.
        utf8: in ``UTF8 (…)`` (RFC 6855, section 4).
    """

    mailbox: MailboxName | None
    flags: frozenset[str]
    received: int | None
    size_octets: int
    binary: bool
    utf8: bool


@frozen
class Staged:
    """A message of APPEND whose octets are staged."""

    head: AppendHead
    blob: BlobRef


@frozen
class Append:
    """RFC 9051, section 6.3.12; several messages: RFC 3502, all or none."""

    mailbox: MailboxName
    messages: tuple[Staged, ...]


@frozen
class Idle:
    """RFC 9051, section 6.3.13."""


@frozen
class Compress:
    """RFC 4978, section 3: DEFLATE is the only mechanism."""


@frozen
class GetQuota:
    """RFC 9208, section 4.1.2."""

    root: str


@frozen
class GetQuotaRoot:
    """RFC 9208, section 4.1.3."""

    mailbox: MailboxName


@frozen
class SetQuota:
    """RFC 9208, section 4.1.1; resource names in upper case."""

    root: str
    limits: tuple[tuple[bytes, int], ...]


# ---- selected


@frozen
class Check:
    """RFC 3501, section 6.4.1."""


@frozen
class Close:
    """RFC 9051, section 6.4.1."""


@frozen
class Unselect:
    """RFC 9051, section 6.4.2."""


@frozen
class Expunge:
    """RFC 9051, sections 6.4.3 and 6.4.9.

    Attributes:
        uids: of UID EXPUNGE; None: EXPUNGE, all that are marked.
    """

    uids: Messages | None = None


@frozen
class Search:
    """RFC 9051, section 6.4.4.

    Attributes:
        returns: None: no RETURN was written, so that RFC 3501 has a SEARCH response.
            An empty ``RETURN ()`` is ALL.
        charset: upper case; None: not given. The keys are decoded already.
    """

    key: SearchKey
    returns: frozenset[SearchReturn] | None = None
    by_uid: bool = False
    charset: str | None = None


@frozen
class Sort:
    """RFC 5256, section 3; ``returns`` as for SEARCH (RFC 5267, section 3)."""

    criteria: tuple[SortCriterion, ...]
    key: SearchKey
    returns: frozenset[SearchReturn] | None = None
    by_uid: bool = False
    charset: str | None = None


@frozen
class Thread:
    """RFC 5256, section 3."""

    algorithm: ThreadAlgorithm
    key: SearchKey
    by_uid: bool = False
    charset: str | None = None


@frozen
class Fetch:
    """RFC 9051, section 6.4.5.

    Attributes:
        items: macros (ALL FAST FULL) are spelled out; no item twice.
        changed_since: RFC 7162, section 3.1.4.1.
        vanished: RFC 7162, section 3.2.6.
    """

    messages: Messages
    items: tuple[FetchItem, ...]
    by_uid: bool = False
    changed_since: int | None = None
    vanished: bool = False


@frozen
class Store:
    """RFC 9051, section 6.4.6.

    Attributes:
        silent: no FETCH response is wanted.
        unchanged_since: RFC 7162, section 3.1.3; it may be 0.
    """

    messages: Messages
    mode: FlagMode
    flags: frozenset[str]
    silent: bool = False
    by_uid: bool = False
    unchanged_since: int | None = None


@frozen
class Copy:
    """RFC 9051, section 6.4.7."""

    messages: Messages
    mailbox: MailboxName
    by_uid: bool = False


@frozen
class Move:
    """RFC 9051, section 6.4.8."""

    messages: Messages
    mailbox: MailboxName
    by_uid: bool = False


Command = (
    Capability | Noop | Logout | Id | Starttls | Authenticate | Login | Enable |
    Select | Create | Delete | Rename | Subscribe | Unsubscribe | List | Lsub |
    Namespace | MailboxStatus | Append | Idle | Compress | GetQuota | GetQuotaRoot |
    SetQuota | Check | Close | Unselect | Expunge | Search | Sort | Thread | Fetch |
    Store | Copy | Move
)  # fmt: skip
