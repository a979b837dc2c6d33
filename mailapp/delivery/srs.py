"""The Sender Rewriting Scheme: forwarded mail from a sender of ours (pure).

A forwarder that keeps the sender's address fails the sender's SPF record (RFC 7208,
section 10.3 describes it). So the reverse-path becomes an address here, that only we
can have made and that leads back, for a while, to whom it was made of:

    SRS0=hash=time=domain=local-part@srs-domain     made of local-part@domain
    SRS1=hash=domain=rest@srs-domain                made of SRS0rest@domain

The second form is for a sender that another forwarder made: its bounces go straight to
that one, so that no address grows with each hop. The scheme is M. S. Wong's of 2003; no
RFC has it. The hash is a keyed one: what it does not fit is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from mailapp.core.address import (
    LOCAL_PART_LIMIT,
    Address,
    canonical_domain,
    quote_local_part,
)
from mailapp.core.failures import PermanentFailure, SyntaxProblem
from mailapp.core.status import Status

_FORGED: Final = Status(7, 1, "this address was not made here")
_EXPIRED: Final = Status(7, 1, "this address is too old")

_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"  # survives any change of case
_HASH_DIGITS: Final = 6
_TIME_DIGITS: Final = 4
_HOURS: Final = 32**_TIME_DIGITS  # the time comes round once in 119 years
_HOUR_SECONDS: Final = 3600
_EXPIRY_HOURS: Final = 21 * 24
_PREFIXES: Final = ("srs0", "srs1")
_SEPARATORS: Final = frozenset("=+-")  # behind SRS0; between fields there is always "="


class SenderRewriting:
    """Makes such addresses and reads them.

    Args:
        key: of this purpose alone.
        domain: of the addresses; its mail comes to us.
        ours: domains whose mail may leave here under its own sender.
        expiry_hours: how long an address leads back; longer than mail waits anywhere.
    """

    def __init__(
        self,
        key: bytes,
        domain: str,
        ours: Iterable[str] = (),
        *,
        expiry_hours: int = _EXPIRY_HOURS,
    ) -> None:
        self._key = key
        self.domain: Final = canonical_domain(domain)
        self._ours = frozenset((*ours, self.domain, ""))
        self._expiry_hours = expiry_hours

    def is_made_here(self, address: Address) -> bool:
        """It has the form of one of ours; whether it is one :meth:`reverse` tells."""
        return (
            address.domain == self.domain
            and address.local_part[:4].lower() in _PREFIXES
            and address.local_part[4:5] in _SEPARATORS
        )

    def rewrite(self, sender: Address, now: float) -> Address:
        """The sender of a forwarded message; as it is where nothing is to be gained.

        That is so for senders of our own domains, and for those so long that the
        address would break the limit of a local part (RFC 5321, section 4.5.3.1.1):
        a bounce that comes back is worth more than SPF.
        """
        if sender.domain in self._ours or sender.is_literal:
            return sender
        made = self._again(sender) or self._first(sender, now)
        too_long = len(quote_local_part(made).encode()) > LOCAL_PART_LIMIT
        return sender if too_long else self._at_home(made)

    def reverse(self, address: Address, now: float) -> Address:
        """Whom the address was made of.

        Raises:
            PermanentFailure: it is forged or too old, answered 550 5.7.1.
        """
        local_part = address.local_part
        if local_part[:4].lower() == "srs0":
            return self._reverse_first(local_part[5:], now)
        return self._reverse_again(local_part[5:])

    def _first(self, sender: Address, now: float) -> str:
        time = _encoded(int(now) // _HOUR_SECONDS % _HOURS, _TIME_DIGITS)
        fields = f"{time}={sender.domain}={sender.local_part}"
        return f"SRS0={self._hash(fields)}={fields}"

    def _again(self, sender: Address) -> str | None:
        """For what another forwarder has made; None for all else."""
        kind, rest = sender.local_part[:4].lower(), sender.local_part[4:]
        if rest[:1] not in _SEPARATORS or not rest:
            return None
        if kind == "srs0":
            fields = f"{sender.domain}={rest}"
        elif kind == "srs1":
            # its own hash goes; the forwarder that it names stays
            _, found, fields = rest[1:].partition("=")
            if not found or "=" not in fields:
                return None
        else:
            return None
        return f"SRS1={self._hash(fields)}={fields}"

    def _reverse_first(self, text: str, now: float) -> Address:
        fields = self._checked(text)
        time, _, rest = fields.partition("=")
        domain, found, local_part = rest.partition("=")
        if not found:
            raise PermanentFailure(_FORGED)
        age = (int(now) // _HOUR_SECONDS - _decoded(time)) % _HOURS
        # an hour that is still to come: the clock was set back
        if age > self._expiry_hours and age != _HOURS - 1:
            raise PermanentFailure(_EXPIRED)
        return _address(local_part, domain)

    def _reverse_again(self, text: str) -> Address:
        domain, found, rest = self._checked(text).partition("=")
        if not found:
            raise PermanentFailure(_FORGED)
        return _address(f"SRS0{rest}", domain)

    def _checked(self, text: str) -> str:
        """What stands behind the hash, if the hash fits."""
        given, _, fields = text.partition("=")
        good = hmac.compare_digest(given.lower().encode(), self._hash(fields).encode())
        if not good:
            raise PermanentFailure(_FORGED)
        return fields

    def _hash(self, fields: str) -> str:
        """Blind to case, since some servers change it on the way."""
        digest = hmac.digest(self._key, fields.lower().encode(), sha256)
        return _encoded(int.from_bytes(digest[:8]), _HASH_DIGITS)

    def _at_home(self, local_part: str) -> Address:
        return Address(local_part, self.domain)


def _encoded(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _decoded(text: str) -> int:
    number = 0
    for character in text.lower():
        number = number * 32 + max(0, _DIGITS.find(character))
    return number


def _address(local_part: str, domain: str) -> Address:
    try:
        return Address(local_part, canonical_domain(domain))
    except SyntaxProblem:
        raise PermanentFailure(_FORGED) from None
