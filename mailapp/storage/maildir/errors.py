"""What an error of the disk means to the seam."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mailapp.storage.types import NoSpace, StoreError, Unavailable

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(failure: OSError) -> StoreError:
    """The disk is full, or something else went wrong; the cause goes along."""
    error = NoSpace() if failure.errno in _FULL else Unavailable()
    error.__cause__ = failure
    return error


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turns an OSError that leaves the block into a StoreError."""
    try:
        yield
    except OSError as failure:
        raise storage_error(failure) from failure
