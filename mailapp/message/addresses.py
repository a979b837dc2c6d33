"""Address lists of header fields (RFC 5322, section 3.4; RFC 6532; RFC 6854).

Every list gives a value; what was wrong is flagged, for the list and for each mailbox,
so that a reader can be shown what was probably meant while a decision about a sender
can insist on what is certain (threat 94).
"""

from __future__ import annotations

from enum import Flag, auto
from typing import Final

from attrs import field, frozen

from mailapp.core.address import Address, canonical_domain, read_address_literal
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem
from mailapp.message.fields import unfold
from mailapp.message.tokens import Kind, LexicalDefect, Token, tokenize
from mailapp.message.words import decode_text, encode_phrase

_TOKEN_LIMIT: Final = 16_384  # about 1,500 mailboxes; some 50 ms of work at worst


class AddressDefect(Flag):
    """What is wrong with an address list."""

    NONE = 0
    TOKENS = auto()  # an unclosed quote or comment, a control, too much
    NO_DOMAIN = auto()  # RFC 7103, section 7.1.7
    BAD_ADDRESS = auto()  # words without dots between them, dots side by side, two @
    ROUTE = auto()  # obs-route (RFC 5322, section 4.4)
    BRACKETS = auto()  # RFC 7103, sections 7.1.2 and 7.1.3
    GROUP = auto()  # a group in a group, or one that does not end
    EXTRA = auto()  # words behind an address
    EMPTY = auto()  # nothing between two commas (RFC 5322, section 4.4)
    SPACED = auto()  # white space or comments around dots (RFC 5322, section 4.4)
    BAD_NAME = auto()  # a display-name with an octet that must be quoted


_HARMLESS: Final = (
    AddressDefect.ROUTE
    | AddressDefect.SPACED
    | AddressDefect.BRACKETS
    | AddressDefect.BAD_NAME
)


@frozen
class Mailbox:
    """One address of a header.

    Attributes:
        name: display-name with quotes removed and encoded-words as they are, or the
            comment of ``a@b (Name)``, or None.
        local_part: its meaning, without quotes.
        domain: as it stands, comments and white space removed; may be empty.
        route: obs-route, as it stands, or None.
        defects: what was wrong with this one.
    """

    name: bytes | None
    local_part: bytes
    domain: bytes
    route: bytes | None = None
    defects: AddressDefect = AddressDefect.NONE

    @property
    def display_name(self) -> str:
        """The name as people read it, else an empty text."""
        return "" if self.name is None else decode_text(self.name)

    @property
    def address(self) -> Address | None:
        """The address, if it is one (RFC 5321, section 4.1.2)."""
        if self.defects & ~_HARMLESS:
            return None
        try:
            return Address(self.local_part.decode(), domain_of(self.domain))
        except (SyntaxProblem, UnicodeDecodeError):
            return None


@frozen
class Group:
    """A named list (RFC 6854 lets it be in From too); it may be empty."""

    name: bytes
    members: tuple[Mailbox, ...] = ()

    @property
    def display_name(self) -> str:
        """The name as people read it."""
        return decode_text(self.name)


@frozen
class AddressList:
    """What an address field says.

    Attributes:
        entries: in order.
        defects: of the list and of all mailboxes in it.
    """

    entries: tuple[Mailbox | Group, ...] = field(default=())
    defects: AddressDefect = AddressDefect.NONE

    @property
    def mailboxes(self) -> list[Mailbox]:
        """All of them, those in groups too."""
        found: list[Mailbox] = []
        for entry in self.entries:
            found.extend(entry.members if isinstance(entry, Group) else [entry])
        return found


def domain_of(octets: bytes) -> str:
    """The domain in A-labels, or the address literal.

    Raises:
        SyntaxProblem: it is neither.
    """
    if octets.startswith(b"["):
        cursor = Cursor(octets)
        literal = read_address_literal(cursor)
        cursor.finish()
        return literal
    try:
        return canonical_domain(octets.decode())
    except UnicodeDecodeError:
        reason = "not UTF-8"
        raise SyntaxProblem(reason) from None


def parse_addresses(value: bytes) -> AddressList:
    """An address-list, mailbox-list or single mailbox, folded or not; never raises."""
    tokens, flaws = tokenize(unfold(value), limit=_TOKEN_LIMIT)
    reader = _Reader()
    if flaws is not LexicalDefect.NONE:
        reader.defects |= AddressDefect.TOKENS
    for token in tokens:
        reader.take(token)
    reader.finish()
    return AddressList(tuple(reader.entries), reader.defects)


