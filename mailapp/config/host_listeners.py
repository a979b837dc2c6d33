"""Whether Unix sockets can be made on this host as the configuration says."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Sequence

from mailapp.config.places import Path as Key
from mailapp.config.problems import Severity
from mailapp.config.read import Report
from mailapp.config.schema import Listener


def check_listeners(listeners: Sequence[Listener], report: Report) -> None:
    """Report owners that are unknown, and paths where no socket can be."""
    for place, listener in enumerate(listeners):
        if listener.unix is None:
            continue
        key: Key = ("listener", place)
        _check_known(pwd.getpwnam, listener.unix_owner, (*key, "unix-owner"), report)
        if _check_known(
            grp.getgrnam, listener.unix_group, (*key, "unix-group"), report
        ):
            _check_member(listener.unix_group, (*key, "unix-group"), report)
        folder = listener.unix.parent
        if not folder.is_dir():
            report.add(
                (*key, "unix"),
                "a path in a folder that is there",
                f"{folder}, which is none",
                "Make it; the unit for systemd makes /run/mailapp itself.",
                Severity.WARNING,  # it may be made before the start
            )
        elif listener.unix.exists() and not listener.unix.is_socket():
            report.add(
                (*key, "unix"),
                "a path where nothing is but a socket",
                f"{listener.unix}, which is something else",
                "Remove it, or write another path.",
            )


def _check_known(
    find: Callable[[str], object], name: str, key: Key, report: Report
) -> bool:
    """Whether there is somebody of that name; true for none."""
    try:
        if name:
            find(name)
    except KeyError:
        kind = str(key[-1]).removeprefix("unix-")
        word = "user" if kind == "owner" else kind
        report.add(
            key,
            f"a {word} of this host",
            f'"{name}", which it does not know',
            f"Write another one, or run: {word}add --system {name}",
        )
        return False
    return True


def _check_member(group: str, key: Key, report: Report) -> None:
    """Who is not root gives a file only to a group that it is in."""
    if not group or os.geteuid() == 0:
        return
    if grp.getgrnam(group).gr_gid not in {os.getegid(), *os.getgroups()}:
        report.add(
            key,
            "a group that this user is in",
            f'"{group}", which it is not in',
            f"Run usermod --append --groups {group} for it.",
        )
