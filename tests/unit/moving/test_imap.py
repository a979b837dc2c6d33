"""Tests of mailapp.moving.imap: servers as they are, and what comes of them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.connection import NEED_DATA
from mailapp.core.secret import Secret
from mailapp.moving.imap import ImapSource
from mailapp.moving.imap_answers import (
    Listed,
    date_time,
    fetched,
    listed,
    namespaces,
    sequence_set,
    values,
)
from mailapp.moving.imap_client import (
    RESPONSE_OCTETS,
    Begins,
    ImapClient,
    Piece,
    Said,
    Trouble,
)
from mailapp.moving.imap_login import Server, Talk
from mailapp.moving.types import MoveProblem
from tests.contract.store_case import now
from tests.rows import rows, tabled
from tests.unit.moving.support import MovingCase

SERVER: Final = Server(
    host="imap.example.test", port=993, user="a@b", password=Secret(b'pass "word"')
)
PLAIN: Final = b"Subject: x\r\n\r\n"
Reply = Callable[[bytes], bytes]


class Script:
    """A server that answers each command by what its first matching row says.

    Args:
        answers: patterns of commands, and what is said before the tagged OK.
    """

    def __init__(self, answers: dict[bytes, bytes], cut: int = 7) -> None:
        self.machine = ImapClient()
        self.commands: list[bytes] = []
        self._answers = answers
        self._cut = cut
        self._octets = b""

    def write(self, octets: bytes) -> None:
        """See Dialogue."""
        tag, _, command = octets.rstrip(b"\r\n").partition(b" ")
        self.commands.append(command)
        for pattern, answer in self._answers.items():
            if re.match(pattern, command):
                self._octets += answer
                if not answer.startswith((b"NO", b"* BYE")):
                    self._octets += tag + b" OK done\r\n"
                elif answer.startswith(b"NO"):
                    self._octets = tag + b" " + answer
                return
        self._octets += tag + b" BAD what?\r\n"

    async def event(self) -> Any:
        """See Dialogue: octets come in small cuts."""
        while (event := self.machine.next_event()) is NEED_DATA:
            if not self._octets:
                self.machine.receive_eof()
            self.machine.receive(self._octets[: self._cut])
            self._octets = self._octets[self._cut :]
        return event


def folder(
    *fetches: bytes, listed_as: bytes = b'* LIST () "/" INBOX\r\n'
) -> dict[bytes, bytes]:
    """The answers of a server with one mailbox of two messages."""
    first = fetches[0]
    return {
        b"LIST": listed_as,
        b"LSUB": listed_as.replace(b"LIST", b"LSUB", 1),
        b"EXAMINE": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n",
        rb"UID FETCH 1:\* \(UID\)": b"* 1 FETCH (UID 3)\r\n* 2 FETCH (UID 5)\r\n",
        rb"UID FETCH \S+ \(UID FLAGS": (
            b"* 1 FETCH (UID 3 FLAGS (\\Seen \\Recent $x) INTERNALDATE"
            b' " 1-Jan-2001 10:00:00 +0100")\r\n'
            b'* 2 FETCH (FLAGS () INTERNALDATE "31-Dec-2001 23:59:59 -0030" UID 5)\r\n'
        ),
        rb"UID FETCH \S+ \(UID BODY": first,
    }


SEEN = ("INBOX", PLAIN, frozenset({"\\Seen", "$x"}), 978339600)
OTHER = ("INBOX", b"", frozenset[str](), 1009844999)
_USUAL = (
    b"* 1 FETCH (UID 3 BODY[] {14}\r\n"
    + PLAIN
    + b")\r\n* 2 FETCH (UID 5 BODY[] {0}\r\n)\r\n"
)


@tabled
class ImapTests(MovingCase):
    """Whole accounts, from servers of all kinds."""

    def source(
        self, answers: dict[bytes, bytes], cut: int = 7, **more: Any
    ) -> ImapSource:
        """An account after the login."""
        self.script = Script(answers, cut)
        dialogue: Any = self.script
        talk = Talk(dialogue, SERVER, more.pop("capabilities", frozenset()))
        return ImapSource(talk, b"imap:a@b", **more)

    @rows(
        usual=(_USUAL,),
        uid_behind=(
            b"* 1 FETCH (BODY[] {14}\r\n" + PLAIN + b" UID 3)\r\n"
            b"* 2 FETCH (BODY[] {0}\r\n UID 5)\r\n",
        ),
        lower_case=(
            b"* 1 fetch (uid 3 flags (\\Seen) body[] {14}\r\n" + PLAIN + b")\r\n"
            b"* 2 fetch (uid 5 body[] NIL)\r\n",
        ),
        other_order=(
            b'* 2 FETCH (UID 5 BODY[] "")\r\n* 9 EXISTS\r\n* OK [ALERT] hm\r\n'
            b"* 1 FETCH (UID 3 BODY[] {14}\r\n" + PLAIN + b")\r\n",
        ),
        more_than_asked=(b"* 3 FETCH (UID 9 BODY[] {3}\r\nabc)\r\n" + _USUAL + _USUAL,),
    )
    def test_messages(self, octets: bytes) -> None:
        """Octets, flags and dates come, each message once."""
        self.bring(self.source(folder(octets), 1))
        tally = self.bring(self.source(folder(octets), 4096))
        self.assertEqual(sorted(self.held()), sorted([SEEN, OTHER]))
        self.assertEqual((tally.imported, tally.known), (0, 2))

    def test_gone(self) -> None:
        """A message that another client removes meanwhile is counted."""
        octets = b"* 1 FETCH (UID 3 BODY[] {14}\r\n" + PLAIN + b")\r\n* 2 EXPUNGE\r\n"
        tally = self.bring(self.source(folder(octets)))
        self.assertEqual((tally.imported, tally.left_out), (1, 1))

    def test_unreadable(self) -> None:
        """A message that the server can't give is told, and stops no others."""
        answers = folder(b"NO can't be converted\r\n")
        tally = self.bring(self.source(answers))
        self.assertEqual((tally.imported, tally.left_out), (0, 2))
        self.assertIn("INBOX: the server refuses: can't be converted", tally.notes)
        self.assertEqual(self.bring(self.source(folder(_USUAL))).imported, 2)

    def test_empty(self) -> None:
        """An empty mailbox is made, and nothing is fetched."""
        answers = folder(b"", listed_as=b'* LIST () "/" A\r\n')
        answers[b"EXAMINE"] = b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n"
        self.assertEqual(self.bring(self.source(answers)).folders, 1)
        self.assertFalse([c for c in self.script.commands if b"FETCH" in c])

    def test_broken_off(self) -> None:
        """A connection that breaks in a message costs nothing: the next run goes on."""
        cut_off = b"* 1 FETCH (UID 3 BODY[] {14000000}\r\n" + PLAIN
        with self.assertRaisesRegex(MoveProblem, "breaks off|closed the connection"):
            self.bring(self.source(folder(cut_off)))
        self.assertEqual(self.held(), [])
        self.bring(self.source(folder(_USUAL)))
        self.assertEqual(self.held(), [SEEN, OTHER])

    def test_new_validity(self) -> None:
        """UIDs of another UIDVALIDITY are those of other messages."""
        self.bring(self.source(folder(_USUAL)))
        answers = folder(_USUAL) | {b"EXAMINE": b"* OK [UIDVALIDITY 8] ok\r\n"}
        self.assertEqual(self.bring(self.source(answers)).imported, 2)

    def test_mailboxes(self) -> None:
        """Namespaces, separators, names, uses and subscriptions are understood."""
        names = (
            b'* LIST (\\HasChildren) "." INBOX\r\n'
            b'* LIST (\\Sent) "." "INBOX.Sent"\r\n'
            b'* LIST () "." INBOX.Entw&APw-rfe.a/b\r\n'
            b'* LIST () "." {9}\r\nINBOX.x\\y\r\n'
            b'* LIST (\\Noselect) "." INBOX.none\r\n'
            b'* LIST () "." "shared.all"\r\n'
            b'* LIST () "." "INBOX.Skip"\r\n'
        )
        answers = folder(_USUAL, listed_as=names) | {
            b"NAMESPACE": b'* NAMESPACE (("INBOX." ".")) NIL (("shared." "."))\r\n',
            b"LSUB": b'* LSUB () "." INBOX.Sent\r\n',
            rb"UID FETCH 1:\* \(UID\)": b"",
        }
        source = self.source(
            answers, capabilities=frozenset({"NAMESPACE"}), skip=frozenset({"Skip"})
        )
        self.bring(source)
        found = {each.name: each.id for each in now(self.account.names())}
        self.assertEqual(
            set(found), {("INBOX",), ("Sent",), ("Entwürfe", "a/b"), ("x\\y",)}
        )
        noted = now(self.account.marks.read())
        self.assertEqual(noted.subscribed, {("Sent",)})
        self.assertEqual(noted.uses, {found["Sent",]: {"\\Sent"}})
        self.assertIn(b'EXAMINE "INBOX.x\\\\y"', self.script.commands)

    @rows(
        plain=rb'pass "word"',
        quoted=rb"pass \"word\"",
        encoded=b64encode(b'\0a@b\0pass "word"'),
    )
    def test_echo(self, said: bytes) -> None:
        """A server that repeats what it was told does not get our password shown."""
        for answer in b"NO bad login: " + said, b"* BYE " + said:
            dialogue: Any = Script({b"LOGIN": answer + b"\r\n"})
            talk = Talk(dialogue, SERVER)
            done = Deferred.fromCoroutine(talk.do(b"LOGIN"))
            problem = self.failureResultOf(done, MoveProblem)
            self.assertIn("***", problem.getErrorMessage())
            self.assertNotIn("pass", problem.getErrorMessage())
            self.assertNotIn(said.decode(), problem.getErrorMessage())

    def test_refused(self) -> None:
        """A mailbox that can't be opened is told, and the others come."""
        answers = folder(_USUAL, listed_as=b'* LIST () "/" A\r\n* LIST () "/" B\r\n')
        answers = {rb'EXAMINE "A"': b"NO [NOPERM] not yours\r\n"} | answers
        tally = self.bring(self.source(answers))
        self.assertEqual((tally.imported, len(tally.notes)), (2, 1))
        self.assertIn("A can't be opened", tally.notes[0])


