"""Two processes, foreign programs, POP3 and many clients around one real mailbox.

Clients are spread over the processes; some wait in IDLE, and hear what anybody does
before anything else is asked. ``MAILAPP_MODEL_EXAMPLES`` plays so many more rounds.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.opened import HINT_SECONDS_MOST, Neighbours
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import (
    INBOX_ID,
    AccountId,
    Destination,
    Discard,
    FolderId,
)
from tests.threats import threat
from tests.unit.imap.commands.talk import House, now
from tests.unit.imap.commands.test_model import (
    FLAGS,
    Sessions,
    flags,
    play,
    sessions,
    uids,
)

EXAMPLES: Final = int(os.environ.get("MAILAPP_MODEL_EXAMPLES", "0"))
ALICE: Final = AccountId("alice@example.test")
TEXT: Final = b"Subject: x\r\n\r\nHello.\r\n"
_LETTERS: Final = {"\\Seen": "S", "\\Deleted": "T", "\\Flagged": "F"}
_NUMBERS: Final = re.compile(r"\d+")
processes = st.integers(0, 1)
places = st.integers(0, 8)


class Eyes:
    """The system's notices of changes in directories, for all processes."""

    def __init__(self) -> None:
        self._hints: list[tuple[bytes, Callable[[], None]]] = []

    def __call__(self, path: bytes, hint: Callable[[], None]) -> Callable[[], None]:
        """See Notify."""
        entry = (path, hint)
        self._hints.append(entry)
        return lambda: self._hints.remove(entry)

    def tell(self, path: Path) -> None:
        """Something happened there."""
        for watched, hint in list(self._hints):
            if watched == os.fsencode(path):
                hint()


class Processes(Sessions):
    """Two processes over one directory, and programs that know nothing of them."""

    def make_house(self) -> House:
        """Two of them, over one directory."""
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "example.test" / "alice"
        self.serial = count(1)
        self.eyes = Eyes()
        self.troubles: list[str] = []
        self.houses: list[House] = []
        self.houses = [self.make_process(), self.make_process()]
        return self.houses[0]

    def make_process(self) -> House:
        """A process; what it changes is told to the others, as on the bus."""

        def changed(account: AccountId, folder: FolderId | None) -> None:
            for house in self.houses:
                if house.store is not stores[0]:
                    house.store.noticed(account, folder)

        def make(clock: Clock) -> MaildirStore:
            stores.append(
                MaildirStore(
                    self.root,
                    inline,
                    clock=clock,
                    neighbours=Neighbours(self.eyes, changed),
                    indexes=Indexes(lambda _path, why: self.troubles.append(why)),
                )
            )
            return stores[0]

        stores: list[MaildirStore] = []
        return House(make_store=make)

    def house_of(self, who: int) -> House:
        """They take turns."""
        return self.houses[who % 2]

    # ---- the directory

    def files(self, at: int) -> list[Path]:
        """One message, if there are so many."""
        found = [*(self.path / "cur").iterdir(), *(self.path / "new").iterdir()]
        return sorted(found, key=lambda file: file.name)[at : at + 1]

    def touch(self, *parts: str) -> None:
        """Give directories another mtime, long ago, as nobody's clock is so fine."""
        for part in parts:
            at = time.time_ns() - 10**12 + next(self.serial) * 10**6
            os.utime(self.path / part, ns=(at, at))
            self.eyes.tell(self.path / part)

    @rule(at=places, given=st.sets(st.sampled_from(sorted(_LETTERS))))
    def foreign_flags(self, at: int, given: set[str]) -> None:
        """Another program renames a file."""
        for file in self.files(at):
            letters = "".join(sorted(_LETTERS[flag] for flag in given))
            name = f"{file.name.partition(':')[0]}:2,{letters}"
            file.rename(self.path / "cur" / name)
            self.touch("cur", file.parent.name)

    @rule(at=places)
    def foreign_removal(self, at: int) -> None:
        """Another program removes a file."""
        for file in self.files(at):
            file.unlink()
            self.touch(file.parent.name)

    @rule(at=places, who=sessions, part=st.sampled_from(["new", "cur"]))
    def foreign_absence(self, at: int, who: int, part: str) -> None:
        """Another program takes a file away and puts it back, and a client looks.

        A client that was told of the one is told of a new UID.
        """
        for file in self.files(at):
            away = file.rename(self.path / "tmp" / file.name)
            self.touch(file.parent.name)
            self.agree(self.mirror(who))
            name = file.name if part == "cur" else file.name.partition(":")[0]
            away.rename(self.path / part / name)
            self.touch(part)

    @rule(part=st.sampled_from(["new", "cur"]))
    def foreign_message(self, part: str) -> None:
        """Another program delivers."""
        info = ":2,F" if part == "cur" else ""
        name = f"1700000000.{next(self.serial)}.host{info}"
        (self.path / part / name).write_bytes(TEXT)
        self.touch(part)

    @rule(at=places, back=st.booleans())
    def foreign_copy(self, at: int, *, back: bool) -> None:
        """Another program puts back, or copies, a file under the same name."""
        for file in self.files(at):
            (self.path / "tmp" / "copy").write_bytes(TEXT)
            if back:
                file.unlink()
            copy = self.path / "cur" / f"{file.name.partition(':')[0]}:2,"
            (self.path / "tmp" / "copy").rename(copy)
            self.touch("cur", file.parent.name)

    @rule()
    def lose_index(self) -> None:
        """Somebody removes it; who is told of a change looks within moments."""
        for house in self.houses:
            mailbox = now(house.account.mailbox(INBOX_ID))
            now(mailbox.refresh())
            mailbox.close()
        for file in self.path.glob("index.sqlite*"):
            file.unlink()


