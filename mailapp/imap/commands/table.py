"""The commands, one row each. A new one is a module and a row here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from mailapp.imap import capabilities
from mailapp.imap.capabilities import Capability
from mailapp.imap.commands.append import append
from mailapp.imap.commands.authenticate import authenticate
from mailapp.imap.commands.capability import capability
from mailapp.imap.commands.check import check
from mailapp.imap.commands.close import close
from mailapp.imap.commands.compress import compress
from mailapp.imap.commands.context import Perform
from mailapp.imap.commands.copy import copy
from mailapp.imap.commands.create import create
from mailapp.imap.commands.delete import delete
from mailapp.imap.commands.enable import enable
from mailapp.imap.commands.expunge import expunge
from mailapp.imap.commands.fetch import fetch
from mailapp.imap.commands.identify import identify
from mailapp.imap.commands.idle import idle
from mailapp.imap.commands.list import list_mailboxes
from mailapp.imap.commands.login import login
from mailapp.imap.commands.logout import logout
from mailapp.imap.commands.lsub import lsub
from mailapp.imap.commands.move import move
from mailapp.imap.commands.namespace import namespace
from mailapp.imap.commands.noop import noop
from mailapp.imap.commands.quota import get_quota, get_quota_root, set_quota
from mailapp.imap.commands.rename import rename
from mailapp.imap.commands.search import search
from mailapp.imap.commands.select import select
from mailapp.imap.commands.sort import sort
from mailapp.imap.commands.starttls import starttls
from mailapp.imap.commands.status import status
from mailapp.imap.commands.store import store
from mailapp.imap.commands.subscribe import subscribe
from mailapp.imap.commands.thread import thread
from mailapp.imap.commands.unselect import unselect
from mailapp.imap.commands.unsubscribe import unsubscribe
from mailapp.imap.grammar.values import commands as values
from mailapp.imap.states import State

ANY: Final = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})
BEFORE: Final = frozenset({State.NOT_AUTHENTICATED})
AFTER: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
BETWEEN: Final = frozenset({State.AUTHENTICATED})
WITHIN: Final = frozenset({State.SELECTED})


_THREADS: Final = (capabilities.THREAD_SUBJECT, capabilities.THREAD_REFERENCES)


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
        needs: without all of these capabilities the command is unknown.
    """

    kind: type[values.Command]
    perform: Perform
    states: frozenset[State] = AFTER
    numbers: bool = False
    syncs: bool = True
    needs: Sequence[Capability] = ()


ROWS: Final[tuple[Row, ...]] = (
    # any state
    Row(values.Capability, capability, ANY),
    Row(values.Noop, noop, ANY, syncs=False),
    Row(values.Logout, logout, ANY, syncs=False),
    Row(values.Id, identify, ANY, needs=[capabilities.ID]),
    # not authenticated
    Row(values.Starttls, starttls, BEFORE),
    Row(values.Authenticate, authenticate, BEFORE),
    Row(values.Login, login, BEFORE),
    # authenticated; RFC 9051, section 6.3.1: ENABLE before a mailbox is selected
    Row(values.Enable, enable, BETWEEN, needs=[capabilities.ENABLE]),
    Row(values.Namespace, namespace, needs=[capabilities.NAMESPACE]),
    Row(values.Idle, idle, needs=[capabilities.IDLE]),
    Row(values.Compress, compress, needs=[capabilities.COMPRESS]),
    Row(values.Select, select, syncs=False),
    Row(values.Create, create),
    Row(values.Delete, delete),
    Row(values.Rename, rename),
    Row(values.Subscribe, subscribe),
    Row(values.Unsubscribe, unsubscribe),
    Row(values.List, list_mailboxes),
    Row(values.Lsub, lsub),
    Row(values.MailboxStatus, status),
    Row(values.Append, append),
    Row(values.GetQuota, get_quota, needs=[capabilities.QUOTA]),
    Row(values.GetQuotaRoot, get_quota_root, needs=[capabilities.QUOTA]),
    Row(values.SetQuota, set_quota, needs=[capabilities.QUOTA]),
    # selected
    Row(values.Check, check, WITHIN, syncs=False),
    Row(values.Close, close, WITHIN, syncs=False),
    Row(values.Unselect, unselect, WITHIN, syncs=False, needs=[capabilities.UNSELECT]),
    Row(values.Expunge, expunge, WITHIN),
    Row(values.Fetch, fetch, WITHIN, numbers=True),
    Row(values.Search, search, WITHIN, numbers=True),
    Row(values.Sort, sort, WITHIN, numbers=True, needs=[capabilities.SORT]),
    Row(values.Thread, thread, WITHIN, numbers=True, needs=_THREADS),
    Row(values.Store, store, WITHIN, numbers=True),
    Row(values.Copy, copy, WITHIN),
    Row(values.Move, move, WITHIN, needs=[capabilities.MOVE]),
)

TABLE: Final[Mapping[type[values.Command], Row]] = {row.kind: row for row in ROWS}
