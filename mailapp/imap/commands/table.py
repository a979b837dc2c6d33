"""The commands, one row each. A new one is a module and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mailapp.imap.capabilities import Capability
from mailapp.imap.commands.context import Perform
from mailapp.imap.grammar.values import commands as values
from mailapp.imap.states import State

ANY: Final = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})
BEFORE: Final = frozenset({State.NOT_AUTHENTICATED})
AFTER: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
WITHIN: Final = frozenset({State.SELECTED})


@frozen
class Row:
    """What is known of a command.

    Attributes:
        kind: the type of its value.
        perform: does it.
        states: in which it is legal.
        numbers: it speaks of messages by sequence number, unless its value has
            ``by_uid``; so no EXPUNGE may be sent in it (RFC 9051, section 7.5.1).
        syncs: before its tagged response the client is told what has changed in the
            mailbox that is selected then.
        needs: without this capability the command is unknown.
    """

    kind: type[values.Command]
    perform: Perform
    states: frozenset[State] = AFTER
    numbers: bool = False
    syncs: bool = True
    needs: Capability | None = None


ROWS: Final[tuple[Row, ...]] = ()

TABLE: Final[Mapping[type[values.Command], Row]] = {row.kind: row for row in ROWS}
