"""HELP (RFC 5321, section 4.1.1.8), which EHLO must list like all that is optional."""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.extension import Extension, always

HELP: Final = Extension("HELP", always("HELP"))
