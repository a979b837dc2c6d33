"""Texts are put into the index in the background, and a search is right meanwhile."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.maildir.text_builds import (
    BEGIN_SECONDS,
    ELSEWHERE_SECONDS,
    REST_SECONDS,
    TextBuilds,
)
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Destination,
    Expunge,
    TextMatches,
    TextQuery,
    Unavailable,
    Where,
)
from tests.contract.store_case import now
from tests.unit.imap.commands.talk import House
from tests.unit.storage.maildir_case import BOB
from tests.unit.storage.test_index import IndexCase

MESSAGES: Final = 110
"""Three pieces."""
_QUERY: Final = TextQuery(Where.BODY, "APPLES")


def _text(number: int) -> bytes:
    return b"Subject: %d\r\n\r\nsome %b\r\n" % (
        number,
        b"apples" if number % 2 else b"",
    )


_PLAIN: Final = b"Content-Type: text/plain\r\n"
_PARTS: Final = (
    _PLAIN + b"\r\nPlums.",
    _PLAIN + b"X: two\r\n plums\r\n\r\npears",
    _PLAIN + b"X: =?utf-8?q?pl=75ms?= pears\r\n\r\nx",
    _PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\ncGx1bXM=",
    _PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\npl=\r\nu=6Ds",
    b"Content-Type: text/html\r\n\r\n<p>pl<b>ums</b> &amp; green<i>gages</i>",
    b"Content-Type: text/html\r\n\r\n<plums>&#112;ears",
    b"Content-Type: image/png; name=pears\r\n\r\nplums",
    b"Content-Type: message/rfc822\r\n\r\nSubject: two\tplums\r\n\r\ngages",
    b"Content-Type: text/html\r\n\r\n<a href='http://ga\r\nges/'>x",
)


def _part(number: int) -> bytes:
    """A message with one word in the body, and a part of some kind."""
    return (
        b"Content-Type: multipart/mixed; boundary=b\r\n%b\r\n--b\r\n%b\r\n--b--\r\n"
        % (
            _text(number).replace(b"\r\n\r\n", b"\r\n\r\n--b\r\n\r\n"),
            _PARTS[number % len(_PARTS)],
        )
    )


class BuildCase(IndexCase):
    """A mailbox whose texts are not in the index."""

    def setUp(self) -> None:
        """Every other message has the word."""
        super().setUp()
        for number in range(MESSAGES):
            self.deliver(_text(number))

    def search(self, mailbox: Any, query: TextQuery = _QUERY) -> TextMatches | None:
        """What the index knows."""
        found: TextMatches | None = now(mailbox.search(query))
        return found

    def begin(self) -> None:
        """So much later it begins."""
        self.clock.advance(BEGIN_SECONDS)

    def finish(self) -> None:
        """It goes on to the end."""
        self.begin()
        while self.clock.getDelayedCalls():
            self.clock.advance(REST_SECONDS)


class BackgroundTests(BuildCase):
    """Nobody has to stay for it."""

    def test_to_the_end(self) -> None:
        """One search, and all texts are indexed though the session is gone."""
        mailbox = self.select_here()
        self.assertIsNone(self.search(mailbox))
        mailbox.close()
        self.finish()
        there = self.select()
        wanted = {UID(uid) for uid in range(2, MESSAGES + 1, 2)}
        self.assertEqual(self.search(there), TextMatches(wanted, MESSAGES))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_header_fields(self) -> None:
        """A search in header fields alone does not have texts indexed."""
        mailbox = self.select_here()
        self.assertIsNone(self.search(mailbox, TextQuery(Where.SUBJECT, "100")))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_meanwhile(self) -> None:
        """What is there is used, with how far it goes."""
        mailbox = self.select_here()
        self.search(mailbox)
        self.begin()
        found = self.search(mailbox)
        assert found is not None
        self.assertEqual(found.reached, 50)
        self.assertEqual(found.uids, {UID(uid) for uid in range(2, 51, 2)})

    def test_kept_up(self) -> None:
        """What comes later is indexed when somebody selects the mailbox."""
        mailbox = self.select_here()
        self.search(mailbox)
        self.finish()
        mailbox.close()
        self.deliver(_text(1))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        again = self.select_here()
        again.close()
        self.finish()
        found = self.search(again)
        assert found is not None
        self.assertEqual(found.reached, MESSAGES + 1)
        self.assertIn(MESSAGES + 1, found.uids)
        self.select_here()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_two_processes(self) -> None:
        """While another one reads messages this one does not read the same, too.

        It asks once a second whether that one is done.
        """
        mailbox = self.select_here()
        self.search(mailbox)
        with (self.path / "mailapp-texts.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.begin()
            self.clock.pump([REST_SECONDS] * 3)
            self.assertIsNone(self.search(mailbox))
            (call,) = self.clock.getDelayedCalls()
            self.assertGreater(call.getTime() - self.clock.seconds(), 0.9)
            self.clock.advance(ELSEWHERE_SECONDS)
            self.assertIsNone(self.search(mailbox))
        self.finish()
        found = self.search(mailbox)
        assert found is not None
        self.assertEqual(found.reached, MESSAGES)

    def test_restart(self) -> None:
        """Another process goes on where one stopped, once somebody selects it."""
        mailbox = self.select_here()
        self.search(mailbox)
        self.begin()
        now(self.store.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        there = self.select()
        self.finish()
        found = self.search(there)
        assert found is not None
        self.assertEqual(found.reached, MESSAGES)

    def test_gone(self) -> None:
        """A mailbox that is removed meanwhile ends it; so does one that is emptied."""
        mailbox = self.select_here()
        self.search(mailbox)
        self.begin()
        self.commit(
            self.alice, Expunge(INBOX_ID, [UID(uid) for uid in mailbox.columns.uids])
        )
        self.finish()
        found = self.search(mailbox)
        assert found is not None
        self.assertEqual(found.reached, 50)
        self.deliver(_text(1))
        self.search(mailbox)
        shutil.rmtree(self.path)
        self.finish()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_at_a_time(self) -> None:
        """The mailbox that was searched last is finished before another goes on."""
        for number in range(60):
            self.deliver(_text(number), Destination(BOB))
        mine = self.select_here()
        other = now(now(self.store.open(BOB)).mailbox(INBOX_ID))
        self.addCleanup(other.close)
        for mailbox in (mine, other):
            self.search(mailbox)
        seen: list[tuple[int, int]] = []
        self.begin()
        while self.clock.getDelayedCalls():
            self.clock.advance(REST_SECONDS)
            found = [self.search(mailbox) for mailbox in (mine, other)]
            seen.append(tuple(each.reached if each else 0 for each in found))  # type: ignore[arg-type]  # two
        self.assertEqual(seen, [(0, 60), (50, 60), (100, 60), (110, 60)])


class PaceTests(SynchronousTestCase):
    """Pieces, rests and the end, without a disk."""

    def setUp(self) -> None:
        """A piece that takes as long as the test says."""
        self.clock = Clock()
        self.builds = TextBuilds(self.clock)
        self.pieces: list[Deferred[int]] = []

    async def step(self) -> int:
        """One piece."""
        piece: Deferred[int] = Deferred()
        self.pieces.append(piece)
        return await piece

    def test_rest(self) -> None:
        """It rests half as long as it worked."""
        self.builds.want("a", self.step)
        self.clock.advance(BEGIN_SECONDS)
        self.builds.want("a", self.step)
        self.clock.advance(3)
        self.pieces[0].callback(1)
        self.clock.advance(1.4)
        self.assertEqual(len(self.pieces), 1)
        self.clock.advance(0.2)
        self.assertEqual(len(self.pieces), 2)
        self.pieces[1].callback(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_elsewhere(self) -> None:
        """What another process does waits, and what this one can do goes on."""

        async def elsewhere() -> None:
            pass

        self.builds.want("a", elsewhere)
        self.builds.want("b", self.step)
        self.clock.advance(BEGIN_SECONDS)
        self.assertEqual(self.pieces, [])
        self.clock.advance(ELSEWHERE_SECONDS)
        self.pieces[0].callback(1)
        self.clock.advance(REST_SECONDS)
        self.assertEqual(len(self.pieces), 2)

    def test_stop(self) -> None:
        """It ends after the piece that is being done, and takes no more."""
        self.builds.want("a", self.step)
        self.clock.advance(BEGIN_SECONDS)
        stopped = Deferred.fromCoroutine(self.builds.stop())
        self.builds.want("b", self.step)
        self.assertNoResult(stopped)
        self.pieces[0].callback(1)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_trouble(self) -> None:
        """What fails is given up, what comes behind it is not; bugs are told."""
        for key in "abc":
            self.builds.want(key, self.step)
        self.clock.advance(BEGIN_SECONDS)
        self.pieces[0].errback(Unavailable())
        self.clock.advance(REST_SECONDS)
        self.pieces[1].errback(ValueError())
        self.clock.advance(REST_SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.pieces[2].callback(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AnswerTests(SynchronousTestCase):
    """Whatever is indexed, the answer of SEARCH is the same."""

    def setUp(self) -> None:
        """An IMAP session before a real store."""
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)

        def make(clock: Clock) -> MaildirStore:
            indexes = Indexes(lambda _path, why: self.fail(why))
            return MaildirStore(root, inline, clock=clock, indexes=indexes)

        self.house = House(make_store=make)
        self.addCleanup(lambda: now(self.house.store.close()))
        for number in range(MESSAGES):
            self.house.put(body=_part(number))
        self.client = self.house.client("SELECT INBOX")

    def test_same(self) -> None:
        """Not indexed, in part, whole, and with later messages."""
        lines = (
            "SEARCH BODY apples",
            "SEARCH NOT BODY apples",
            "SEARCH OR SUBJECT 10 TEXT apples",
            "SEARCH 40:60 TEXT pp NOT SUBJECT 5",
            "SEARCH BODY plums",
            "SEARCH TEXT plums",
            'SEARCH TEXT "two plums"',
            "SEARCH TEXT gages",
            "SEARCH TEXT pears",
            "SEARCH BODY text",
        )
        first = [self.client.give(line)[0] for line in lines]
        self.assertIn(" 2 4 ", first[0])
        kinds = {0, 3, 4, 5, 8}
        plums = [n + 1 for n in range(MESSAGES) if n % len(_PARTS) in kinds]
        self.assertEqual(first[4], " ".join(["* SEARCH", *map(str, plums)]))
        for seconds in (BEGIN_SECONDS, REST_SECONDS, REST_SECONDS):
            self.house.clock.advance(seconds)
            again = [self.client.give(line)[0] for line in lines]
            self.assertEqual(again, first)
        self.house.put(body=_text(1))
        self.client.give("NOOP")
        last = self.client.give("SEARCH BODY apples")[0]
        self.assertEqual(last, f"{first[0]} {MESSAGES + 1}")
