"""The table of extensions, in the order of the EHLO reply. One row each."""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.auth import AUTH
from mailapp.smtp.extensions.binarymime import BINARYMIME
from mailapp.smtp.extensions.chunking import CHUNKING
from mailapp.smtp.extensions.deliverby import DELIVERBY
from mailapp.smtp.extensions.dsn import DSN
from mailapp.smtp.extensions.eightbitmime import EIGHTBITMIME
from mailapp.smtp.extensions.enhancedstatuscodes import ENHANCEDSTATUSCODES
from mailapp.smtp.extensions.etrn import ETRN
from mailapp.smtp.extensions.expn import EXPN
from mailapp.smtp.extensions.extension import Extension
from mailapp.smtp.extensions.futurerelease import FUTURERELEASE
from mailapp.smtp.extensions.help import HELP
from mailapp.smtp.extensions.limits import LIMITS
from mailapp.smtp.extensions.mt_priority import MT_PRIORITY
from mailapp.smtp.extensions.pipelining import PIPELINING
from mailapp.smtp.extensions.requiretls import REQUIRETLS
from mailapp.smtp.extensions.size import SIZE
from mailapp.smtp.extensions.smtputf8 import SMTPUTF8
from mailapp.smtp.extensions.starttls import STARTTLS

EXTENSIONS: Final[tuple[Extension, ...]] = (
    PIPELINING,
    SIZE,
    STARTTLS,
    AUTH,
    EIGHTBITMIME,
    CHUNKING,
    BINARYMIME,
    SMTPUTF8,
    ENHANCEDSTATUSCODES,
    DSN,
    REQUIRETLS,
    DELIVERBY,
    FUTURERELEASE,
    MT_PRIORITY,
    ETRN,
    LIMITS,
    EXPN,
    HELP,
)
