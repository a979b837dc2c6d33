"""Values that cross the storage seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from enum import Enum
from typing import Final, NamedTuple, NewType, assert_never

from attrs import field, frozen

AccountId = NewType("AccountId", str)
"""``user@domain``, both canonical: what the directory calls the account."""
FolderId = NewType("FolderId", int)
"""Never reused inside an account; survives renames."""
UID = NewType("UID", int)
"""1 to 2**32-1, strictly increasing in a folder (RFC 9051, section 2.3.1.1)."""
ModSeq = NewType("ModSeq", int)
"""1 to 2**63-1, strictly increasing in an account (RFC 7162, section 3.1.1)."""
BlobRef = NewType("BlobRef", bytes)
"""Opaque; only the store that made it can read it."""

INBOX: Final = ("INBOX",)
INBOX_ID: Final = FolderId(1)
"""INBOX has the same id in every account, so nobody has to list folders to find it."""


@frozen
class Row:
    r"""One message as IMAP sees it.

    Attributes:
        flags: ``\Seen`` and the like, and keywords.
        size_octets: as transferred, every line ending in CRLF.
        received: seconds since the epoch (INTERNALDATE).
        guid: 1 to 70 octets of 0x21 to 0x7E, unique for ever in the account.
    """

    uid: UID
    modseq: ModSeq
    flags: frozenset[str]
    size_octets: int
    received: int
    guid: bytes
    blob: BlobRef


class Item(NamedTuple):
    """One message as POP sees it: no UID is given for it.

    A named tuple, as a maildrop of 10,000 messages makes 10,000 of them at each login
    and a frozen attrs class takes four times as long.

    Attributes:
        guid: 1 to 70 octets of 0x21 to 0x7E: the UIDL (RFC 1939, section 7).
        size_octets: as transferred, every line ending in CRLF.
    """

    guid: bytes
    size_octets: int
    blob: BlobRef


@frozen
class Folder:
    """A mailbox and its counters."""

    id: FolderId
    name: tuple[str, ...]
    uid_validity: int
    uid_next: UID
    highest_modseq: ModSeq
    messages: int
    unseen: int
    octets: int


class Named(NamedTuple):
    """A mailbox, without its counters."""

    id: FolderId
    name: tuple[str, ...]


@frozen
class Noted:
    r"""What an account notes about its mailboxes.

    A subscription is of a name and outlives the mailbox (RFC 9051, section 6.3.7); a
    use is of a mailbox and goes where it is renamed to.

    Attributes:
        subscribed: names, of mailboxes that are there or not.
        uses: ``\Sent`` and the like (RFC 6154), of those that were given any.
    """

    subscribed: frozenset[tuple[str, ...]] = frozenset()
    uses: Mapping[FolderId, frozenset[str]] = field(factory=dict)


@frozen
class Usage:
    """What an account holds, and may hold.

    Attributes:
        limit_octets: 0 is no limit.
        limit_messages: 0 is no limit.
    """

    messages: int
    octets: int
    limit_octets: int = 0
    limit_messages: int = 0


class Where(Enum):
    """Which text of a message is searched (RFC 9051, section 6.4.4)."""

    TEXT = "text"
    BODY = "body"
    SUBJECT = "subject"
    FROM = "from"
    TO = "to"
    CC = "cc"
    BCC = "bcc"


@frozen
class TextQuery:
    """A search for one string.

    Attributes:
        needle: casemapped (``mailapp.message.collation``).
    """

    where: Where
    needle: str


@frozen
class TextMatches:
    """What an index of texts knows of a search.

    Attributes:
        uids: of the messages that have the text, also of some that are gone.
        reached: all messages up to this UID are in the index; of the others it says
            nothing.
    """

    uids: Set[UID]
    reached: int


# ---- the changes a commit is made of


@frozen
class CreateFolder:
    """Make an empty mailbox."""

    name: tuple[str, ...]


@frozen
class RenameFolder:
    """Give a mailbox another name; its id and UIDs stay."""

    folder: FolderId
    name: tuple[str, ...]


@frozen
class DeleteFolder:
    """Remove a mailbox and its messages."""

    folder: FolderId


@frozen
class Append:
    """Put a staged message into a mailbox."""

    folder: FolderId
    blob: BlobRef
    flags: frozenset[str] = frozenset()
    received: int | None = None


class FlagMode(Enum):
    """How :class:`SetFlags` treats what is there."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"

    def change(self, there: frozenset[str], given: frozenset[str]) -> frozenset[str]:
        """The flags afterwards (RFC 9051, section 6.4.6)."""
        match self:
            case FlagMode.ADD:
                return there | given
            case FlagMode.REMOVE:
                return there - given
            case FlagMode.REPLACE:
                return given
            case _:
                assert_never(self)


@frozen
class SetFlags:
    """Change flags; rows above ``unchanged_since`` are left alone and reported."""

    folder: FolderId
    uids: Sequence[UID]
    mode: FlagMode
    flags: frozenset[str]
    unchanged_since: ModSeq | None = None


@frozen
class Copy:
    """Copy messages into another mailbox."""

    folder: FolderId
    uids: Sequence[UID]
    to: FolderId


@frozen
class Move:
    """Move messages into another mailbox; each exists at least once all the time."""

    folder: FolderId
    uids: Sequence[UID]
    to: FolderId


@frozen
class Expunge:
    """Remove messages by UID."""

    folder: FolderId
    uids: Sequence[UID]


@frozen
class Discard:
    """Remove messages by reference, as POP does; those already gone are reported."""

    folder: FolderId
    blobs: Sequence[BlobRef]


Change = (
    CreateFolder
    | RenameFolder
    | DeleteFolder
    | Append
    | SetFlags
    | Copy
    | Move
    | Expunge
    | Discard
)


@frozen
class Outcome:
    """What one change did.

    Attributes:
        uids: given out (Append, Copy, Move) or touched (SetFlags, Expunge); may be
            empty for an Append that no session has looked at yet.
        refused: above ``unchanged_since``, or already gone.
        overlong: left as they are, for there is no room for more flags (SetFlags).
        gone: references of a Discard that were already gone.
        uid_validity: of the UIDs; 0 where nobody has looked at the mailbox.
    """

    folder: FolderId | None
    modseq: ModSeq
    uids: Sequence[UID] = ()
    refused: Sequence[UID] = ()
    gone: Sequence[BlobRef] = field(default=())
    uid_validity: int = 0
    overlong: Sequence[UID] = ()


@frozen
class Destination:
    """Where a delivery goes: a mailbox of an account, made if it is not there."""

    account: AccountId
    folder: tuple[str, ...] = INBOX
    flags: frozenset[str] = frozenset()


class StoreError(Exception):
    """The store could not do it, and nothing of it is visible."""


class Unavailable(StoreError):
    """Nothing is known to have happened; the same request id may be tried again."""


class NoSpace(Unavailable):
    """The disk is full, or the host's quota is (ENOSPC, EDQUOT, EFBIG)."""


class OverQuota(StoreError):
    """The account's limit would be passed."""


class NoSuch(StoreError):
    """There is no such account, mailbox or message."""


class Exists(StoreError):
    """The name is taken."""


class BadName(StoreError):
    """No mailbox can have this name."""


class TooMany(StoreError):
    """A fixed bound of the store is reached: mailboxes, or keywords of a mailbox."""


class Fenced(StoreError):
    """The lease given as guard is no longer held."""
