"""Random orders of commands against a model small enough to be seen to be right."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE, Status
from mailapp.policy.verdict import ACCEPT, Reject
from tests.play import octetwise, whole
from tests.threats import threat
from tests.unit.smtp.ledger import Ledger, Rules, codes, dial

_CUTS = st.sampled_from([whole, octetwise])


class Transactions(RuleBasedStateMachine):
    """The model: a name was said or not, a sender or none, recipients, chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.policy = Rules()
        self.wire = dial(self.ledger, policy=self.policy)
        self.hello = False
        self.sender = False
        self.recipients: list[str] = []
        self.binary = False
        self.chunks: bytes | None = None  # since the first BDAT
        self.stored = 0

    def _say(self, line: bytes, expected: int, cut: Any = whole) -> None:
        self.wire.feed(line + b"\r\n", cut)
        reply = self.wire.take()
        if not self.wire.closed:
            assert codes(reply) == [expected], (line, reply, expected)
        else:
            assert codes(reply)[-1] in {421, expected}, reply

    def _forget(self) -> None:
        self.sender = False
        self.recipients = []
        self.chunks = None

    while_open = precondition(lambda self: not self.wire.closed)

    @while_open
    @rule(verb=st.sampled_from([b"EHLO", b"HELO", b"ehlo"]), cut=_CUTS)
    def say_hello(self, verb: bytes, cut: Any) -> None:
        """HELO and EHLO begin anew."""
        self._say(verb + b" a.b", 250, cut)
        self.hello = True
        self._forget()

    @while_open
    @rule(reject=st.booleans(), binary=st.booleans())
    def mail(self, reject: bool, binary: bool) -> None:  # noqa: FBT001
        """MAIL opens a transaction, once."""
        line = b"MAIL FROM:<a@b>" + b" BODY=BINARYMIME" * binary
        self.policy.at_mail = Reject(Status(7, 1, "no")) if reject else ACCEPT
        legal = self.hello and not self.sender
        self._say(line, (550 if reject else 250) if legal else 503)
        if legal and not reject:
            self.sender, self.binary = True, binary

    @while_open
    @rule(user=st.sampled_from(["Jones", "Brown", "Green"]))
    def rcpt(self, user: str) -> None:
        """RCPT adds whom we know."""
        if not self.sender or self.chunks is not None:
            expected = 503
        elif user == "Green":
            expected = 550
        else:
            expected = 250
            if user not in self.recipients:
                self.recipients.append(user)
        self._say(b"RCPT TO:<%s@foo.com>" % user.encode(), expected)

    @while_open
    @rule(
        content=st.sampled_from([b"x\r\n", b"", b"..\r\n", b"\0\r\n", b"a\nb\r\n"]),
        fault=st.sampled_from(["", "write", "commit", "policy", "body"]),
        cut=_CUTS,
    )
    def data(self, content: bytes, fault: str, cut: Any) -> None:
        """DATA ends the transaction, whatever comes of it."""
        if self.chunks is not None or (self.binary and self.recipients):
            self._say(b"DATA", 503)
            return
        if not self.recipients:
            self._say(b"DATA", 554 if self.sender else 503)
            return
        self._say(b"DATA", 354)
        if self.wire.closed:
            return
        failure = TemporaryFailure(SYSTEM_TROUBLE)
        self.ledger.write_failure = failure if fault == "write" and content else None
        self.ledger.commit_failure = failure if fault == "commit" else None
        refused = Reject(Status(7, 1, "no"))
        self.policy.at_body = refused if fault == "policy" else ACCEPT
        spoilt = b"\0" in content or b"a\nb" in content
        recipients, self.recipients, self.sender = self.recipients, [], False
        if spoilt or fault == "policy":
            expected = 451 if fault == "write" and not spoilt else 550
        elif fault == "commit" or (fault == "write" and content):
            expected = 451
        else:
            expected = 250
        self.wire.feed(content, cut)
        self._say(b".", expected, cut)
        if expected == 250:
            self.stored += 1
            got = self.ledger.stored[-1].recipients
            assert got == [f"{user}@foo.com" for user in recipients], got

    @while_open
    @rule(
        content=st.sampled_from([b"x\r\n", b"", b".\r\n", b"\0", b"a\n", b"QUIT\r\n"]),
        last=st.booleans(),
        fault=st.sampled_from(["", "", "", "write", "commit", "policy"]),
        cut=_CUTS,
    )
    def bdat(
        self,
        content: bytes,
        last: bool,  # noqa: FBT001
        fault: str,
        cut: Any,
    ) -> None:
        """BDAT goes on with a transaction or ends it; what fails drops it all."""
        failure = TemporaryFailure(SYSTEM_TROUBLE)
        self.ledger.write_failure = failure if fault == "write" and content else None
        self.ledger.commit_failure = failure if fault == "commit" else None
        refused = Reject(Status(7, 1, "no"))
        self.policy.at_body = refused if fault == "policy" else ACCEPT
        line = b"BDAT %d%b\r\n" % (len(content), b" LAST" * last)
        self.wire.feed(line + content, cut)
        codes_seen = codes(self.wire.take())
        if self.wire.closed:
            assert codes_seen == [421]
            return
        if not self.recipients:
            assert codes_seen == [554 if self.sender else 503]
            return
        whole_content = (self.chunks or b"") + content
        spoilt = not self.binary and (b"\0" in content or b"a\n" in content)
        if spoilt:
            expected = 550
        elif fault == "write" and content:
            expected = 451
        elif last and fault == "policy":
            expected = 550
        elif last and fault == "commit":
            expected = 451
        else:
            expected = 250
        assert codes_seen == [expected], (line, content, codes_seen, expected)
        if expected != 250 or last:
            self._forget()
        else:
            self.chunks = whole_content
        if last and expected == 250:
            self.stored += 1
            assert self.ledger.stored[-1].content == whole_content

    @while_open
    @rule(line=st.sampled_from([b"RSET", b"rset "]))
    def reset(self, line: bytes) -> None:
        """RSET forgets."""
        self._say(line, 250)
        self._forget()

    @while_open
    @rule(
        pair=st.sampled_from(
            [
                (b"NOOP", 250),
                (b"VRFY x", 252),
                (b"EXPN x", 502),
                (b"HELP", 214),
                (b"RSET x", 501),
                (b"XYZZY", 500),
                (b"", 500),
                (b"EHLO", 501),
            ]
        )
    )
    def anything(self, pair: tuple[bytes, int]) -> None:
        """What changes nothing."""
        self._say(*pair)

    @precondition(lambda self: self.wire.closed)
    @rule()
    def connect_again(self) -> None:
        """After too many errors."""
        self.wire = dial(self.ledger, policy=self.policy)
        self.hello = False
        self._forget()

    @invariant()
    def nothing_left_over(self) -> None:
        """What is stored is acknowledged; only between chunks a body stays open."""
        assert len(self.ledger.stored) == self.stored
        if not self.wire.closed:
            assert len(self.ledger.open_bodies) == (self.chunks is not None)

    def teardown(self) -> None:
        """However it ends, it can end."""
        self.wire.client_closes()
        assert self.ledger.open_bodies == []


