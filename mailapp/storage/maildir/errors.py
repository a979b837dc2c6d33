"""What an error of the disk means to the seam."""

from __future__ import annotations

import errno
from contextlib import AbstractContextManager
from typing import Final

from mailapp.storage.types import NoSpace, StoreError, Unavailable

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(failure: OSError) -> StoreError:
    """The disk is full, or something else went wrong; the cause goes along."""
    error = NoSpace() if failure.errno in _FULL else Unavailable()
    error.__cause__ = failure
    return error


class _DiskErrors:
    """A class, as a generator costs five times as much and this is met everywhere."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: object, failure: BaseException | None, _traceback: object
    ) -> None:
        if isinstance(failure, OSError):
            raise storage_error(failure) from failure


_DISK_ERRORS: Final = _DiskErrors()


def disk_errors() -> AbstractContextManager[None]:
    """Turns an OSError that leaves the block into a StoreError."""
    return _DISK_ERRORS
