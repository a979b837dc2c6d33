"""Who may read a file that holds a private key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_OTHERS: Final = 0o077
_OTHERS_BUT_READERS: Final = 0o037


def is_shared(path: str | Path, environment: Mapping[str, str] | None = None) -> bool:
    """Whether others than its owner may read or write it.

    systemd lends the files of ``LoadCredential=`` by an access control list, and the
    mode shows that as a right of the group; it is none.

    Args:
        path: of the file.
        environment: CREDENTIALS_DIRECTORY is where systemd puts what it lends.

    Raises:
        OSError: it is not there.
    """
    values = os.environ if environment is None else environment
    lent = values.get("CREDENTIALS_DIRECTORY")
    is_lent = bool(lent) and Path(path).is_relative_to(str(lent))
    mode = os.stat(path).st_mode
    return bool(mode & (_OTHERS_BUT_READERS if is_lent else _OTHERS))
