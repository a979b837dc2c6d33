"""Sessions of two processes, POP and foreign programs in one real mailbox."""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mailapp.storage.maildir.filename import parse
from mailapp.storage.types import (
    INBOX_ID,
    UID,
    Append,
    Discard,
    Expunge,
    FlagMode,
    NoSuch,
    SetFlags,
)
from tests.contract.store_case import gathered, now
from tests.threats import threat
from tests.unit.storage.maildir_case import ALICE, TEXT
from tests.unit.storage.test_index import IndexCase, shown
from tests.unit.storage.test_view import Client

_WHO = st.integers(0, 1)
_AT = st.integers(0, 6)
_FLAGS = st.sets(st.sampled_from(["\\Seen", "\\Draft", "\\Deleted", "Work"]))
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver")),
        st.tuples(st.just("flag"), _WHO, _AT, _FLAGS, st.sampled_from(FlagMode)),
        st.tuples(st.just("expunge"), _WHO, st.sets(_AT, max_size=3)),
        st.tuples(st.just("discard"), _AT),
        st.tuples(st.just("foreign_flags"), _AT, st.sampled_from(["", "S", "FS"])),
        st.tuples(st.just("foreign_removal"), _AT),
        st.tuples(st.just("foreign_message"), st.sampled_from(["new", "cur"])),
        st.tuples(st.just("lose_index")),
        st.tuples(st.just("look"), _WHO, st.booleans()),
    ),
    min_size=5,
    max_size=25,
)


class World:
    """Two processes and the files."""

    def __init__(self, case: IndexCase) -> None:
        self.path: Path = case.path
        self.serial = count(1)
        stores = [case.make_store(), case.make_store()]
        self.accounts: list[Any] = [now(store.open(ALICE)) for store in stores]
        self.boxes: list[Any] = [now(a.mailbox(INBOX_ID)) for a in self.accounts]
        self.clients = [Client(box.columns) for box in self.boxes]
        self.guids: dict[int, bytes] = {}
        self.highest = [0, 0]
        self.case = case

    def files(self) -> list[Path]:
        """All messages, in an order."""
        found = [*(self.path / "cur").iterdir(), *(self.path / "new").iterdir()]
        return sorted(found, key=lambda file: file.name)

    def touch(self, *parts: str) -> None:
        """Give directories another mtime, long ago, as nobody's clock is so fine."""
        for part in parts:
            at = time.time_ns() - 10**12 + next(self.serial) * 10**6
            os.utime(self.path / part, ns=(at, at))

    def uid(self, who: int, at: int) -> list[UID]:
        """A message that a process knows, if there are so many."""
        return [UID(uid) for uid in self.boxes[who].columns.uids[at : at + 1]]

    def commit(self, who: int, change: Any) -> None:
        """Let a process do it."""
        request = b"%d" % next(self.serial)
        now(self.accounts[who].commit([change], request_id=request))

    # ---- steps

    def deliver(self) -> None:
        """By one of us, in a third process."""
        self.case.deliver()

    def flag(self, who: int, at: int, flags: set[str], mode: FlagMode) -> None:
        """STORE."""
        change = SetFlags(INBOX_ID, self.uid(who, at), mode, frozenset(flags))
        self.commit(who, change)

    def expunge(self, who: int, places: set[int]) -> None:
        """EXPUNGE."""
        uids = [uid for at in sorted(places) for uid in self.uid(who, at)]
        self.commit(who, Expunge(INBOX_ID, uids))

    def discard(self, at: int) -> None:
        """POP3's QUIT."""
        items = now(self.accounts[0].items(INBOX_ID))[at : at + 1]
        self.commit(0, Discard(INBOX_ID, [item.blob for item in items]))

    def foreign_flags(self, at: int, info: str) -> None:
        """Mutt."""
        for file in self.files()[at : at + 1]:
            name = file.name.partition(":")[0] + ":2," + info
            file.rename(self.path / "cur" / name)
            self.touch("cur", file.parent.name)

    def foreign_removal(self, at: int) -> None:
        """A program that cleans up."""
        for file in self.files()[at : at + 1]:
            file.unlink()
            self.touch(file.parent.name)

    def foreign_message(self, part: str) -> None:
        """Another program delivers."""
        info = ":2,F" if part == "cur" else ""
        number = next(self.serial)
        (self.path / part / f"1700000000.{number}.host{info}").write_bytes(TEXT)
        self.touch(part)

    def lose_index(self) -> None:
        """Somebody removes it."""
        for file in self.path.glob("index.sqlite*"):
            file.unlink()

    def look(self, who: int, may_expunge: object) -> None:
        """NOOP, or a FETCH."""
        columns = now(self.boxes[who].refresh())
        self.clients[who].update(columns, may_expunge=bool(may_expunge))
        assert columns.highest_modseq >= self.highest[who]
        self.highest[who] = columns.highest_modseq
        assert list(columns.uids) == sorted(set(columns.uids))
        for place, uid in enumerate(columns.uids):
            assert columns.modseqs[place] <= columns.highest_modseq
            guid = self.guids.setdefault(uid, columns.guid(place))
            assert guid == columns.guid(place)
        if may_expunge:
            self.compare(who, columns)

    def compare(self, who: int, columns: Any) -> None:
        """What the client believes is what lies there."""
        assert self.clients[who].uids == list(columns.uids)
        believed = self.clients[who].masks
        told = [(u, columns.flags_of(believed[u])) for u in columns.uids]
        there = []
        for file in self.files():
            name = parse(os.fsencode(file.name))
            assert name is not None
            assert name.uid is not None
            letters = zip(b"SRFTDPa", columns.flags, strict=False)
            flags = tuple(flag for letter, flag in letters if letter in name.flags)
            there.append((name.uid, flags))
        assert told == sorted(there)
        for place in range(len(columns)):
            octets = b"".join(
                now(gathered(self.accounts[who].read(columns.blob(place))))
            )
            assert octets == TEXT


class SessionTests(IndexCase):
    """Whatever happens."""

    @threat(67, 68, 112)
    @settings(max_examples=60, deadline=None)
    @given(_STEPS)
    def test_sessions(self, steps: list[Any]) -> None:
        """Both clients come to know what lies there, and no UID comes twice."""
        for file in [*self.path.glob("cur/*"), *self.path.glob("new/*")]:
            file.unlink()
        world = World(self)
        for step, *arguments in steps:
            getattr(world, step)(*arguments)
        for who in (0, 1, 0):
            world.look(who, "at the end")
        for box in world.boxes:
            box.close()
        self.assertEqual(self.troubles, [])

    def test_gone(self) -> None:
        """A mailbox that is removed by hand is NoSuch, and no traceback."""
        world = World(self)
        for part in ("cur", "new"):
            (self.path / part).rmdir()
        with self.assertRaises(NoSuch):
            now(world.boxes[0].refresh())

    def test_seen_beside(self) -> None:
        """What a client has seen come has the same MODSEQ in the other process."""
        for part in ("new", "cur"):  # nothing is in doubt
            os.utime(self.path / part, (1, 1.5))
        mailbox = self.select_here()
        for _ in range(2):
            sink = self.alice.stage()
            now(sink.write(TEXT))
            self.commit(self.alice, Append(INBOX_ID, now(sink.ready())))
            before = now(mailbox.refresh())
            self.assertEqual(shown(self.select().columns), shown(before))
