"""Removes what crashes left behind."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from mailapp.storage.files import Files
from mailapp.storage.maildir.layout import STAGING
from mailapp.storage.maildir.quota import folders

LEFTOVER_SECONDS: Final = 36 * 3600
"""A file in ``tmp`` this old belongs to nobody any more (cr.yp.to)."""


def sweep(files: Files, root: bytes, now: float) -> None:
    """Remove what lies in a ``tmp`` and was last touched 36 hours ago or earlier.

    Args:
        files: the disk.
        root: of all accounts.
        now: seconds since the epoch.
    """
    before = int((now - LEFTOVER_SECONDS) * 1e9)
    _sweep_directory(files, root + b"/" + STAGING, before)
    for domain in files.directories(root):
        if domain.startswith(b"."):
            continue
        for user in files.directories(root + b"/" + domain):
            for folder in folders(files, root + b"/" + domain + b"/" + user):
                _sweep_directory(files, folder + b"/tmp", before)


def _sweep_directory(files: Files, path: bytes, before: int) -> None:
    with suppress(OSError):
        for name, is_directory in files.entries(path):
            with suppress(OSError):
                here = path + b"/" + name
                if files.facts(here).ctime >= before:
                    continue
                if is_directory:
                    remove_tree(files, here)
                else:
                    files.unlink(here)


def remove_tree(files: Files, path: bytes) -> None:
    """Remove a directory and all that is in it; links are removed, not followed."""
    for name, is_directory in files.entries(path):
        if is_directory:
            remove_tree(files, path + b"/" + name)
        else:
            files.unlink(path + b"/" + name)
    files.rmdir(path)
