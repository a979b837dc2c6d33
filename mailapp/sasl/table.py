"""The SASL mechanisms, one row each. A new one is a module and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from mailapp.sasl.cram_md5 import CramMd5
from mailapp.sasl.external import External
from mailapp.sasl.login import Login
from mailapp.sasl.mechanism import (
    Certificate,
    Channel,
    Claim,
    Digest,
    Mechanism,
    Password,
    Proof,
)
from mailapp.sasl.plain import Plain
from mailapp.sasl.scram import ScramPlusServer, ScramServer


@frozen
class Row:
    """What is known of a mechanism.

    Attributes:
        begin: starts an exchange.
        claim: what a finished exchange claims; announced only if a checker takes it.
        strength: higher is better; announced in this order.
        needs_binding: TLS must give a channel binding.
        needs_certificate: the client must have shown a certificate.
    """

    name: str
    begin: Callable[[Channel], Mechanism]
    claim: type[Claim]
    strength: int
    needs_binding: bool = False
    needs_certificate: bool = False


_ROWS: Final = (
    Row("EXTERNAL", External, Certificate, 50, needs_certificate=True),
    Row("SCRAM-SHA-256-PLUS", ScramPlusServer, Proof, 40, needs_binding=True),
    Row("SCRAM-SHA-256", ScramServer, Proof, 30),
    Row("PLAIN", Plain, Password, 20),
    Row("LOGIN", Login, Password, 10),
    Row("CRAM-MD5", CramMd5, Digest, 5),
)

MECHANISMS: Final[Mapping[str, Row]] = {
    row.name: row for row in sorted(_ROWS, key=lambda row: -row.strength)
}
