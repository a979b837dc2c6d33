"""One mail transaction: sender, recipients, content (RFC 5321, section 3.3).

A session has at most one of these, and throws it away as a whole at every end: RSET,
HELO, EHLO, the reply after the end of data, a refusal, a bug, the close. Nothing of it
can be left over (threat 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mailapp.core.address import Address
from mailapp.core.envelope import Body, Envelope, Recipient
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Route
from mailapp.policy.interfaces import Origin
from mailapp.smtp.extensions.eightbitmime import declared_body
from mailapp.smtp.extensions.extension import NO_TERMS
from mailapp.smtp.extensions.smtputf8 import wants_utf8
from mailapp.smtp.grammar.parameters import Parameters
from mailapp.smtp.grammar.reply import Reply

Fields = tuple[tuple[str, str], ...]


class Transaction:
    """From MAIL to its end.

    Attributes:
        id: in the final reply, the logs and the trace field.
        terms: fields of the envelope that other parameters of MAIL settled.
        origin: the client and the sender.
        utf8: MAIL gave SMTPUTF8.
        fields: what policy wants said in the message.
        envelope: once the content has begun.
        body: the message on its way to the recipients; owned by the transaction.
        failure: why it can't be stored, to be said at the end of data.
    """

    __slots__ = (
        "_parameters",
        "_places",
        "_routes",
        "_special",
        "body",
        "envelope",
        "failure",
        "fields",
        "id",
        "origin",
        "terms",
        "utf8",
    )

    def __init__(self, transaction_id: str, origin: Origin, mail: Parameters) -> None:
        self.id = transaction_id
        self.origin = origin
        self.utf8 = wants_utf8(mail)
        self.fields: list[tuple[str, str]] = []
        self.envelope: Envelope | None = None
        self.body: IBody | None = None
        self.failure: Reply | None = None
        self.terms: Mapping[str, Any] = NO_TERMS
        self._parameters = mail
        self._routes: dict[Address, Route] = {}
        self._special: dict[Address, Recipient] = {}  # who came with parameters
        self._places: list[int] | None = None  # once a recipient was named twice

    @property
    def declared(self) -> Body:
        """The BODY that MAIL declared."""
        return declared_body(self._parameters)

    @property
    def recipients(self) -> int:
        """How many were accepted, each counted once."""
        return len(self._routes)

    def has(self, address: Address) -> bool:
        """The recipient was accepted before; it gets the message once all the same."""
        return address in self._routes

    @property
    def places(self) -> Sequence[int]:
        """For each positive reply to RCPT: which recipient it was about."""
        return range(len(self._routes)) if self._places is None else self._places

    def add(
        self,
        route: Route,
        fields: Iterable[tuple[str, str]] = (),
        special: Recipient | None = None,
    ) -> None:
        """Accept a recipient; ``special`` if parameters said more of it."""
        if self._places is not None:
            self._places.append(len(self._routes))
        self._routes[route.address] = route
        self.fields.extend(fields)
        if special is not None:
            self._special[route.address] = special

    def repeat(self, address: Address) -> None:
        """Accept a recipient once more; what was said of it first stays true."""
        places = self._places = [*self.places]
        places.append(list(self._routes).index(address))

    def begin(self, delivery: IDelivery, protocol: str, received_at: float) -> None:
        """The content comes next."""
        origin, special = self.origin, self._special
        self.envelope = Envelope(
            id=self.id,
            reverse_path=origin.reverse_path,
            recipients=[
                special.get(address) or Recipient(address) for address in self._routes
            ],
            peer=origin.peer,
            helo=origin.helo,
            protocol=protocol,
            received_at=received_at,
            body=self.declared,
            smtputf8=self.utf8,
            declared_size_octets=origin.declared_size_octets,
            account=origin.account,
            **self.terms,
        )
        self.body = delivery.begin(
            self.envelope, list(self._routes.values()), self.fields
        )

    def fail(self, reply: Reply) -> None:
        """The content can't be kept; the first reason is the one that is told."""
        self.failure = self.failure or reply
        self.abort()

    def abort(self) -> None:
        """Forget the content."""
        body, self.body = self.body, None
        if body is not None:
            body.abort()