class _Reader:
    """Takes token by token; what it keeps is one address and one group."""

    def __init__(self) -> None:
        self.entries: list[Mailbox | Group] = []
        self.defects = AddressDefect.NONE
        self._words: list[Token] = []  # before "<", or the whole of a bare address
        self._inner: list[Token] = []  # between "<" and ">"
        self._comment: bytes | None = None
        self._in_angle = self._had_angle = self._route_ended = False
        self._flaws = AddressDefect.NONE
        self._after_comma = self._after_group = False
        self._group: bytes | None = None
        self._members: list[Mailbox] = []

    def take(self, token: Token) -> None:
        """The next token."""
        self._after_comma = False
        if token.kind is Kind.COMMENT:
            self._comment = token.octets
        elif token.kind is not Kind.SPECIAL:
            self._word(token)
        elif self._in_angle:
            self._special_in_angle(token)
        else:
            self._special(token)

    def finish(self) -> None:
        """No more tokens."""
        if self._after_comma:
            self.defects |= AddressDefect.EMPTY
        self._end_address()
        if self._group is not None:
            self.defects |= AddressDefect.GROUP
            self._end_group()

    def _word(self, token: Token) -> None:
        if self._in_angle:
            self._inner.append(token)
        elif self._had_angle:
            self._flaws |= AddressDefect.EXTRA
        else:
            self._words.append(token)

    def _special_in_angle(self, token: Token) -> None:
        match token.octets:
            case b">":
                self._in_angle = False
            case b"<":
                self._flaws |= AddressDefect.BRACKETS
            case b"," | b";" if not self._in_route():
                # RFC 7103, section 7.1.5: the comma ends the address
                self._flaws |= AddressDefect.BRACKETS
                self._in_angle = False
                self._special(token)
            case _:
                self._route_ended = self._route_ended or token.octets == b":"
                self._inner.append(token)

    def _in_route(self) -> bool:
        """A comma may still belong to ``@a,@b:``."""
        if self._route_ended:
            return False
        return not self._inner or self._inner[0].octets == b"@"

    def _special(self, token: Token) -> None:
        match token.octets:
            case b",":
                self._end_address(by_comma=True)
            case b";":
                self._end_address()
                if self._group is None:
                    self.defects |= AddressDefect.GROUP
                else:
                    self._end_group()
            case b":":
                self._begin_group()
            case b"<" if not self._had_angle:
                self._in_angle = self._had_angle = True
            case b"<" | b">":
                self._flaws |= AddressDefect.BRACKETS
            case _:
                self._word(token)

    def _begin_group(self) -> None:
        if self._group is not None or self._had_angle:
            self.defects |= AddressDefect.GROUP
            self._words.clear()
            return
        self._group = _phrase(self._words) or b""
        self._words.clear()
        self._comment = None

    def _end_group(self) -> None:
        self.entries.append(Group(self._group or b"", tuple(self._members)))
        self._group, self._members = None, []
        self._after_group = True

    def _end_address(self, *, by_comma: bool = False) -> None:
        """A comma, a semicolon or the end: make the mailbox of what is there."""
        if self._in_angle:
            self._flaws |= AddressDefect.BRACKETS
        if self._had_angle:
            if not all(map(_may_be_named, self._words)):
                self._flaws |= AddressDefect.BAD_NAME
            mailbox = _mailbox(_phrase(self._words), self._inner, self._flaws)
        elif self._words:
            mailbox = _bare(self._comment, self._words, self._flaws)
        else:
            if by_comma and not self._after_group:
                self.defects |= AddressDefect.EMPTY
            mailbox = None
        if mailbox is not None:
            if mailbox.defects is not AddressDefect.NONE:
                self.defects |= mailbox.defects
            if self._group is None:
                self.entries.append(mailbox)
            else:
                self._members.append(mailbox)
        self._after_comma, self._after_group = by_comma, False
        self._words, self._inner, self._comment = [], [], None
        self._in_angle = self._had_angle = self._route_ended = False
        self._flaws = AddressDefect.NONE


def _may_be_named(token: Token) -> bool:
    """Part of obs-phrase: a word or a dot (RFC 5322, section 4.1)."""
    return token.kind is not Kind.SPECIAL or token.octets == b"."


