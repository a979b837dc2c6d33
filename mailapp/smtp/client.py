"""A client of SMTP and LMTP without I/O: octets in, events out, octets to write.

RFC 5321, section 3, and RFC 2033. Whoever drives it feeds it what the server sent, acts
on each event (see :mod:`mailapp.smtp.client_states`) and writes what ``take_output``
gives. Whatever the server does, each recipient of a transaction ends with one word.
"""

from __future__ import annotations

from typing import Final

from mailapp.core.connection import NEED_DATA, Signal
from mailapp.core.envelope import Body
from mailapp.smtp.answers import Answer, Garbage
from mailapp.smtp.client_opening import CONFUSED, INJECTED, Opening
from mailapp.smtp.client_states import (
    DATA_TIMEOUT,
    TIMEOUTS,
    ClientEvent,
    ClientState,
    Finished,
    GoAhead,
    Terms,
    Trouble,
    Word,
)
from mailapp.smtp.client_transaction import ClientTransaction
from mailapp.smtp.outgoing import Outgoing
from mailapp.smtp.stuffing import Stuffing

_S = ClientState
_CLOSING: Final = 421
_OUT_OF_ORDER: Final = 503
_PROTOCOL: Final = frozenset({"5.5.0", "5.5.1"})
LOST: Final = Trouble("4.4.2", "the server closed the connection without an answer")
SILENT: Final = Trouble("4.4.2", "the server did not answer in time")


