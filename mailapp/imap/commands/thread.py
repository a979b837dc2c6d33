"""THREAD and UID THREAD (RFC 5256, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from mailapp.imap.capabilities import THREAD_REFERENCES, THREAD_SUBJECT
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.messages import NO_SUCH_NUMBER
from mailapp.imap.commands.search import select
from mailapp.imap.commands.search_columns import NoSuchNumber
from mailapp.imap.commands.search_looks import facts
from mailapp.imap.grammar.values.commands import Thread
from mailapp.imap.grammar.values.search import ThreadAlgorithm
from mailapp.imap.responses.status import Status, bad, ok
from mailapp.message.imap_facts import Item
from mailapp.message.linking import Node
from mailapp.message.sorting import SortKeys
from mailapp.message.threads import (
    Row,
    Steps,
    ordered_subject,
    references,
    run,
    written,
)

_DONE: Final = ok("threaded")
_NO_ALGORITHM: Final = bad("no such algorithm")
_NEEDED: Final = {
    ThreadAlgorithm.ORDEREDSUBJECT: THREAD_SUBJECT,
    ThreadAlgorithm.REFERENCES: THREAD_REFERENCES,
}
_THREADS_AT_ONCE: Final = 500
_FORGOTTEN_AT_ONCE: Final = 1000


async def thread(context: Context, command: Thread) -> Status:
    """Find messages, and tell who answers whom."""
    if not context.service.offer.has(_NEEDED[command.algorithm]):
        return _NO_ALGORITHM
    try:
        bits = await select(context, command.key)
    except NoSuchNumber:
        return NO_SUCH_NUMBER
    await context.selection.complete()
    rows = await _rows(context, bits, by_uid=command.by_uid)
    # all of a mailbox can be one thread
    in_thread = context.service.in_thread
    threads: list[Node] = await in_thread(_threads, command.algorithm, rows)
    context.send(b"* THREAD" + (b" " if threads else b""))
    for at in range(0, len(threads), _THREADS_AT_ONCE):
        some = threads[at : at + _THREADS_AT_ONCE]
        octets: bytes = await in_thread(written, some)
        context.send(octets.lstrip(b" "))
        await context.drain()
    context.send(b"\r\n")
    await in_thread(_forget, threads)
    return _DONE


def _threads(algorithm: ThreadAlgorithm, rows: list[Row]) -> list[Node]:
    """Who answers whom; the rows are used up."""
    found = run(_grouped(algorithm, rows))
    _forget(rows)
    return found


def _forget(items: list[Row] | list[Node]) -> None:
    """Free many objects, with room for other threads between them."""
    while items:
        del items[-_FORGOTTEN_AT_ONCE:]


async def _rows(context: Context, bits: int, *, by_uid: bool) -> list[Row]:
    """The messages, by rising numbers."""
    view = context.selection.view
    columns = view.columns
    rows: list[Row] = []
    async for place, [octets] in facts(context, bits, [Item.SORT_KEYS]):
        keys = SortKeys.decode(octets)
        uid = columns.uids[place]
        number = uid if by_uid else place + 1 if view.aligned else view.sequence(uid)
        rows.append(
            Row(
                number or 0,
                columns.received[place] if keys.sent is None else keys.sent,
                keys.subject,
                keys.is_reply,
                keys.message_id,
                keys.references,
            )
        )
    return rows


def _grouped(algorithm: ThreadAlgorithm, rows: Sequence[Row]) -> Steps[list[Node]]:
    match algorithm:
        case ThreadAlgorithm.ORDEREDSUBJECT:
            return ordered_subject(rows)
        case ThreadAlgorithm.REFERENCES:
            return references(rows)
        case _:
            assert_never(algorithm)
