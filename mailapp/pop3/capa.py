"""The answer to CAPA (RFC 2449, sections 5 and 6).

====================  ===========================  ============================
capability            announced                    source
====================  ===========================  ============================
TOP, UIDL             always                       RFC 2449, sections 6.1, 6.8
RESP-CODES            always                       RFC 2449, section 6.4
AUTH-RESP-CODE        always                       RFC 3206, section 6
PIPELINING            always                       RFC 2449, section 6.6
EXPIRE NEVER          always                       RFC 2449, section 6.7
USER                  where a password may be sent  RFC 2449, section 6.2
SASL mechanisms       where there are any          RFC 5034, section 3
STLS                  before login, before TLS     RFC 2595, section 4
IMPLEMENTATION        after login                  RFC 2449, section 6.9
====================  ===========================  ============================

USER and SASL stay after the login: what is announced in the AUTHORIZATION state MUST be
announced in both (RFC 2449, section 5). STLS is announced only where it is permitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

IMPLEMENTATION: Final = "mailapp"
_ALWAYS: Final = (
    "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
)


def capabilities(
    *,
    password_allowed: bool,
    mechanisms: Sequence[str],
    tls_permitted: bool,
    logged_in: bool,
) -> bytes:
    """The capability lines, each with its CRLF."""
    lines = _ALWAYS
    if password_allowed:
        lines += "USER\r\n"
    if mechanisms:
        lines += f"SASL {' '.join(mechanisms)}\r\n"
    if tls_permitted and not logged_in:
        lines += "STLS\r\n"
    if logged_in:
        lines += f"IMPLEMENTATION {IMPLEMENTATION}\r\n"
    return lines.encode("ascii")