_Machine = Transactions.TestCase
_Machine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@threat(10, 11)
class MachineTests(_Machine):  # type: ignore[valid-type, misc]  # made by hypothesis
    """Random orders of commands keep the promises of the table."""


class FuzzTests(SynchronousTestCase):
    """A whole session and octets without sense."""

    @threat(10, 16, 129)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=30),
                st.sampled_from(
                    [
                        b"EHLO a.b\r\n",
                        b"MAIL FROM:<a@b>\r\n",
                        b"RCPT TO:<Jones@foo.com>\r\n",
                        b"DATA\r\n",
                        b"RSET\r\n",
                        b"\r\n",
                        b".\r\n",
                        b"BDAT 5\r\n",
                        b"BDAT 0 LAST\r\n",
                        b"BDAT 3 LAST\r\nabc",
                        b"text\r\n.\r\n",
                        b"a\nb\0",
                    ]
                ),
            ),
            max_size=30,
        )
    )
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """No octets raise, and every message that lies there was acknowledged."""
        ledger = Ledger()
        wire = dial(ledger)
        acknowledged = 0
        for piece in pieces:
            wire.feed(piece)
            acknowledged += wire.take().count(b" OK id=")
        wire.client_closes()
        self.assertEqual(len(ledger.stored), acknowledged)
        self.assertEqual(ledger.open_bodies, [])
