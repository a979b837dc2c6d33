"""Distribution lists: who may post, what a post says of its list, and loops (pure).

The fields are those of RFC 2369 and RFC 2919. A post that comes from another list, of
which this one is a member, loses that list's fields (RFC 2369, section 4;
RFC 2919, section 7): there must be no more than one of each.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from mailapp.core.address import Address, ReversePath
from mailapp.core.status import ROUTING_LOOP, Status
from mailapp.directory.types import MailingList, Posting
from mailapp.message.fields import Header
from mailapp.message.splice import Edit, splice
from mailapp.message.words import encode_phrase
from mailapp.message.writing import build_field

_NULL_SENDER: Final = Status(7, 2, "reports go to the list's owner, not to the list")
_AUTOMATIC: Final = Status(7, 2, "automatic replies are not sent to the list")
_NO_POSTING: Final = Status(7, 2, "you may not post to this list")
_OWN_FIELDS: Final = frozenset(
    (
        b"list-id",
        b"list-help",
        b"list-subscribe",
        b"list-unsubscribe",
        b"list-unsubscribe-post",
        b"list-owner",
        b"list-post",
    )
)


def list_id(post: MailingList) -> str:
    """RFC 2919, section 3, in the name space of section 5."""
    domain = post.address.domain
    return f"{_dot_atom(post.address.local_part)}.list-id.{domain}"


def _dot_atom(local_part: str) -> str:
    """The local part as labels: what is no letter, digit or mark is escaped."""
    return quote(local_part, safe="!#$&'*+-/=?^_`{|}~.").replace("%", "=")


def fields_of(post: MailingList) -> bytes:
    """The list's fields, whole lines."""
    name = encode_phrase(post.title) if post.title else []
    owner = _mailto(post.owner)
    address = post.address
    help_link = _mailto(post.owner, f"help {address.local_part}")
    leave = _mailto(post.owner, f"unsubscribe {address.local_part}")
    posts = b"NO" if post.posting is Posting.OWNER else _mailto(address)
    return b"".join(
        (
            build_field(b"List-Id", [*name, b"<%b>" % list_id(post).encode()]),
            build_field(b"List-Help", [help_link]),
            build_field(b"List-Unsubscribe", [leave]),
            build_field(b"List-Post", [posts]),
            build_field(b"List-Owner", [owner]),
        )
    )


def _mailto(address: Address, subject: str = "") -> bytes:
    """A URL in angle brackets (RFC 6068, section 2)."""
    target = quote(str(address), safe="@!$'*+,-./:[]_~")
    query = f"?subject={quote(subject)}" if subject else ""
    return f"<mailto:{target}{query}>".encode()


def refusal(post: MailingList, sender: ReversePath) -> Status | None:
    """Why a message of this sender is no post; None: it is one."""
    if sender is None:
        return _NULL_SENDER
    allowed = {_key(post.owner)}
    match post.posting:
        case Posting.ANYONE:
            return None
        case Posting.MEMBERS:
            allowed |= {_key(member) for member in post.members}
        case Posting.OWNER:
            pass
    return None if _key(sender) in allowed else _NO_POSTING


def _key(address: Address) -> tuple[str, str]:
    return address.local_part.lower(), address.domain


def refusal_by_header(post: MailingList, header: Header) -> Status | None:
    """Why a message with this header is no post: it was one before, or is automatic.

    RFC 3834, section 2: to automatic replies the list is no person.
    """
    own = list_id(post).lower().encode()
    for field in header.all(b"list-id"):
        identifier = field.unfolded.rpartition(b"<")[2].partition(b">")[0]
        if b"".join(identifier.split()).lower() == own:
            return ROUTING_LOOP
    automatic = header.value(b"auto-submitted") or b""
    # RFC 3834, section 5: parameters and comments may follow
    if automatic.lower().startswith(b"auto-replied"):
        return _AUTOMATIC
    return None


def is_delivered_to(header: Header, address: Address) -> bool:
    """It came by this address before (RFC 9228, section 4)."""
    own = str(address).lower().encode()
    return any(f.unfolded.lower() == own for f in header.all(b"delivered-to"))


def without_list_fields(octets: bytes, header: Header) -> bytes:
    """A header section as another list's post has it, but for that list's fields."""
    return splice(
        octets,
        [
            Edit(field.start, field.end, b"")
            for field in header.fields
            if field.name.lower() in _OWN_FIELDS
        ],
    )
