"""One mail transaction: sender, recipients, content (RFC 5321, section 3.3).

A session has at most one of these, and throws it away as a whole at every end: RSET,
HELO, EHLO, the reply after the end of data, a refusal, a bug, the close. Nothing of it
can be left over (threat 10).
"""

from __future__ import annotations

from collections.abc import Iterable

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Route
from mailapp.policy.interfaces import Origin
from mailapp.smtp.extensions.eightbitmime import declared_body
from mailapp.smtp.extensions.smtputf8 import wants_utf8
from mailapp.smtp.grammar.parameters import Parameters
from mailapp.smtp.grammar.reply import Reply

Fields = tuple[tuple[str, str], ...]


class Transaction:
    """From MAIL to its end.

    Attributes:
        id: in the final reply, the logs and the trace field.
        origin: the client and the sender.
        utf8: MAIL gave SMTPUTF8.
        fields: what policy wants said in the message.
        envelope: once the content has begun.
        body: the message on its way to the recipients; owned by the transaction.
        failure: why it can't be stored, to be said at the end of data.
    """

    __slots__ = (
        "_parameters",
        "_routes",
        "body",
        "envelope",
        "failure",
        "fields",
        "id",
        "origin",
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
        self._parameters = mail
        self._routes: dict[Address, Route] = {}

    @property
    def recipients(self) -> int:
        """How many were accepted, each counted once."""
        return len(self._routes)

    def has(self, address: Address) -> bool:
        """The recipient was accepted before; it gets the message once all the same."""
        return address in self._routes

    def add(self, route: Route, fields: Iterable[tuple[str, str]] = ()) -> None:
        """Accept a recipient."""
        self._routes[route.address] = route
        self.fields.extend(fields)

    def begin(self, delivery: IDelivery, protocol: str, received_at: float) -> None:
        """The content comes next."""
        origin = self.origin
        self.envelope = Envelope(
            id=self.id,
            reverse_path=origin.reverse_path,
            recipients=[Recipient(address) for address in self._routes],
            peer=origin.peer,
            helo=origin.helo,
            protocol=protocol,
            received_at=received_at,
            body=declared_body(self._parameters),
            smtputf8=self.utf8,
            declared_size_octets=origin.declared_size_octets,
            account=origin.account,
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
