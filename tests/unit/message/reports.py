"""Reads reports with the standard library: another pair of eyes than ours."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.message import Message
from email.policy import SMTP
from typing import cast

from attrs import frozen


@frozen
class ReadReport:
    """What a report says.

    Attributes:
        header: the fields of the report itself.
        text: the part for people.
        message: the fields of the message, names in lower case.
        recipients: those of each recipient.
        returned: the type of the third part.
        content: the third part, decoded.
    """

    header: Mapping[str, str]
    text: str
    message: Mapping[str, str]
    recipients: Sequence[Mapping[str, str]]
    returned: str
    content: bytes


def read_report(octets: bytes) -> ReadReport:
    """Read it, or fail."""
    root = message_from_bytes(octets, policy=SMTP)
    if root.get_content_type() != "multipart/report":
        raise AssertionError(root.get_content_type())
    if root.get_param("report-type") != "delivery-status" or root.defects:
        raise AssertionError(root.defects)
    parts = cast(list[Message], root.get_payload())
    people, programs, content = parts
    if people.defects or programs.defects:
        raise AssertionError(people.defects, programs.defects)
    # the parser's own copies are not octet for octet what was there
    delimiter = b"\r\n--" + str(root.get_boundary()).encode()
    _, *raw, end = octets.split(delimiter)
    if end != b"--\r\n" or len(raw) != len(parts):
        raise AssertionError(end)
    texts = [_decoded(part, octets_) for part, octets_ in zip(parts, raw, strict=True)]
    blocks = [_fields(block) for block in texts[1].split(b"\r\n\r\n")]
    return ReadReport(
        {name.lower(): str(value) for name, value in root.items()},
        texts[0].decode().replace("\r\n", "\n"),
        blocks[0],
        blocks[1:],
        content.get_content_type(),
        texts[2],
    )


def _decoded(part: Message, raw: bytes) -> bytes:
    """The octets of a part, whose header the parser has read."""
    body = raw.partition(b"\r\n\r\n")[2]
    match str(part.get("content-transfer-encoding", "7bit")):
        case "7bit":
            return body
        case "quoted-printable":
            return quopri.decodestring(body)
        case "base64":
            return base64.b64decode(body)
        case other:
            raise AssertionError(other)


def _fields(block: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in block.replace(b"\r\n ", b" ").rstrip(b"\r\n").split(b"\r\n"):
        name, colon, value = line.decode().partition(":")
        if not colon or name.lower() in fields:
            raise AssertionError(line)
        fields[name.lower()] = value.strip()
    return fields