@tabled
class AnswerTests(SynchronousTestCase):
    """Responses as values."""

    def test_values(self) -> None:
        """Strings of all kinds, and lists in lists."""
        self.assertEqual(
            values(b'* X ("a\\"b" {3}\r\nc)d (NIL BODY[HEADER.FIELDS (A B)] 7))'),
            [
                b"*",
                b"X",
                [b'a"b', b"c)d", [b"NIL", b"BODY[HEADER.FIELDS (A B)]", b"7"]],
            ],
        )

    @rows(
        no_hierarchy=(b'* LIST () NIL "a.b"', ("a.b",)),
        quoted=(b'* LIST (\\Marked) "\\\\" "a\\\\b"', ("a", "b")),
        inbox=(b'* LIST () "/" inbox', ("INBOX",)),
        below_inbox=(b'* LIST () "/" "Inbox/x"', ("INBOX", "x")),
        bad_utf7=(b'* LIST () "/" "a&b"', ("a&b",)),
        utf8=('* LIST () "/" "Müll"'.encode(), ("Müll",)),
    )
    def test_listed(self, octets: bytes, levels: tuple[str, ...]) -> None:
        """Names become levels."""
        found = listed(octets)
        assert isinstance(found, Listed)
        self.assertEqual(found.levels(), levels)

    @rows(
        date=(b"17-Jul-1996 02:44:25 -0700", 837596665),
        one_digit=(b" 1-jan-1970 00:00:00 +0000", 0),
        no_month=(b" 1-Foo-1970 00:00:00 +0000", None),
        nothing=(b"", None),
    )
    def test_date(self, octets: bytes, seconds: int | None) -> None:
        """INTERNALDATE."""
        self.assertEqual(date_time(octets), seconds)

    def test_sequence_set(self) -> None:
        """Runs of UIDs are ranges."""
        self.assertEqual(sequence_set([1, 2, 3, 7, 9, 10]), b"1:3,7,9:10")

    def test_endless(self) -> None:
        """Lines, literals and lists without end are cut off."""
        for octets in (b"x" * RESPONSE_OCTETS * 2, b"* {99999999999}\r\n"):
            machine = ImapClient()
            machine.receive(octets)
            self.assertIsInstance(machine.next_event(), Trouble)
        values(b"(" * 100_000)

    @given(st.binary(max_size=60), st.integers(1, 9))
    @settings(deadline=None, max_examples=100)
    def test_anything(self, octets: bytes, cut: int) -> None:
        """No response breaks the client, and cuts change nothing."""
        for parse in (values, fetched, listed, namespaces):
            parse(b"* LIST " + octets)
        whole = b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b FLAGS ())\r\n" % (
            len(octets),
            octets,
        )
        machine, taken, said = ImapClient(), b"", []
        for at in range(0, len(whole), cut):
            machine.receive(whole[at : at + cut])
            while (event := machine.next_event()) is not NEED_DATA:
                if isinstance(event, Piece):
                    taken += event.octets
                elif isinstance(event, Begins | Said):
                    said.append(event.octets)
        self.assertEqual(taken, octets)
        self.assertEqual(
            said, [b"* 1 FETCH (UID 1 BODY[] ", b"* 1 FETCH (UID 1 BODY[] {} FLAGS ())"]
        )
