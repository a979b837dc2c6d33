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

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final, Protocol

from attrs import define, field

from mailapp.core.peer import Peer
from mailapp.imap.commands.service import Service
from mailapp.imap.grammar.values.commands import MailboxName
from mailapp.imap.grammar.values.sets import Ranges
from mailapp.imap.responses.status import Status
from mailapp.storage.interfaces import IAccount
from mailapp.storage.types import AccountId, FolderId

IMailbox = Any
View = Any
_NOBODY: Final = AccountId("")


class Extension(Enum):
    """What ENABLE, or the use of it, turns on for a session (RFC 5161, section 3.1)."""

    IMAP4REV2 = b"IMAP4REV2"
    CONDSTORE = b"CONDSTORE"
    QRESYNC = b"QRESYNC"
    UTF8_ACCEPT = b"UTF8=ACCEPT"


class Outlet(Protocol):
    """The way out to the client (:class:`mailapp.net.outlet.Outlet`)."""

    def write(self, octets: bytes) -> None:
        """Keep octets until there are enough of them, or the command ends."""

    def pause(self) -> Awaitable[object] | None:
        """What to wait for before going on; None: go on.

        The client has to read first, or others need a turn. What was kept leaves.
        """


@define(eq=False)
class Selected:
    """The mailbox that a session has selected.

    Attributes:
        name: as the client called it.
        view: what the client has been told.
        read_only: it was opened by EXAMINE, or can't be written.
        saved: UIDs of the last result that was saved (RFC 5182, section 2.1).
        release: stops the hints and closes the mailbox; to be called once.
    """

    folder: FolderId
    name: MailboxName
    mailbox: IMailbox
    view: View
    read_only: bool
    release: Callable[[], None]
    saved: Ranges = ()


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
    """

    peer: Peer
    service: Service
    outlet: Outlet
    account_id: AccountId = _NOBODY
    entered: IAccount | None = None
    selected: Selected | None = None
    enabled: set[Extension] = field(factory=set)

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


Perform = Callable[[Context, Any], Awaitable[Status]]
"""A command function; it takes the command that its row in the table names."""
