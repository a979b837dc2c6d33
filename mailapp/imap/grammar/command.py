"""A whole command to its value (RFC 9051, section 9: ``command``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.core.secret import Secret
from mailapp.imap.grammar import fetch, listing, search, selecting
from mailapp.imap.grammar.flags import store_flags
from mailapp.imap.grammar.mailbox import mailbox
from mailapp.imap.grammar.reader import Reader, to_text
from mailapp.imap.grammar.sequence_set import messages
from mailapp.imap.grammar.values import commands as values
from mailapp.imap.grammar.values.commands import Command, MailboxName
from mailapp.imap.grammar.values.sets import Messages
from mailapp.sasl import base64
from mailapp.storage.types import FlagMode

ID_PAIRS_MOST: Final = 30
"""RFC 2971, section 3.3."""
ID_NAME_LIMIT: Final = 30
ID_VALUE_LIMIT: Final = 1024
_CAPABILITIES_MOST: Final = 50
_RESOURCES_MOST: Final = 20
_MODES: Final = {
    b"FLAGS": FlagMode.REPLACE,
    b"+FLAGS": FlagMode.ADD,
    b"-FLAGS": FlagMode.REMOVE,
}


class UnknownCommand(SyntaxProblem):
    """No command has this name."""

    def __init__(self) -> None:
        super().__init__("unknown command")


@frozen
class Tagged:
    """A command with its tag."""

    tag: bytes
    command: Command


def tag_of(octets: bytes) -> bytes:
    """The tag of what may be no command, for the answer; ``*`` if it has none."""
    try:
        return Reader(octets[: _TAG_LIMIT + 1]).tag()[:_TAG_LIMIT]
    except SyntaxProblem:
        return b"*"


def parse_command(octets: bytes, *, utf8: bool = False) -> Tagged:
    """One command, without the CRLF at its end, literals in it.

    Args:
        octets: as :class:`mailapp.imap.framer.Whole` has them.
        utf8: the client has enabled IMAP4rev2 or UTF8=ACCEPT.

    Raises:
        SyntaxProblem: answered BAD; ``BadCharset``: NO [BADCHARSET].
    """
    reader = Reader(octets, utf8=utf8)
    tag = reader.tag()
    if len(tag) > _TAG_LIMIT:
        reason = "the tag is too long"
        raise SyntaxProblem(reason)
    reader.space()
    name = reader.atom().upper()
    read = _COMMANDS.get(name)
    if name == b"UID":
        reader.space()
        read = _BY_UID.get(reader.atom().upper())
    if read is None:
        raise UnknownCommand
    command = read(reader)
    reader.finish()
    return Tagged(tag, command)


_TAG_LIMIT: Final = 64


# ---- in any state


def _id(reader: Reader) -> Command:
    """RFC 2971, section 4: ``id_params_list``."""
    reader.space()
    if reader.skip_word(b"NIL"):
        return values.Id()
    return values.Id(tuple(reader.listed(lambda: _id_pair(reader), ID_PAIRS_MOST)))


def _id_pair(reader: Reader) -> tuple[bytes, bytes | None]:
    name = reader.string()
    reader.space()
    value = reader.nstring()
    # RFC 2971, section 3.3
    if len(name) > ID_NAME_LIMIT or len(value or b"") > ID_VALUE_LIMIT:
        reason = "an ID field is too long"
        raise SyntaxProblem(reason)
    return name, value


# ---- not authenticated


def _authenticate(reader: Reader) -> Command:
    reader.space()
    mechanism = reader.atom().upper().decode("ascii")
    if not reader.skip(b" "):
        return values.Authenticate(mechanism)
    # RFC 9051, section 6.2.2: "=" is an initial response without octets
    initial = b"" if reader.octets[reader.position :] == b"=" else None
    octets = reader.base64()
    return values.Authenticate(
        mechanism, base64.decode(octets) if initial is None else initial
    )


def _login(reader: Reader) -> Command:
    reader.space()
    name = reader.astring()
    reader.space()
    return values.Login(name, Secret(reader.astring()))


# ---- authenticated


def _enable(reader: Reader) -> Command:
    names = []
    while reader.skip(b" "):
        names.append(reader.atom().upper())
    if not 0 < len(names) <= _CAPABILITIES_MOST:
        reason = "ENABLE of nothing, or of too much"
        raise SyntaxProblem(reason)
    return values.Enable(tuple(names))


def _one_mailbox(
    kind: Callable[[MailboxName], Command],
) -> Callable[[Reader], Command]:
    def read(reader: Reader) -> Command:
        reader.space()
        return kind(mailbox(reader))

    return read


def _rename(reader: Reader) -> Command:
    reader.space()
    name = mailbox(reader)
    reader.space()
    return values.Rename(name, mailbox(reader))


def _compress(reader: Reader) -> Command:
    reader.space()
    if reader.atom().upper() != b"DEFLATE":
        reason = "DEFLATE is the only compression"
        raise SyntaxProblem(reason)
    return values.Compress()


def _get_quota(reader: Reader) -> Command:
    reader.space()
    return values.GetQuota(to_text(reader.astring()))


def _set_quota(reader: Reader) -> Command:
    """RFC 9208, section 7: ``setquota``."""
    reader.space()
    root = to_text(reader.astring())
    reader.space()
    limits = reader.listed(lambda: _resource(reader), _RESOURCES_MOST)
    return values.SetQuota(root, tuple(limits))


def _resource(reader: Reader) -> tuple[bytes, int]:
    name = reader.atom().upper()
    reader.space()
    return name, reader.number()


# ---- selected


def _expunge_by_uid(reader: Reader) -> Command:
    reader.space()
    return values.Expunge(messages(reader))


def _copy(reader: Reader, *, by_uid: bool) -> Command:
    return values.Copy(*_set_and_mailbox(reader), by_uid)


def _move(reader: Reader, *, by_uid: bool) -> Command:
    return values.Move(*_set_and_mailbox(reader), by_uid)


def _set_and_mailbox(reader: Reader) -> tuple[Messages, MailboxName]:
    reader.space()
    wanted = messages(reader)
    reader.space()
    return wanted, mailbox(reader)


def _store(reader: Reader, *, by_uid: bool) -> Command:
    """``store``; RFC 7162, section 3.1.3: ``(UNCHANGEDSINCE …)``."""
    reader.space()
    wanted = messages(reader)
    reader.space()
    unchanged_since: int | None = None
    if reader.skip_word(b"(UNCHANGEDSINCE "):
        unchanged_since = reader.number()
        reader.expect(b")", "a closing parenthesis is missing")
        reader.space()
    name = reader.atom().upper()
    silent = name.endswith(b".SILENT")
    mode = _MODES.get(name.removesuffix(b".SILENT"))
    if mode is None:
        reason = "STORE changes FLAGS, +FLAGS or -FLAGS"
        raise SyntaxProblem(reason)
    reader.space()
    return values.Store(
        wanted, mode, store_flags(reader), silent, by_uid, unchanged_since
    )


def _bare(command: Command) -> Callable[[Reader], Command]:
    """A command without arguments; all its values are the same one."""
    return lambda _reader: command


_NUMBERED: Final[Mapping[bytes, Callable[..., Command]]] = {
    b"COPY": _copy,
    b"FETCH": fetch.fetch,
    b"MOVE": _move,
    b"SEARCH": search.search,
    b"SORT": search.sort,
    b"STORE": _store,
    b"THREAD": search.thread,
}
_BY_UID: Final[Mapping[bytes, Callable[[Reader], Command]]] = {
    **{name: partial(read, by_uid=True) for name, read in _NUMBERED.items()},
    b"EXPUNGE": _expunge_by_uid,
}
_COMMANDS: Final[Mapping[bytes, Callable[[Reader], Command]]] = {
    **{name: partial(read, by_uid=False) for name, read in _NUMBERED.items()},
    b"AUTHENTICATE": _authenticate,
    b"CAPABILITY": _bare(values.Capability()),
    b"CHECK": _bare(values.Check()),
    b"CLOSE": _bare(values.Close()),
    b"COMPRESS": _compress,
    b"CREATE": selecting.create,
    b"DELETE": _one_mailbox(values.Delete),
    b"ENABLE": _enable,
    b"EXAMINE": partial(selecting.select, read_only=True),
    b"EXPUNGE": _bare(values.Expunge()),
    b"GETQUOTA": _get_quota,
    b"GETQUOTAROOT": _one_mailbox(values.GetQuotaRoot),
    b"ID": _id,
    b"IDLE": _bare(values.Idle()),
    b"LIST": listing.list_mailboxes,
    b"LOGIN": _login,
    b"LOGOUT": _bare(values.Logout()),
    b"LSUB": listing.lsub,
    b"NAMESPACE": _bare(values.Namespace()),
    b"NOOP": _bare(values.Noop()),
    b"RENAME": _rename,
    b"SELECT": partial(selecting.select, read_only=False),
    b"SETQUOTA": _set_quota,
    b"STARTTLS": _bare(values.Starttls()),
    b"STATUS": listing.status,
    b"SUBSCRIBE": _one_mailbox(values.Subscribe),
    b"UNSELECT": _bare(values.Unselect()),
    b"UNSUBSCRIBE": _one_mailbox(values.Unsubscribe),
}
