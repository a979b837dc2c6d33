"""What an IMAP connection and its session say to each other."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from mailapp.imap.grammar.command import Tagged
from mailapp.imap.grammar.values.commands import AppendHead
from mailapp.imap.responses.status import Status

# ---- events


@frozen
class Opened:
    """The connection was made; the answer is the greeting."""


@frozen
class LiteralAnnounced:
    """A literal that may be sent; the answer is :data:`GO_AHEAD`."""


@frozen
class MessageBegun:
    """A message of APPEND comes; the answer is ``GO_AHEAD``, or a :class:`Reply`.

    A Reply is possible only if the client waits; it ends the command.

    Attributes:
        waits: the client waits to hear that it may send the message.
    """

    tag: bytes
    head: AppendHead
    waits: bool


@frozen
class MessageOctets:
    """Octets of that message; ``last`` where it ends. There is no answer."""

    octets: bytes = field(repr=False)
    last: bool


@frozen
class MessagesEnded:
    """The end of an APPEND; the answer is its reply."""

    tag: bytes


@frozen
class Response:
    """A client response in AUTHENTICATE, after base64."""

    octets: bytes = field(repr=False)


@frozen
class Done:
    """The end of IDLE; the answer is its reply."""


@frozen
class Wrong:
    """The peer's mistake, with the answer it gets.

    It ends what is under way: APPEND, AUTHENTICATE, IDLE.

    Attributes:
        forgets: a SEARCH that should have saved its result failed: nothing is saved
            (RFC 5182, section 2.1).
    """

    reply: Status
    forgets: bool = False


Event = (
    Opened
    | LiteralAnnounced
    | MessageBegun
    | MessageOctets
    | MessagesEnded
    | Response
    | Done
    | Wrong
    | Tagged
)

# ---- answers


@frozen
class GoAhead:
    """The client may send what it announced."""


@frozen
class Challenge:
    """The server's words in AUTHENTICATE, before base64."""

    octets: bytes = field(repr=False)


@frozen
class Idling:
    """IDLE has begun."""


@frozen
class Reply:
    """The end of a command, or the greeting.

    Attributes:
        status: BYE ends the connection.
        utf8: the client has enabled what makes names and strings UTF-8.
    """

    status: Status
    utf8: bool = False


Answer = GoAhead | Challenge | Idling | Reply

GO_AHEAD: Final = GoAhead()
IDLING: Final = Idling()
