"""What one FETCH asks for, sorted by where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from mailapp.imap.grammar.values.fetch import (
    Attribute,
    Binary,
    BodySection,
    FetchItem,
    Partial,
    Preview,
)
from mailapp.imap.responses.fetch import (
    COLUMN_FORMS,
    Cells,
    FlagLists,
    Form,
    Places,
    column_cells,
    verbatim,
)
from mailapp.imap.responses.fetch_sections import Body
from mailapp.message.imap_facts import HeaderFields, Item, Kind
from mailapp.message.quoting import literal
from mailapp.message.section import SectionText

_FACTS: Final = {
    Attribute.ENVELOPE: Item.ENVELOPE,
    Attribute.BODY: Item.BODY,
    Attribute.BODYSTRUCTURE: Item.BODYSTRUCTURE,
    Attribute.THREADID: Item.THREAD_ID,
}


_AT_HAND: Final = frozenset(
    {Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ, Attribute.EMAILID}
)


@frozen
class Fact:
    """An item whose value is kept ready-made.

    Attributes:
        partial: of header fields, which are sent as a literal; None with
            ``as_literal``: all of them.
    """

    kind: Kind
    as_literal: bool = False
    partial: Partial | None = None

    def cells(self, values: Sequence[bytes]) -> Sequence[bytes]:
        """As FETCH sends them."""
        if not self.as_literal:
            return values
        if self.partial is None:
            return [literal(octets) for octets in values]
        start, end = self.partial.start, self.partial.start + self.partial.length
        return [literal(octets[start:end]) for octets in values]


Value = Attribute | Fact | Body
"""Where the value of an item comes from: columns, facts, or the octets."""


@frozen(eq=False)
class Plan:
    r"""See the module.

    Attributes:
        form: writes the rows.
        values: of each item that has one, in order.
        kinds: what is asked of the cache, each once.
        bodies: what needs octets.
        marks: \Seen is set.
    """

    form: Form
    values: tuple[Value, ...]
    kinds: tuple[Kind, ...]
    bodies: tuple[Body, ...]
    marks: bool

    @property
    def asks_files(self) -> bool:
        """More is asked than the columns of a mailbox not selected whole tell.

        Facts are found out from the messages, whatever their names tell.
        """
        told = [value for value in self.values if not isinstance(value, Fact)]
        return bool(self.bodies) or not _AT_HAND.issuperset(told)

    def metadata(
        self, flags: FlagLists, places: Places, facts: Sequence[Sequence[bytes]]
    ) -> list[Cells | None]:
        """The values that are known without the octets; None: those that are not.

        Args:
            flags: of the columns.
            places: of the messages.
            facts: for each of ``kinds`` the values of these messages.
        """
        from_columns: dict[Attribute, Callable[[Places], Cells]] = column_cells(flags)
        by_kind = dict(zip(self.kinds, facts, strict=False))
        cells: list[Cells | None] = []
        for value in self.values:
            if isinstance(value, Attribute):
                cells.append(from_columns[value](places))
            elif isinstance(value, Fact):
                cells.append(value.cells(by_kind[value.kind]))
            else:
                cells.append(None)
        return cells


def plan_of(items: Sequence[FetchItem], *, read_only: bool) -> Plan:
    """How to answer a FETCH of these items."""
    forms: list[bytes] = []
    values: list[Value] = []
    for item in dict.fromkeys(items):
        form, value = _item(item)
        forms.append(form)
        values.append(value)
    kinds = dict.fromkeys(value.kind for value in values if isinstance(value, Fact))
    bodies = [v for v in values if not isinstance(v, Attribute | Fact)]
    marks = any(
        isinstance(item, BodySection | Binary) and not item.peek for item in items
    )
    return Plan(
        Form(forms),
        tuple(values),
        tuple(kinds),
        tuple(bodies),
        marks and not read_only,
    )


def _item(item: FetchItem) -> tuple[bytes, Value]:
    """How an item is written, and where its value comes from."""
    if isinstance(item, Attribute):
        kind = _FACTS.get(item)
        if kind is not None:
            return b"%b %%b" % item.value, Fact(kind)
        return COLUMN_FORMS[item], item
    if isinstance(item, Preview):
        # RFC 8970, section 3.2: LAZY lets us say NIL; it is computed quickly, and kept
        return b"PREVIEW %b", Fact(Item.PREVIEW)
    form = verbatim(item.label) + b" %b"
    if isinstance(item, BodySection):
        section = item.section
        if section.text is SectionText.HEADER_FIELDS and not section.part:
            fields = HeaderFields(section.names)
            return form, Fact(fields, as_literal=True, partial=item.partial)
    return form, item
