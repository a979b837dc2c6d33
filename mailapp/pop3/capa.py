"""The answer to CAPA (RFC 2449, sections 5 and 6).

====================  ===========================  ============================
capability            announced                    source
====================  ===========================  ============================
TOP, UIDL             always                       RFC 2449, sections 6.1, 6.8
RESP-CODES            always                       RFC 2449, section 6.4
AUTH-RESP-CODE        always                       RFC 3206, section 6
PIPELINING            always                       RFC 2449, section 6.6
LANG                  always                       RFC 6856, section 3
UTF8 USER             always                       RFC 6856, section 2
EXPIRE                always: NEVER or 0           RFC 2449, section 6.7
LOGIN-DELAY seconds   where there is one           RFC 2449, section 6.5
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

from attrs import frozen

IMPLEMENTATION: Final = "mailapp"
_ALWAYS: Final = "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"


@frozen
class Stay:
    """How long mail stays, and how often a client may come: the same for everyone.

    Attributes:
        leave_on_server: what was retrieved stays; else QUIT removes it.
        login_delay_seconds: from one login to the next; 0: none.
    """

    leave_on_server: bool = True
    login_delay_seconds: int = 0


def capabilities(
    *,
    password_allowed: bool,
    mechanisms: Sequence[str],
    tls_permitted: bool,
    logged_in: bool,
    stay: Stay,
) -> bytes:
    """The capability lines, each with its CRLF."""
    lines = _ALWAYS + f"EXPIRE {'NEVER' if stay.leave_on_server else 0}\r\n"
    lines += "LANG\r\nUTF8 USER\r\n"
    if stay.login_delay_seconds:
        lines += f"LOGIN-DELAY {stay.login_delay_seconds}\r\n"
    if password_allowed:
        lines += "USER\r\n"
    if mechanisms:
        lines += f"SASL {' '.join(mechanisms)}\r\n"
    if tls_permitted and not logged_in:
        lines += "STLS\r\n"
    if logged_in:
        lines += f"IMPLEMENTATION {IMPLEMENTATION}\r\n"
    return lines.encode("ascii")