def _phrase(words: list[Token]) -> bytes | None:
    """A display-name; obs-phrase has dots too (RFC 5322, section 4.1)."""
    if not words:
        return None
    pieces: list[bytes] = []
    end = -1
    for word in words:
        # a dot stands where it stood: "John Q. Public", "a.b"
        if pieces and word.start > end:
            pieces.append(b" ")
        pieces.append(word.octets)
        end = word.start + len(word.octets)
        if word.kind is Kind.QUOTED:
            end += 2
    return b"".join(pieces)


def _bare(comment: bytes | None, words: list[Token], defects: AddressDefect) -> Mailbox:
    """An address without brackets; words that are none are a name without one."""
    _, flaws = _dotted(words)
    is_name = flaws is not AddressDefect.NONE or words[0].kind is Kind.QUOTED
    if is_name and all(map(_may_be_named, words)):
        return Mailbox(
            _phrase(words), b"", b"", None, defects | AddressDefect.NO_DOMAIN
        )
    return _mailbox(comment, words, defects)


def _mailbox(
    name: bytes | None, tokens: list[Token], defects: AddressDefect
) -> Mailbox:
    """addr-spec, or what stands between the angle brackets."""
    route = None
    if tokens and tokens[0].octets == b"@" and tokens[0].kind is Kind.SPECIAL:
        route, tokens = _split_route(tokens)
        defects |= AddressDefect.ROUTE
    ats = [
        place
        for place, token in enumerate(tokens)
        if token.octets == b"@" and token.kind is Kind.SPECIAL
    ]
    if not ats:
        local, _ = _dotted(tokens)
        return Mailbox(name, local, b"", route, defects | AddressDefect.NO_DOMAIN)
    local, flaws = _dotted(tokens[: ats[-1]])
    domain, domain_flaws = _dotted(tokens[ats[-1] + 1 :], literal=True)
    if len(ats) > 1:
        defects |= AddressDefect.BAD_ADDRESS
    if flaws is not AddressDefect.NONE or domain_flaws is not AddressDefect.NONE:
        defects |= flaws | domain_flaws
    return Mailbox(name, local, domain, route, defects)


def _split_route(tokens: list[Token]) -> tuple[bytes, list[Token]]:
    """``@a,@b:`` and the rest."""
    for place, token in enumerate(tokens):
        if token.octets == b":" and token.kind is Kind.SPECIAL:
            return _joined(tokens[:place]), tokens[place + 1 :]
    return _joined(tokens), []


def _joined(tokens: list[Token]) -> bytes:
    return b"".join([token.octets for token in tokens])


def _dotted(
    tokens: list[Token], *, literal: bool = False
) -> tuple[bytes, AddressDefect]:
    """``word *("." word)`` as one string.

    White space and comments around the dots are obsolete, and allowed
    (RFC 5322, section 4.4). In a domain a word is an atom, or there is one literal.
    """
    if literal and len(tokens) == 1 and tokens[0].kind is Kind.LITERAL:
        return b"[" + tokens[0].octets + b"]", AddressDefect.NONE
    allowed = {Kind.ATOM} if literal else {Kind.ATOM, Kind.QUOTED}
    defects = AddressDefect.NONE
    if len(tokens) % 2 == 0:
        defects = AddressDefect.BAD_ADDRESS
    end = tokens[0].start if tokens else 0
    for place, token in enumerate(tokens):
        if not (token.octets == b"." if place % 2 else token.kind in allowed):
            defects |= AddressDefect.BAD_ADDRESS
        if token.start != end:
            defects |= AddressDefect.SPACED
        # where a quoted-string ends is not known, as its quoted-pairs are resolved
        quoted = token.kind is Kind.QUOTED
        following = tokens[place + 1 : place + 2]
        end = token.start + len(token.octets)
        end = following[0].start if quoted and following else end
    return _joined(tokens), defects


def format_mailbox(
    address: Address, name: str = "", *, utf8: bool = False
) -> list[bytes]:
    """The words of ``name <address>`` for ``build_field``.

    Raises:
        SyntaxProblem: the name has CR, LF or NUL in it.
    """
    if any(mark in name for mark in "\r\n\0"):
        reason = "not fit for a header field"
        raise SyntaxProblem(reason)
    words = encode_phrase(name, utf8=utf8) if name else []
    return [*words, b"<" + address.encode() + b">"]
