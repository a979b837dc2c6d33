"""One header field in ASCII: the downgrading methods of RFC 6857, section 3.

Each method takes an unfolded value and gives one of pure ASCII, or None where the value
is not what the field's grammar says; then it is downgraded as unstructured text, which
always works (RFC 6857, section 3.2.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mailapp.core.address import canonical_domain, quote_local_part
from mailapp.core.failures import SyntaxProblem
from mailapp.message.addresses import AddressDefect, Group, Mailbox, parse_addresses
from mailapp.message.eai_words import (
    UNKNOWN_CHARSET,
    encode_comments,
    encoded,
    is_utf8,
    spans_of,
    unstructured,
)
from mailapp.message.parameters import (
    decode_parameters,
    encode_extended,
    encode_parameter,
    read_parameters,
)
from mailapp.message.tokens import Kind, tokenize
from mailapp.message.words import decode_text, encode_phrase

_Method = Callable[[bytes], bytes | None]

_UNREADABLE: Final = (
    AddressDefect.TOKENS
    | AddressDefect.NO_DOMAIN
    | AddressDefect.BAD_ADDRESS
    | AddressDefect.GROUP
    | AddressDefect.EXTRA
)
_CLAUSES: Final = frozenset({b"from", b"by", b"via", b"with", b"id", b"for"})
_AROUND_DOMAIN: Final = b"<>[]();,"
# RFC 6533, section 3: QCHAR
_QCHAR: Final = frozenset(range(33, 127)) - frozenset(b"\\+=")


def downgrade_field(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A field's name and unfolded value as ASCII; its name may become another.

    The value has neither CR, LF nor NUL.
    """
    kind = name.lower()
    if kind in _ENCAPSULATED:
        new = _ENCAPSULATED[kind](value)
        if new is None:
            # RFC 6857, section 3.1.10: the name as it is, the value as it was
            return b"Downgraded-" + name, unstructured(value)
        return name, new
    new = _METHODS.get(kind, unstructured)(value)
    if new is None or not new.isascii():
        new = unstructured(value)
    return name, new


def _only_comments(value: bytes) -> bytes | None:
    """Section 3.2.2, and message-ids without text of their own (section 3.2.3)."""
    new = encode_comments(value)
    return new if new is not None and new.isascii() else None


def _phrase(octets: bytes) -> bytes:
    """Section 3.1.5: a display-name."""
    if octets.isascii():
        return b" ".join(encode_phrase(decode_text(octets)))
    return encoded(octets)


# ---- addresses


def _addresses(value: bytes) -> bytes | None:
    """Section 3.2.1."""
    new = encode_comments(value)
    if new is None or new.isascii():
        return new
    addresses = parse_addresses(new)
    if addresses.defects & _UNREADABLE:
        return None
    return b", ".join([_address(entry) for entry in addresses.entries])


def _address(entry: Mailbox | Group) -> bytes:
    if isinstance(entry, Mailbox):
        return _mailbox(entry)
    members = [ascii_addr_spec(member) for member in entry.members]
    if None in members:
        # section 3.1.7: display-name " " ENCODED_WORD " :;"
        text = b", ".join([_as_it_was(member) for member in entry.members])
        return _phrase(entry.name) + b" " + encoded(text) + b" :;"
    listed = b", ".join([_mailbox(member) for member in entry.members])
    return _phrase(entry.name) + b" : " + listed + b";"


def _mailbox(mailbox: Mailbox) -> bytes:
    """Section 3.1.8: an empty group where the local part has no form in ASCII.

    An empty group is no address at all, so a reply goes to nobody rather than to
    somebody else (RFC 6858, section 2.1; RFC 6854 allows it in From).
    """
    name = b"" if mailbox.name is None else _phrase(mailbox.name) + b" "
    spec = ascii_addr_spec(mailbox)
    if spec is None:
        return name + encoded(mailbox.local_part + b"@" + mailbox.domain) + b" :;"
    return name + b"<" + spec + b">"


def ascii_addr_spec(mailbox: Mailbox) -> bytes | None:
    """addr-spec in ASCII, the domain in A-labels (section 3.1.6)."""
    domain = _a_labels(mailbox.domain)
    if domain is None or not mailbox.local_part.isascii():
        return None
    return quote_local_part(mailbox.local_part.decode()).encode() + b"@" + domain


def _a_labels(domain: bytes) -> bytes | None:
    if domain.isascii():
        return domain
    try:
        return canonical_domain(domain.decode()).encode()
    except (SyntaxProblem, UnicodeDecodeError):
        return None


def _as_it_was(mailbox: Mailbox) -> bytes:
    spec = mailbox.local_part + b"@" + mailbox.domain
    if mailbox.name is None:
        return spec
    return mailbox.name + b" <" + spec + b">"


# ---- Received


def _received(value: bytes) -> bytes | None:
    """Section 3.2.4: FOR and ID may go, domains get A-labels."""
    new = encode_comments(value)
    if new is None or new.isascii():
        return new
    kept = [_clause(keyword, text) for keyword, text in _clauses(new)]
    return b" ".join([clause for clause in kept if clause]).replace(b" ;", b";")


