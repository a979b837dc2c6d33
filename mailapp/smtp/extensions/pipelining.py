"""PIPELINING (RFC 2920): commands in groups, replies in order.

The connection keeps the order in any case; the rule which commands end a group is a
column of the table of verbs (``synchronizes``).
"""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.extension import Extension, always

PIPELINING: Final = Extension("PIPELINING", always("PIPELINING"))