class Neighbourhood(Processes):
    """See the module: what else happens to the processes and their clients."""

    # ---- other protocols and processes

    @rule(which=processes, amount=st.integers(1, 3))
    def deliver_by_smtp(self, which: int, amount: int) -> None:
        """Messages come, by one process."""
        store = self.houses[which].store
        for _ in range(amount):
            sink = store.stage()
            now(sink.write(TEXT))
            assert now(store.deliver(sink, [Destination(ALICE)])) == [None]

    @rule(which=processes, at=st.sets(places, max_size=3))
    def discard(self, which: int, at: set[int]) -> None:
        """QUIT of POP3."""
        house = self.houses[which]
        items = list(now(house.account.items(INBOX_ID)))
        blobs = [item.blob for number, item in enumerate(items) if number in at]
        now(house.commit(Discard(INBOX_ID, blobs)))

    @rule(which=processes)
    def restart(self, which: int) -> None:
        """A process dies; another takes its place, and its clients."""
        old = self.houses[which]
        self.houses[which] = self.make_process()
        for mirror in self.mirrors:
            if mirror.house is old:
                mirror.lose(self.houses[which])
        now(old.store.close())
        self.house = self.houses[0]

    # ---- clients

    @rule(who=sessions)
    def idle(self, who: int) -> None:
        """A client waits."""
        self.mirror(who).idle()

    @rule(who=sessions, which=processes)
    def move_over(self, who: int, which: int) -> None:
        """The connection breaks, and the next one comes to another process."""
        mirror = self.mirror(who)
        mirror.lose(self.houses[which])
        self.agree(mirror)

    @rule(who=sessions, given=flags)
    def append(self, who: int, given: frozenset[str]) -> None:
        """APPEND; APPENDUID names a message that is there."""
        words = " ".join(sorted(given))
        text = "a: b\r\n\r\nc\r\n"
        mirror = self.mirror(who)
        end = mirror.give(f"APPEND INBOX ({words}) {{{len(text)}+}}\r\n{text}").end
        uid = int(_NUMBERS.findall(end.partition("APPENDUID")[2])[1])
        assert dict(self.truth())[uid] == given

    @rule(
        who=sessions, again=st.sampled_from(["SELECT", "EXAMINE", "CLOSE", "UNSELECT"])
    )
    def select_again(self, who: int, again: str) -> None:
        """The mailbox is left and selected again, without QRESYNC."""
        self.mirror(who).select_again(again)

    @rule(who=sessions, flag=st.sampled_from(FLAGS))
    def search(self, who: int, flag: str) -> None:
        """SEARCH finds what the client may know, by flag and all; SORT orders all."""
        mirror = self.mirror(who)
        word = flag[1:].upper() if flag[0] == "\\" else f"KEYWORD {flag}"
        self.agree(mirror)
        for command, wanted in (
            (f"UID SEARCH {word}", [u for u, given in self.truth() if flag in given]),
            ("UID SEARCH TEXT ello", None),
            ("UID SORT (ARRIVAL) UTF-8 ALL", [u for u, _ in self.truth()]),
        ):
            lines = mirror.ask(command)
            found = [line for line in lines if "SEARCH" in line or "SORT" in line][:1]
            numbers = sorted(expanded(found[0]))
            assert wanted is None or numbers == wanted, (command, lines, wanted)
            assert set(numbers) <= {uid for uid, _ in self.truth()}

    @rule(who=sessions)
    def status(self, who: int) -> None:
        """STATUS, of another mailbox or this, tells the truth."""
        line = self.mirror(who).ask("STATUS INBOX (MESSAGES UNSEEN UIDNEXT)")
        truth = self.truth()
        text = next(line for line in line if line.startswith("* STATUS"))
        numbers = dict(re.findall(r"(MESSAGES|UNSEEN|UIDNEXT) (\d+)", text))
        assert int(numbers["MESSAGES"]) == len(truth), (text, truth)
        unseen = sum("\\Seen" not in given for _, given in truth)
        assert int(numbers["UNSEEN"]) == unseen, (text, truth)
        assert int(numbers["UIDNEXT"]) > max([uid for uid, _ in truth], default=0)

    @rule(who=sessions, uid=uids)
    def bring_back(self, who: int, uid: set[int]) -> None:
        """Messages go to another mailbox, and one comes back with a new UID."""
        mirror = self.mirror(who)
        names = ",".join(map(str, sorted(uid)))
        mirror.give(f"UID MOVE {names} other")
        other = self.house_of(who).client("SELECT other")
        other.give("MOVE 1 INBOX")

    @rule(who=sessions)
    def rename_inbox(self, who: int) -> None:
        """RENAME of INBOX moves all that is in it (RFC 9051, section 6.3.6)."""
        mirror = self.mirror(who)
        assert mirror.give(f"RENAME INBOX kept{next(self.serial)}").end[:2] == "OK"
        assert self.truth() == []
        self.deliver_by_smtp(0, 1)

    @rule(who=sessions)
    def changed_since(self, who: int) -> None:
        """CHANGEDSINCE tells all that changed, and VANISHED all that went."""
        mirror = self.mirror(who)
        if mirror.resyncs:
            self.agree(mirror)
            before, modseq = dict(self.truth()), mirror.modseq
            mirror.remembered.append((modseq, before))
            truth = dict(self.truth())
            for since, old in mirror.remembered:
                if not since:
                    continue
                told = f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since} VANISHED)"
                lines = mirror.ask(told)
                changed = {u for u, given in truth.items() if old.get(u) != given}
                fetched = {int(m[1]) for m in map(_FETCHED.search, lines) if m}
                assert changed <= fetched, (changed, lines)
                gone = set()
                for line in lines:
                    if line.startswith("* VANISHED (EARLIER) "):
                        gone |= expanded(line)
                assert set(old) - set(truth) <= gone, (old, truth, lines)
                assert not gone & set(truth), (gone, truth)

    # ---- in the end

    def settle(self) -> None:
        """Time passes, and what is to be pushed is."""
        for house in self.houses:
            house.clock.advance(2 * HINT_SECONDS_MOST)

    @invariant()
    def those_who_wait_know(self) -> None:
        """Who is in IDLE has heard everything, and asked for nothing."""
        self.settle()
        waiting = [mirror for mirror in self.mirrors if mirror.idling]
        for mirror in waiting:
            mirror.hear()
        truth = self.truth() if waiting else []
        for mirror in waiting:
            assert len(mirror.messages) == len(truth), (mirror.messages, truth)
            for known, (uid, words) in zip(mirror.messages, truth, strict=True):
                assert known.uid in {None, uid}, (mirror.messages, truth)
                assert known.flags in {None, words}, (known, words)

    def teardown(self) -> None:
        """In the end all agree."""
        try:
            super().teardown()
            assert self.troubles == []
        finally:
            for house in self.houses:
                now(house.store.close())
            shutil.rmtree(self.root)


