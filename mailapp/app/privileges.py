"""Giving up root, for good (threat 121)."""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
from typing import Final

from twisted.python.util import switchUID

_PR_SET_NO_NEW_PRIVS: Final = 38  # prctl(2)


def forbid_new_privileges() -> None:
    """No program started from here on gains rights by set-user-ID."""
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def ids_of(user: str, group: str) -> tuple[int, int]:
    """Numbers of a user and a group; an empty group is the user's own.

    Raises:
        LookupError: there is no such user or group.
    """
    try:
        entry = pwd.getpwnam(user)
        gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    except KeyError as problem:
        raise LookupError(problem.args[0]) from None
    return entry.pw_uid, gid


def ids_to_become(user: str, group: str) -> tuple[int, int] | None:
    """Whom to become: None if we are not root, or if nobody was named.

    Raises:
        LookupError: there is no such user or group.
    """
    return ids_of(user, group) if user and os.geteuid() == 0 else None


def drop(become: tuple[int, int] | None) -> None:
    """Become this user and group, and gain no rights any more."""
    if become is not None:
        switchUID(*become)
    forbid_new_privileges()
