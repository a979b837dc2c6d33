"""LIST, LSUB and STATUS (RFC 9051, sections 6.3.9 and 6.3.11)."""

from __future__ import annotations

from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.mailbox import decode, mailbox, pattern
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.values.commands import List, Lsub, MailboxStatus
from mailapp.imap.grammar.values.listing import ListReturn, ListSelection, StatusItem

PATTERNS_MOST: Final = 20
_OPTIONS_MOST: Final = 10
_ITEMS: Final = {item.value: item for item in StatusItem}
_SELECTIONS: Final = {option.value.encode(): option for option in ListSelection}
_RETURNS: Final = {option.value.encode(): option for option in ListReturn}
_BASES: Final = frozenset({ListSelection.SUBSCRIBED, ListSelection.SPECIAL_USE})


def list_mailboxes(reader: Reader) -> List:
    """``list``, behind its name."""
    reader.space()
    selection: frozenset[ListSelection] = frozenset()
    extended = reader.peek() == ord("(")
    if extended:
        selection = frozenset(reader.listed(lambda: _selection(reader), _OPTIONS_MOST))
        if ListSelection.RECURSIVEMATCH in selection and not selection & _BASES:
            # RFC 5258, section 3.1
            reason = "RECURSIVEMATCH needs another option"
            raise SyntaxProblem(reason)
        reader.space()
    reference = decode(reader.astring(), utf8=reader.utf8)
    reader.space()
    patterns: tuple[str, ...]
    if reader.peek() == ord("("):
        extended = True
        patterns = tuple(reader.listed(lambda: pattern(reader), PATTERNS_MOST))
        if not patterns:
            reason = "LIST without a pattern"
            raise SyntaxProblem(reason)
    else:
        patterns = (pattern(reader),)
    returns: list[ListReturn] = []
    status: tuple[StatusItem, ...] = ()
    if reader.skip_word(b" RETURN "):
        extended = True
        for option in reader.listed(lambda: _return(reader), _OPTIONS_MOST):
            if isinstance(option, ListReturn):
                returns.append(option)
            else:
                status = option
    return List(reference, patterns, selection, frozenset(returns), status, extended)


def lsub(reader: Reader) -> Lsub:
    """RFC 3501, section 6.3.9."""
    reader.space()
    reference = decode(reader.astring(), utf8=reader.utf8)
    reader.space()
    return Lsub(reference, pattern(reader))


def status(reader: Reader) -> MailboxStatus:
    """``status``, behind its name."""
    reader.space()
    name = mailbox(reader)
    reader.space()
    return MailboxStatus(name, _status_items(reader))


def _status_items(reader: Reader) -> tuple[StatusItem, ...]:
    items = tuple(
        dict.fromkeys(reader.listed(lambda: _status_item(reader), 2 * len(StatusItem)))
    )
    if not items:
        reason = "STATUS of nothing"
        raise SyntaxProblem(reason)
    return items


def _status_item(reader: Reader) -> StatusItem:
    found = _ITEMS.get(reader.word())
    if found is None:
        reason = "STATUS has no such item"
        raise SyntaxProblem(reason)
    return found


def _selection(reader: Reader) -> ListSelection:
    found = _SELECTIONS.get(reader.word())
    if found is None:
        reason = "LIST has no such selection option"
        raise SyntaxProblem(reason)
    return found


def _return(reader: Reader) -> ListReturn | tuple[StatusItem, ...]:
    word = reader.word()
    if word == b"STATUS":  # RFC 5819, section 2
        reader.space()
        return _status_items(reader)
    found = _RETURNS.get(word)
    if found is None:
        reason = "LIST has no such return option"
        raise SyntaxProblem(reason)
    return found