_TAG: Final = re.compile(r"\(TAG [^)]*\)")
_FETCHED: Final = re.compile(r"\* \d+ FETCH \(UID (\d+)")


def expanded(line: str) -> set[int]:
    """The numbers in a line, with ranges."""
    found: set[int] = set()
    for low, high in re.findall(r"(\d+)(?::(\d+))?", _TAG.sub("", line)):
        found |= set(range(int(low), int(high or low) + 1))
    return found


class TwoSessions(Neighbourhood):
    """One at each process."""

    enabled: ClassVar[tuple[str, ...]] = ("CONDSTORE", "QRESYNC")


class FiveSessions(Neighbourhood):
    """All kinds of clients."""

    enabled: ClassVar[tuple[str, ...]] = (
        "CONDSTORE",
        "QRESYNC",
        "QRESYNC",
        "IMAP4rev2",
        "",
    )


class NeighbourhoodTests(SynchronousTestCase):
    """Both, many times."""

    @threat(65, 67, 68, 112)
    def test_two(self) -> None:
        """Two sessions agree with what lies there, whatever anybody does."""
        play(TwoSessions, EXAMPLES or 8)

    @threat(65, 67, 68, 112)
    def test_five(self) -> None:
        """So do five."""
        play(FiveSessions, EXAMPLES or 5)