class SmtpClient(Opening):
    """One session with a server.

    Attributes:
        transactions: how many were begun.
        progress: the server gave a whole answer, so its time begins anew. Reset by
            whoever looks at it.
    """

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self.transactions = 0
        self.progress = False
        self._transaction: ClientTransaction | None = None
        self._follower: ClientTransaction | None = None
        self._stuffing: Stuffing | None = None
        self._reset = False

    @property
    def timeout(self) -> float:
        """Seconds that the server has for what is awaited."""
        transaction = self._transaction
        if transaction is not None and transaction.awaits_data:
            return DATA_TIMEOUT
        return TIMEOUTS[self.state]

    @property
    def exhausted(self) -> bool:
        """No other transaction may begin: MAILMAX (RFC 9422, section 4.1)."""
        limit = self.offered.transactions
        return bool(limit) and self.transactions >= limit

    @property
    def leads(self) -> bool:
        """Behind the content of this transaction the next one may be begun.

        It saves a round trip where the content needs the server's go-ahead; BDAT saves
        it in another way, and leaves more behind when it is refused.
        """
        offered = self.offered
        if offered.chunking or not offered.pipelining or self.exhausted:
            return False
        return self.state is not _S.CLOSED

    @property
    def may_follow(self) -> bool:
        """:meth:`follow` is legal now."""
        return self.state is _S.FINAL and self._follower is None and self.leads

    # What comes in.

    def receive(self, octets: bytes) -> None:
        """Take what the server sent; any cut is as good as any other."""
        if self.state is _S.HANDSHAKE:
            self._end(INJECTED)
        if self.state is _S.CLOSED:
            return
        self._reader.feed(octets)
        self._read()

    def receive_eof(self) -> None:
        """The server sends no more."""
        self._end(LOST)

    def time_out(self) -> None:
        """The server took longer than ``timeout``."""
        self._end(SILENT)

    def break_off(self, word: Trouble) -> None:
        """End it for a reason of ours: nothing more is sent."""
        self._end(word)

    # What goes out.

    def next_event(self) -> ClientEvent | Signal:
        """The next event, or ``NEED_DATA``."""
        return self._events.popleft() if self._events else NEED_DATA

    def take_output(self) -> bytes:
        """What is to be written now."""
        written, self._written = self._written, []
        return written[0] if len(written) == 1 else b"".join(written)

    def begin(self, outgoing: Outgoing, now: float) -> None:
        """Begin a transaction; legal in READY. ``Finished`` follows in any case."""
        if self.state is not _S.READY:
            msg = f"no transaction begins in the state {self.state.value}"
            raise RuntimeError(msg)
        self.transactions += 1
        transaction = self._transaction = ClientTransaction(
            outgoing, self.offered, lmtp=self._terms.lmtp, now=now, reset=self._reset
        )
        self._stuffing = None if outgoing.body is Body.BINARY else Stuffing()
        self._reset = False
        self._write(transaction.start())
        self.state = transaction.state

    def follow(self, outgoing: Outgoing, now: float) -> None:
        """Begin a transaction before the one under way is over; if ``may_follow``.

        RFC 2920, section 3.1: "a RSET/MAIL FROM sequence used to initiate a new message
        transaction can be placed in the same group as the final transfer of the headers
        and body of the previous message". Nothing of it is taken before its content is
        sent, so what the server says of the one before is about that one alone; what it
        says of this one comes behind it. The ``Finished`` of both come in order.
        """
        if not self.may_follow:
            msg = f"nothing follows in the state {self.state.value}"
            raise RuntimeError(msg)
        self.transactions += 1
        # no RSET: the end of DATA clears all buffers (RFC 5321, section 4.1.1.4)
        follower = self._follower = ClientTransaction(
            outgoing,
            self.offered,
            lmtp=self._terms.lmtp,
            now=now,
            reset=False,
            followed=True,
        )
        self._write(follower.start())

    def write_content(self, octets: bytes) -> None:
        """The next octets of the content, after ``GoAhead``; none once it ended."""
        if self.state is _S.CONTENT:
            stuffing = self._stuffing
            self._write(octets if stuffing is None else stuffing.encode(octets))

    def end_content(self) -> None:
        """That was the content."""
        if self.state is _S.CONTENT and self._transaction is not None:
            if self._stuffing is not None:
                self._write(self._stuffing.end())
            self._transaction.end_content()
            self.state = _S.FINAL

    def quit(self) -> None:
        """Say goodbye; legal in READY. Nothing is told of the answer."""
        if self.state is _S.READY:
            self._write(b"QUIT\r\n")
            self.state = _S.QUIT

    # What the server says.

    def _read(self) -> None:
        while not self._asked:
            if self.state is _S.HANDSHAKE or self.state is _S.CLOSED:
                return
            answer = self._reader.next()
            if answer is None:
                return
            self.progress = True
            transaction = self._transaction
            if transaction is not None:
                transaction.heard += 1
            if isinstance(answer, Garbage):
                self._end(Trouble("4.5.0", f"the server sent {answer.reason}"))
            elif answer.code == _CLOSING:
                # RFC 5321, section 3.8: it closes whatever was asked
                self._end(answer)
            elif transaction is not None:
                self._transaction_answered(transaction, answer)
            else:
                self._take(answer)

    def _take(self, answer: Answer) -> None:
        """Outside of transactions."""
        if self.state is _S.READY:
            self._end(CONFUSED if answer.positive else answer)
        elif self.state is _S.QUIT:
            self.state = _S.CLOSED
        else:
            self._open(answer)

    def _transaction_answered(
        self, transaction: ClientTransaction, answer: Answer
    ) -> None:
        if transaction.followed and transaction.heard == 1 and _is_lost(answer):
            transaction.heard = 0
            self._end(LOST)
            return
        before = self.state
        self._write(transaction.take(answer))
        self.state = transaction.state
        if transaction.confused:
            self._end(CONFUSED)
        elif self.state is _S.READY:
            self._reset = not transaction.clean
            self._transaction, self._follower = self._follower, None
            self._tell(transaction)
            if self._transaction is not None:
                self.state = self._transaction.state
                self._stuffing = Stuffing()
        elif self.state is _S.CONTENT and before is not _S.CONTENT:
            self._events.append(GoAhead())

    def _end(self, word: Word) -> None:
        transaction, self._transaction = self._transaction, None
        follower, self._follower = self._follower, None
        if transaction is None:
            super()._end(word)
            return
        self.state = _S.CLOSED
        transaction.lose(word)
        self._tell(transaction)
        if follower is not None:
            # the word is about the one before: of this one nothing was said or taken
            follower.lose(LOST)
            self._tell(follower)

    def _tell(self, transaction: ClientTransaction) -> None:
        self._events.append(
            Finished(transaction.words, transaction.heard, transaction.followed)
        )


def _is_lost(answer: Answer) -> bool:
    """To MAIL behind another content: the server was not done with that, or lost it.

    It is about the order of commands (RFC 3463, section 3.6), and not about them.
    """
    if answer.positive:
        return False
    return answer.code == _OUT_OF_ORDER or answer.status in _PROTOCOL
