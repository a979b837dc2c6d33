"""How commands end. The documentation of each says what it means there."""

from __future__ import annotations

import os
from typing import Final

OK: Final = os.EX_OK
FAILED: Final = 1
"""Something has to be done before it can be done."""
TRY_AGAIN: Final = os.EX_TEMPFAIL
"""It may be done later, as it is."""
EX_USAGE: Final = os.EX_USAGE
"""The command line was wrong."""
