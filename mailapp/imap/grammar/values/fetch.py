"""What FETCH may ask of a message."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from mailapp.message.section import Section


class Attribute(Enum):
    """What is asked by name alone; the value is what the response calls it."""

    BODY = b"BODY"  # the structure without extension data
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    EMAILID = b"EMAILID"  # RFC 8474, section 5.1
    ENVELOPE = b"ENVELOPE"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    MODSEQ = b"MODSEQ"  # RFC 7162, section 3.1.4.2
    RFC822_SIZE = b"RFC822.SIZE"
    SAVEDATE = b"SAVEDATE"  # RFC 8514, section 4.2
    THREADID = b"THREADID"  # RFC 8474, section 5.2
    UID = b"UID"


@frozen
class Partial:
    """RFC 9051, section 9: ``partial``: so many octets from there."""

    start: int
    length: int


@frozen
class BodySection:
    r"""``BODY[…]``, ``BODY.PEEK[…]``, and RFC822, RFC822.HEADER, RFC822.TEXT.

    Attributes:
        peek: \Seen is not set.
        label: what the response calls it, with ``<start>`` where a part was asked.
    """

    section: Section
    peek: bool
    partial: Partial | None
    label: bytes


@frozen
class Binary:
    r"""``BINARY[…]``, ``BINARY.PEEK[…]`` (RFC 9051, section 6.4.5).

    Attributes:
        peek: \Seen is not set.
        label: what the response calls it, with ``<start>`` where a part was asked.
    """

    part: tuple[int, ...]
    peek: bool
    partial: Partial | None
    label: bytes


@frozen
class BinarySize:
    """``BINARY.SIZE[…]``.

    Attributes:
        label: what the response calls it.
    """

    part: tuple[int, ...]
    label: bytes


@frozen
class Preview:
    """RFC 8970, section 3.1; lazy: only if it is at hand."""

    lazy: bool


FetchItem = Attribute | BodySection | Binary | BinarySize | Preview
