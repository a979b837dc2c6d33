"""The seam of the mail store: what every store can keep, a Maildir or a cluster.

No path, inode, lock or open transaction crosses it. One account is the unit of work:
what one ``commit`` does is durable when it returns and is ordered by the account's
MODSEQ. Nothing is atomic across accounts; work across accounts is several commits
made safe by ``request_id``.

What a store promises about a commit:

* it returned: everything in it is durable and visible;
* it raised: nothing of it is visible;
* the process died in it: an engine with transactions shows all or nothing; the
  Maildir shows, message by message, the old or the new state, never half a file. A
  message that is moved exists at least once, and a UID is never given twice.

The body of a message is staged first (``stage``), then given to ``commit`` as an
Append, or to ``deliver``, which is the Append to many accounts that takes no lock,
touches no index and may leave the UIDs to whoever looks at the mailbox next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from zope.interface import Attribute, Interface

from mailapp.message.imap_facts import Kind
from mailapp.storage.columns import Columns
from mailapp.storage.items import Items
from mailapp.storage.types import (
    UID,
    AccountId,
    BlobRef,
    Change,
    Destination,
    Folder,
    FolderId,
    ModSeq,
    Named,
    Noted,
    Outcome,
    Row,
    StoreError,
    TextMatches,
    TextQuery,
    Usage,
)

T = TypeVar("T")


class ILease(Interface):
    """Exclusive, expires by itself; guards commits.

    A commit guarded by it raises Fenced once it was lost, even if its holder was only
    asleep.
    """

    def renew() -> Awaitable[None]:
        """Hold it for another ttl.

        Raises:
            Fenced: it was lost meanwhile.
        """

    def release() -> Awaitable[None]:
        """Let others have it. Releasing twice, or what was lost, is no error."""


class IBlobSink(Interface):
    """Takes the body of one message. Chunks may be cut anywhere."""

    size_octets: int = Attribute("Octets written so far.")

    def write(octets: bytes) -> Awaitable[None]:
        """Take the next octets.

        Raises:
            NoSpace, Unavailable: the sink is useless now; abort it.
        """

    def done() -> Awaitable[BlobRef]:
        """No more will come; the body is durable when this returns.

        Collected later if no commit ever refers to it.

        Raises:
            NoSpace, Unavailable: nothing was kept.
        """

    def ready() -> Awaitable[BlobRef]:
        """No more will come; the body is durable when a commit with it returns.

        As ``done``, but for a body that is committed at once: what a store can put off
        until then, it does. The reference holds until the sink is aborted; do that
        after the commit, whatever became of it.

        Raises:
            NoSpace, Unavailable: nothing was kept.
        """

    def abort() -> None:
        """Forget it, also after a failure. Aborting twice is no error."""


class IMailboxes(Interface):
    """One account's mail, as POP sees it."""

    def items(folder: FolderId) -> Awaitable[Items]:
        """All messages in order of arrival, without giving UIDs: what POP shows."""

    def read(
        blob: BlobRef, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Octets as transferred (CRLF), in chunks of at most about 64 KiB.

        Raises:
            NoSuch: the message is gone.
            Unavailable: it can't be read now.
        """

    def at_hand(blob: BlobRef) -> bytes | None:
        """All octets of a small message, if nobody has to wait for them; else None.

        A shorter way to what ``read`` gives; whatever is wrong, ``read`` tells. Hot.
        """

    def commit(
        changes: Sequence[Change],
        *,
        request_id: bytes,
        guard: ILease | None = None,
    ) -> Awaitable[Sequence[Outcome]]:
        """Do all of it, durably.

        Raises:
            StoreError: nothing of it is visible.
        """

    def lease(purpose: str, owner: str, ttl_seconds: float) -> Awaitable[ILease | None]:
        """An exclusive lease; None: another holds it."""


class IMailbox(Interface):
    """One mailbox that a session has selected.

    Each session has its own; behind those of one process stand the same columns.
    """

    id: FolderId = Attribute("Of the mailbox.")

    columns: Columns = Attribute(
        "The latest that anybody in this process saw. Never waits, never looks."
    )

    def refresh() -> Awaitable[Columns]:
        """Look at the store. Costs a few microseconds if nothing has changed.

        Raises:
            NoSuch: the mailbox is gone.
            Unavailable: it can't be read now.
        """

    def watch(hint: Callable[[], None]) -> Callable[[], None]:
        """Be told when it may be time to refresh; returns how to stop.

        Hints come from changes in this process, from other processes and from foreign
        programs; several that come together are one. The columns were not refreshed,
        and of what programs do until they are there may be no other hint.
        """

    def complete(columns: Columns, uids: Iterable[int]) -> Awaitable[None]:
        """Have these messages tell their sizes and dates in columns of this mailbox.

        In a mailbox that was not selected ``whole`` they may be 0 until then: of
        messages that another program put there. Nothing else of columns ever changes.

        Raises:
            Unavailable: they can't be read now.
        """

    def facts(
        uids: Sequence[UID], kinds: Sequence[Kind]
    ) -> AsyncIterator[Sequence[tuple[UID, Sequence[bytes]]]]:
        """Ready-made octets about messages, in batches, in the order of ``uids``.

        For each message one octet string for each of ``kinds``, in their order.
        Messages that are gone are left out.

        Raises:
            Unavailable: they can't be read now.
        """

    def inspect(
        uids: Sequence[UID], look: Callable[[bytes], T], most_octets: int
    ) -> Awaitable[Sequence[tuple[UID, T | None]]]:
        """What ``look`` says of each of some messages, in the order of ``uids``.

        It is called in a thread, with all octets of one message after the other. For
        one of more than so many octets there is None, sometimes also for one that has
        not told its size yet (``complete``). Messages that are gone are left out.

        Raises:
            Unavailable: they can't be read now.
        """

    def search(query: TextQuery) -> Awaitable[TextMatches | None]:
        """UIDs of the messages that have these words, exactly as a scan finds them.

        None: an index can't tell; scan instead. So must be done with messages above the
        UID that it reaches to. UIDs of messages that are gone, or that came after the
        latest columns, may be among them.

        Who looks for text once has what texts there are indexed from then on.
        """

    def close() -> None:
        """Let go of it, and stop its hints. Closing twice is no error."""


class IMarks(Interface):
    """What one account notes about its mailboxes."""

    def read() -> Awaitable[Noted]:
        """What is noted now.

        Raises:
            Unavailable: it can't be read.
        """

    def subscribe(name: tuple[str, ...], *, on: bool) -> Awaitable[None]:
        """Note a name or forget it, durably; what is so already is no error.

        Raises:
            BadName: no mailbox can have it.
            TooMany: the account has as many as it may.
            Unavailable, NoSpace: nothing was changed.
        """

    def assign(folder: FolderId, uses: frozenset[str]) -> Awaitable[None]:
        """Give a mailbox these uses and no others, durably.

        Raises:
            Unavailable, NoSpace: nothing was changed.
        """


class IAccount(IMailboxes):
    """One account's mailboxes."""

    def mailbox(folder: FolderId, *, whole: bool = True) -> Awaitable[IMailbox]:
        """Select a mailbox, refreshed. The caller closes it.

        Args:
            folder: its id.
            whole: wait until all sizes and dates are known; see
                :meth:`IMailbox.complete`.

        Raises:
            NoSuch: there is no such mailbox.
            Unavailable: it can't be read now.
        """

    marks: IMarks = Attribute("Subscriptions and special uses.")

    def folders() -> Awaitable[Sequence[Folder]]:
        """Every mailbox, INBOX first."""

    def names() -> Awaitable[Sequence[Named]]:
        """As :meth:`folders`, without a look into the mailboxes."""

    def find(name: tuple[str, ...]) -> Awaitable[FolderId | None]:
        """The mailbox of this name; None: there is none, or can't be."""

    def rows(
        folder: FolderId,
        *,
        uids: tuple[UID, UID] | None = None,
        since: ModSeq | None = None,
    ) -> AsyncIterator[Sequence[Row]]:
        """Messages by UID, in batches. Gives UIDs to what has none.

        Raises:
            NoSuch: there is no such mailbox.
        """

    def vanished(
        folder: FolderId, since: ModSeq
    ) -> Awaitable[Sequence[tuple[UID, UID]] | None]:
        """UIDs expunged since; None: history no longer reaches back."""

    def stage(size_hint: int | None = None) -> IBlobSink:
        """A sink for a body that a commit will append."""

    def usage() -> Awaitable[Usage]:
        """What the account holds and may hold."""

    def watch(hint: Callable[[ModSeq], None]) -> Awaitable[Callable[[], None]]:
        """Be told that something changed; returns how to stop. Hints may repeat."""


class IMailStore(Interface):
    """All accounts."""

    def open(account: AccountId) -> Awaitable[IAccount]:
        """Open an account. Takes no lock.

        Raises:
            NoSuch: it was never created.
        """

    def create(account: AccountId, quota_octets: int = 0) -> Awaitable[IAccount]:
        """Make an account's INBOX; an existing one is opened and its quota set."""

    def destroy(account: AccountId) -> Awaitable[None]:
        """Remove an account's mail."""

    def stage(size_hint: int | None = None) -> IBlobSink:
        """A sink for a body that goes to ``deliver``. Not durable before that."""

    def deliver(
        sink: IBlobSink, destinations: Sequence[Destination]
    ) -> Awaitable[Sequence[StoreError | None]]:
        """Finish the sink and put its message, durably, into every destination.

        One outcome per destination, in order: None when it lies there durably, else
        why not. The sink is used up whatever happened.
        """

    def close() -> Awaitable[None]:
        """Finish what is under way and let go of everything."""
