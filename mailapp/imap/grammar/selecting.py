"""SELECT, EXAMINE and CREATE with their parameters (RFC 4466, section 2)."""

from __future__ import annotations

from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.mailbox import mailbox
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.sequence_set import known_set
from mailapp.imap.grammar.values.commands import Create, Qresync, Select
from mailapp.imap.grammar.values.sets import Ranges

_PARAMETERS_MOST: Final = 5
_USES_MOST: Final = 20
_CLOSE: Final = "a closing parenthesis is missing"


def select(reader: Reader, *, read_only: bool) -> Select:
    """``select`` and ``examine``, behind their names."""
    reader.space()
    name = mailbox(reader)
    condstore = False
    qresync: Qresync | None = None
    if reader.skip(b" "):
        for found in reader.listed(lambda: _parameter(reader), _PARAMETERS_MOST):
            if found is None:
                condstore = True
            else:
                qresync = found
    return Select(name, read_only, condstore, qresync)


def create(reader: Reader) -> Create:
    """``create``, behind its name; RFC 6154, section 6: ``USE (…)``."""
    reader.space()
    name = mailbox(reader)
    if not reader.skip(b" "):
        return Create(name)
    reader.open()
    if reader.word() != b"USE":
        reason = "CREATE has no such parameter"
        raise SyntaxProblem(reason)
    reader.space()
    uses = tuple(reader.listed(lambda: _use(reader), _USES_MOST))
    reader.expect(b")", _CLOSE)
    return Create(name, uses)


def _use(reader: Reader) -> str:
    reader.expect(b"\\", "a special use begins with a backslash")
    return "\\" + reader.atom().decode("ascii")


def _parameter(reader: Reader) -> Qresync | None:
    """RFC 7162, section 7: CONDSTORE (None), or QRESYNC with what it carries."""
    word = reader.word()
    if word == b"CONDSTORE":
        return None
    if word != b"QRESYNC":
        reason = "SELECT has no such parameter"
        raise SyntaxProblem(reason)
    reader.space()
    reader.open()
    uid_validity = reader.nz_number()
    reader.space()
    modseq = reader.number(1)
    known: Ranges | None = None
    match: tuple[Ranges, Ranges] | None = None
    more = reader.skip(b" ")
    if more and reader.peek() != ord("("):
        known = known_set(reader)
        more = reader.skip(b" ")
    if more:
        match = _match(reader)
    reader.expect(b")", _CLOSE)
    return Qresync(uid_validity, modseq, known, match)


def _match(reader: Reader) -> tuple[Ranges, Ranges]:
    """``seq-match-data``: both in ascending order, one UID for each number."""
    reader.open()
    numbers = known_set(reader)
    reader.space()
    uids = known_set(reader)
    reader.expect(b")", _CLOSE)
    if _count(numbers) != _count(uids):
        reason = "as many numbers as UIDs are needed"
        raise SyntaxProblem(reason)
    return numbers, uids


def _count(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)
