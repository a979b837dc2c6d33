r"""What a command function is given, and what it gives back.

A command function::

    async def fetch(context: Context, command: Fetch) -> Status:
        selected = context.selection
        for rows in …:
            context.send(b"* 1 FETCH (FLAGS (\\Seen))\r\n…")
            await context.drain()
        return ok("done")

It sends untagged responses as it goes and returns the tagged one; the session adds the
tag. What it lets out as StoreError or DeliveryFailure is answered NO with the code of
RFC 5530 that fits; any other exception is a bug, answered NO [SERVERBUG]. A mistake of
the client that the grammar can't see is returned as BAD or NO.

A client that goes away in the middle raises ``mailapp.net.steps.Gone`` where the
function waits; what must not be broken off goes through ``steps.undisturbed``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Any, Final, Protocol

from attrs import define, field, frozen

from mailapp.auth.interfaces import IExchange, IMailboxAvatar
from mailapp.core.peer import Peer
from mailapp.imap.commands.hints import Hints
from mailapp.imap.commands.service import Service
from mailapp.imap.events import Challenge, Idling
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.imap.grammar.values.sets import Ranges
from mailapp.imap.responses.status import Status
from mailapp.message.part import Part
from mailapp.storage.columns import Columns
from mailapp.storage.interfaces import IAccount, IMailbox
from mailapp.storage.types import AccountId, FolderId
from mailapp.storage.view import View

_NOBODY: Final = AccountId("")


class Extension(Enum):
    """What ENABLE, or the use of it, turns on for a session (RFC 5161, section 3.1)."""

    IMAP4REV2 = b"IMAP4rev2"
    CONDSTORE = b"CONDSTORE"
    QRESYNC = b"QRESYNC"
    UTF8_ACCEPT = b"UTF8=ACCEPT"


class Outlet(Protocol):
    """The way out to the client (:class:`mailapp.net.outlet.Outlet`)."""

    def begin(self) -> None:
        """A command begins: it has a whole slice of time."""

    def write(self, octets: bytes) -> None:
        """Keep octets until there are enough of them, or the command ends."""

    def pause(self) -> Awaitable[object] | None:
        """What to wait for before going on; None: go on.

        The client has to read first, or others need a turn. What was kept leaves.
        """

    def flush(self) -> None:
        """Let what was kept leave: no tagged response will take it along."""


class Pushing(Protocol):
    """What tells a client in IDLE of changes (``idle.Pusher``)."""

    async def stop(self) -> None:
        """DONE came; what is being told is told to its end."""

    def abandon(self) -> None:
        """The client is gone."""


@frozen
class Entrant:
    """Somebody is logged in.

    Attributes:
        logout: to be called once, at the end.
    """

    avatar: IMailboxAvatar
    logout: Callable[[], None]


@define(eq=False)
class Selected:
    """The mailbox that a session has selected.

    Attributes:
        name: as the client called it.
        view: what the client has been told.
        read_only: it was opened by EXAMINE, or can't be written.
        release: stops the hints and closes the mailbox; to be called once.
        saved: UIDs of the last result that was saved (RFC 5182, section 2.1).
        hints: what the mailbox is watched with.
        told_modseq: all changes up to this one were told (RFC 7162, section 6).
        held: the client knows that it was not told all.
        gone: without messages, if the mailbox was removed meanwhile.
        structures: of the messages that were read last in parts, by UID.
    """

    folder: FolderId
    name: MailboxName
    mailbox: IMailbox
    view: View
    read_only: bool
    release: Callable[[], None]
    saved: Ranges = ()
    hints: Hints = field(factory=Hints)
    told_modseq: int = 0
    held: bool = False
    gone: Columns | None = None
    structures: dict[int, Part] = field(factory=dict)

    async def complete(self, places: Iterable[int] | None = None) -> None:
        """Have sizes and dates of all messages of the view, or of those, known."""
        columns = self.view.columns
        uids: Iterable[int] = columns.uids
        if places is not None:
            uids = map(columns.uids.__getitem__, places)
        await self.mailbox.complete(columns, uids)


@define(eq=False)
class Context:
    """One session, as its commands see it.

    Attributes:
        peer: the client, with the TLS it has now.
        service: what all sessions of the listener share.
        outlet: the way to the client.
        account_id: whose; empty before the login.
        entered: the account's storage; None before the login. Commands use ``account``.
        selected: None: no mailbox is selected.
        enabled: what ENABLE, or the use of it, has turned on.
        tag: of the command that runs; the session sets it (RFC 9051, section 7.3.4:
            ESEARCH repeats it).
        entrant: who is logged in, and how to say that he leaves.
        exchange: of AUTHENTICATE, while the client is to respond.
        method: of the login that was tried last.
        pusher: of IDLE, while it lasts.
        compressed: COMPRESS was granted.
        closed: the client is gone.
    """

    peer: Peer
    service: Service
    outlet: Outlet
    account_id: AccountId = _NOBODY
    entered: IAccount | None = None
    selected: Selected | None = None
    enabled: set[Extension] = field(factory=set)
    tag: bytes = b""
    entrant: Entrant | None = None
    exchange: IExchange | None = None
    method: str = ""
    pusher: Pushing | None = None
    compressed: bool = False
    closed: bool = False

    @property
    def account(self) -> IAccount:
        """The account; no command that needs it is legal before the login."""
        if self.entered is None:
            msg = "nobody is logged in"
            raise AssertionError(msg)
        return self.entered

    @property
    def selection(self) -> Selected:
        """The selected mailbox; else no command that needs it is legal."""
        if self.selected is None:
            msg = "no mailbox is selected"
            raise AssertionError(msg)
        return self.selected

    @property
    def rev2(self) -> bool:
        """The client asked for IMAP4rev2."""
        return Extension.IMAP4REV2 in self.enabled

    @property
    def utf8(self) -> bool:
        """Names and quoted strings are UTF-8 (RFC 9051, section 5.1; RFC 9755)."""
        enabled = self.enabled
        return Extension.IMAP4REV2 in enabled or Extension.UTF8_ACCEPT in enabled

    def send(self, octets: bytes) -> None:
        """Send untagged responses: whole lines, with their CRLF."""
        self.outlet.write(octets)

    async def drain(self) -> None:
        """Let the client read and others have a turn, if it is time for that.

        To be awaited after every few hundred rows or 64 KiB; costs next to nothing.
        """
        pause = self.outlet.pause()
        if pause is not None:
            await pause

    def deselect(self) -> None:
        """Let go of the selected mailbox, if there is one; nothing is sent."""
        selected, self.selected = self.selected, None
        if selected is not None:
            selected.release()


Perform = Callable[[Context, Any], Awaitable[Status | Challenge | Idling]]
"""A command function; it takes the command that its row in the table names.

All give a Status, but AUTHENTICATE (Challenge) and IDLE (Idling).
"""