def _clauses(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and text of each clause; the date follows an empty keyword."""
    keyword, begin = b"", 0
    for token, start, _ in spans_of(value) or ():
        word = token.octets.lower()
        semicolon = token.kind is Kind.SPECIAL and word == b";"
        if semicolon or (token.kind is Kind.ATOM and word in _CLAUSES):
            yield keyword, value[begin:start].strip(b" \t")
            keyword, begin = b"" if semicolon else word, start
    yield keyword, value[begin:].strip(b" \t")


def _clause(keyword: bytes, text: bytes) -> bytes:
    if text.isascii():
        return text
    if keyword == b"id":
        return b""
    if keyword == b"for":
        addresses = parse_addresses(text[len(keyword) :])
        specs = [ascii_addr_spec(mailbox) for mailbox in addresses.mailboxes]
        if addresses.defects & _UNREADABLE or len(specs) != 1 or specs[0] is None:
            return b""
        return text[: len(keyword)] + b" <" + specs[0] + b">"
    return b" ".join([_domain_in(word) for word in text.split()])


def _domain_in(word: bytes) -> bytes:
    """A word with its domain in A-labels, or as an encoded-word."""
    domain = word.strip(_AROUND_DOMAIN)
    new = _a_labels(domain)
    return encoded(word) if new is None else word.replace(domain, new)


# ---- MIME, phrases, reports


def _parameters(value: bytes) -> bytes | None:
    """Section 3.2.5: parameters in the form of RFC 2231, without a language.

    A parameter that can't be read is left out (RFC 6858, section 2.2).
    """
    value = encode_comments(value, mime=True) or value
    spans = spans_of(value, mime=True)
    if spans is None:
        return None
    cuts = [
        start
        for token, start, _ in spans
        if token.kind is Kind.SPECIAL and token.octets == b";"
    ]
    head = value[: cuts[0]] if cuts else value
    if not head.isascii():
        return None
    groups = [
        value[start + 1 : end].strip(b" \t")
        for start, end in zip(cuts, [*cuts[1:], len(value)], strict=False)
    ]
    pieces = [head.strip(b" \t"), *_rewritten(groups)]
    return b"; ".join([piece for piece in pieces if piece])


def _rewritten(groups: list[bytes]) -> Iterator[bytes]:
    """Each parameter; one in segments is made anew where its first segment was."""
    read = [
        read_parameters(group, tokenize(group, mime=True)[0])[0] for group in groups
    ]
    texts = decode_parameters([parameter for found in read for parameter in found])[0]
    wanted = {
        found[0].name.partition(b"*")[0]
        for group, found in zip(groups, read, strict=True)
        if found and not group.isascii()
    }
    for group, found in zip(groups, read, strict=True):
        base = found[0].name.partition(b"*")[0] if found else b""
        if base not in wanted or not base.isascii():
            if group.isascii():
                yield group
            continue
        plain = found[0]
        if base in wanted and plain.name == base and not is_utf8(plain.value):
            yield from encode_extended(base, plain.value, UNKNOWN_CHARSET)
        elif base in texts:
            yield from encode_parameter(base, texts.pop(base))


def _keywords(value: bytes) -> bytes | None:
    """Section 3.2.7: phrases with commas between them."""
    new = encode_comments(value)
    if new is None or new.isascii():
        return new
    cuts = [
        start
        for token, start, _ in spans_of(new) or ()
        if token.kind is Kind.SPECIAL and token.octets == b","
    ]
    phrases = [
        new[start:end].strip(b" \t")
        for start, end in zip(
            [0, *(c + 1 for c in cuts)], [*cuts, len(new)], strict=True
        )
    ]
    return b", ".join([p if p.isascii() else encoded(p) for p in phrases])


def _type_addr(value: bytes) -> bytes | None:
    """Section 3.1.9: ``utf-8;`` and an address, as utf-8-addr-xtext (RFC 6533)."""
    new = encode_comments(value)
    if new is None or new.isascii():
        return new
    kind, semicolon, address = new.partition(b";")
    if not semicolon or kind.strip().lower() != b"utf-8" or not is_utf8(address):
        return None
    text = address.strip(b" \t").decode()
    return kind + b"; " + "".join([_xtext(character) for character in text]).encode()


def _xtext(character: str) -> str:
    """RFC 6533, section 3: what is no QCHAR in hexadecimal.

    A backslash is that of an EmbeddedUnicodeChar, or part of a quoted-pair; either
    way it stays, as do comments that came before.
    """
    code = ord(character)
    if code in _QCHAR or character in "\\ ":
        return character
    return f"\\x{{{code:02X}}}"


_ENCAPSULATED: Final[dict[bytes, _Method]] = {
    b"message-id": _only_comments,
    b"resent-message-id": _only_comments,
    b"in-reply-to": _only_comments,
    b"references": _only_comments,
    b"original-recipient": _type_addr,
    b"final-recipient": _type_addr,
}
_METHODS: Final[dict[bytes, _Method]] = {
    **dict.fromkeys(
        (
            b"from", b"sender", b"to", b"cc", b"bcc", b"reply-to", b"resent-from",
            b"resent-sender", b"resent-to", b"resent-cc", b"resent-bcc",
            b"resent-reply-to", b"return-path", b"disposition-notification-to",
        ),
        _addresses,
    ),
    **dict.fromkeys(
        (
            b"date", b"resent-date", b"mime-version", b"content-id",
            b"content-transfer-encoding", b"content-language", b"accept-language",
            b"auto-submitted",
        ),
        _only_comments,
    ),
    b"received": _received,
    b"content-type": _parameters,
    b"content-disposition": _parameters,
    b"keywords": _keywords,
}  # fmt: skip
