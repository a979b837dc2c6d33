"""What a connection tells its session (values): commands, content, what went wrong."""

from __future__ import annotations

from attrs import frozen

from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.reply import Reply


@frozen
class Opened:
    """The connection is there; the answer is the greeting."""


@frozen
class Misstep:
    """The peer did something wrong.

    Attributes:
        reply: what to answer.
    """

    reply: Reply


@frozen
class BodyChunk:
    """The next octets of the content. No answer is due."""

    octets: bytes


@frozen
class BodyRefused:
    """The message will be refused at its end; what is there can go.

    No answer is due.
    """


@frozen
class EndOfChunk:
    """A chunk that is not the last is complete (RFC 3030, section 2).

    A negative answer ends the transaction.

    Attributes:
        size_octets: of this chunk.
        refusal: the answer if the message must not be taken.
    """

    size_octets: int
    refusal: Reply | None = None


@frozen
class EndOfBody:
    """The end of data. The answer ends the transaction, whatever it is.

    Attributes:
        size_octets: of the content.
        header: its header section, without the empty line.
        eight_bit: it has octets above 127.
        refusal: the answer if the message must not be taken.
    """

    size_octets: int
    header: bytes = b""
    eight_bit: bool = False
    refusal: Reply | None = None


Event = Opened | Command | Misstep | BodyChunk | BodyRefused | EndOfChunk | EndOfBody
