"""The name in HELO or EHLO can be one."""

from __future__ import annotations

from typing import Final

from mailapp.core.address import DOMAIN_LIMIT, LABEL_LIMIT
from mailapp.core.peer import Peer
from mailapp.core.status import Status
from mailapp.policy.check import Check
from mailapp.policy.verdict import ACCEPT, Reject, Verdict

# RFC 3463, section 3.6 (X.5.4, invalid command arguments)
BAD_NAME: Final = Reject(Status(5, 4, "that can't be the name of a host"), 501)


class HeloSyntax(Check):
    """Refuses a name whose labels are empty or too long (RFC 1035, section 2.3.4).

    That a name is not in the DNS, or is not the client's, is no reason to refuse it:
    "if the verification fails, the server MUST NOT refuse to accept a message on that
    basis" (RFC 5321, section 4.1.4). A dot at the end is let pass, many write it.
    """

    async def helo(self, _peer: Peer, name: str) -> Verdict:
        """501 5.5.4 for what can't be a name; address literals were parsed before."""
        if name.startswith("["):
            return ACCEPT
        labels = name.removesuffix(".").split(".")
        fits = all(0 < len(label) <= LABEL_LIMIT for label in labels)
        return ACCEPT if fits and len(name) <= DOMAIN_LIMIT else BAD_NAME
