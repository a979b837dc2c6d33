"""The DNS of a demo: a few names, and nothing else in the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.names import dns

SECONDS: Final = 60
"""How long an answer may be remembered."""

Names = Mapping[tuple[str, int], Sequence[Any]]
"""What a name has: ``{("example.test", dns.MX): [dns.Record_MX(…)]}``."""


class NameServer(DatagramProtocol):
    """Answers over UDP; what it does not know does not exist.

    Args:
        names: in lower case, without the last dot.
    """

    log: ClassVar = Logger()
    transport: Any
    noisy = False

    def __init__(self, names: Names) -> None:
        self._names = names

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        """A question."""
        query = dns.Message()
        try:
            query.fromStr(datagram)
        except (EOFError, ValueError):
            return
        if query.answer or len(query.queries) != 1:
            return
        self.transport.write(self._answer(query).toStr(), addr)

    def _answer(self, query: dns.Message) -> dns.Message:
        (question,) = query.queries
        name = str(question.name).lower().rstrip(".")
        answer = dns.Message(id=query.id, answer=1, auth=True, recDes=query.recDes)
        answer.recAv = 1
        answer.queries = query.queries
        answer.answers = [
            dns.RRHeader(name, record.TYPE, ttl=SECONDS, payload=record, auth=True)
            for record in self._names.get((name, question.type), ())
        ]
        if not any(
            known == name or known.endswith(f".{name}") for known, _ in self._names
        ):
            answer.rCode = dns.ENAME
        return answer
