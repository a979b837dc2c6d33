"""How to log in to a POP3 server: what it offers against what may be sent (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from mailapp.core.secret import Secret
from mailapp.fetch.types import FetchProblem, Login, Source
from mailapp.pop3.grammar import Apop

SCRAM = "SCRAM-SHA-256"
_IN_ORDER = (Login.SCRAM, Login.PLAIN, Login.USER)
_WHAT: Mapping[Login, str] = {
    Login.SCRAM: SCRAM,
    Login.PLAIN: "PLAIN",
    Login.USER: "USER and PASS",
    Login.APOP: "APOP",
}


def choose_login(
    source: Source, capabilities: Mapping[str, Sequence[str]] | None, timestamp: bytes
) -> Login:
    """The way to log in.

    SCRAM first, as it shows the password to nobody; then PLAIN; then USER, which is
    older than CAPA. APOP only where it was asked for: MD5 is broken.

    Args:
        source: what was asked for.
        capabilities: of CAPA; None: the server knows no CAPA.
        timestamp: of the greeting.

    Raises:
        FetchProblem: the server offers no such way.
    """
    offered = set() if timestamp == b"" else {Login.APOP}
    if capabilities is None:
        offered.add(Login.USER)
    else:
        mechanisms = capabilities.get("SASL", ())
        offered |= {Login.SCRAM} if SCRAM in mechanisms else set()
        offered |= {Login.PLAIN} if "PLAIN" in mechanisms else set()
        offered |= {Login.USER} if "USER" in capabilities else set()
    wanted = _IN_ORDER if source.login is Login.AUTO else (source.login,)
    for login in wanted:
        if login in offered:
            return login
    names = " or ".join(_WHAT[login] for login in wanted)
    raise FetchProblem(f"the server offers no login by {names}", lasting=True)


def apop(user: str, password: Secret, timestamp: bytes) -> Apop:
    """The command (RFC 1939, section 7)."""
    digest = hashlib.md5(timestamp + password.reveal(), usedforsecurity=False)
    return Apop(user.encode(), digest.hexdigest().encode("ascii"))


def plain_message(user: str, password: Secret) -> bytes:
    """The one message of PLAIN (RFC 4616, section 2)."""
    return b"\0" + user.encode() + b"\0" + password.reveal()
