"""Where MODSEQs come from."""

from __future__ import annotations

from typing import Final

from mailapp.storage.files import Files


class ModSeqClock:
    """Rises with the clock, and in any case: one for each account.

    A hybrid clock: the microseconds of the day, but always above what was given before.
    So a MODSEQ that a client kept from before all memory was lost is below all new
    ones, and the client is told more than it needs, never less (RFC 7162, section 3.1).
    """

    def __init__(self, files: Files) -> None:
        self._files: Final = files
        self._last = 0

    def next(self, above: int = 0) -> int:
        """Higher than ``above`` and all before, also those of an earlier process."""
        self._last = max(self._last + 1, above + 1, self._files.now() // 1000)
        return self._last
