"""What sessions have told their clients: sequence numbers are always right."""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.columns import (
    SYSTEM_FLAGS,
    Columns,
    Origin,
    apart,
    missing,
    order_of,
    without,
)
from mailapp.storage.types import BlobRef
from mailapp.storage.view import NOTHING, View
from tests.threats import threat


class Nowhere(Origin):
    """Messages without a body."""

    def blob(self, columns: Columns, place: int) -> BlobRef:
        """The UID."""
        return BlobRef(b"%d" % columns.uids[place])

    def guid(self, columns: Columns, place: int) -> bytes:
        """The UID."""
        return b"%d" % columns.uids[place]

    def email(self, columns: Columns, place: int) -> bytes:
        """The UID."""
        return b"%d" % columns.uids[place]

    def saved(self, columns: Columns, place: int) -> int | None:
        """Nobody knows."""


def columns(messages: dict[int, tuple[int, int]], highest: int = 0) -> Columns:
    """UIDs to masks and MODSEQs."""
    uids = sorted(messages)
    return Columns(
        uid_validity=1,
        uid_next=max(uids, default=0) + 1,
        highest_modseq=max(highest, *(m for _, m in messages.values()), 0),
        uids=array("I", uids),
        modseqs=array("Q", [messages[uid][1] for uid in uids]),
        masks=array("I", [messages[uid][0] for uid in uids]),
        flags=(*SYSTEM_FLAGS, "Work"),
        sizes=array("I", [10] * len(uids)),
        received=array("I", [0] * len(uids)),
        origin=Nowhere(),
    )


class Client:
    """Believes what it is told, as a client must; and a view for it."""

    def __init__(self, first: Columns) -> None:
        self.view = View(first)
        self.uids = list(first.uids)
        self.masks = dict(zip(first.uids, first.masks, strict=True))

    def update(self, now: Columns, *, may_expunge: bool) -> None:
        """Go on, and let the client hear of it."""
        update = self.view.update(now, may_expunge=may_expunge)
        gone = [self.uids.pop(number - 1) for number in update.expunged]
        assert sorted(gone) == list(update.vanished)
        assert may_expunge or not gone
        if update.exists is not None:
            came = [uid for uid in now.uids if uid > max(self.uids, default=0)]
            self.uids += came
            assert len(self.uids) == update.exists
            for uid in came:  # the client fetches what is new
                self.masks[uid] = now.masks[now.uids.index(uid)]
        for place in update.changed:
            assert now.uids[place] in self.uids
            self.masks[now.uids[place]] = now.masks[place]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 3)),
        st.tuples(st.just("flag"), st.integers(0, 20), st.integers(0, 63)),
        st.tuples(st.just("expunge"), st.sets(st.integers(0, 20), max_size=4)),
        st.tuples(st.just("look"), st.integers(0, 1), st.booleans()),
    ),
    max_size=40,
)


class ViewTests(SynchronousTestCase):
    """Views over columns that change."""

    @threat(67)
    @settings(max_examples=400, deadline=None)
    @given(_STEPS)
    def test_two_sessions(self, steps: list[Any]) -> None:
        """Whatever happens, each client knows which message has which number."""
        messages = {1: (0, 1), 2: (1, 1)}
        next_uid, modseq = 3, 1
        now = columns(messages)
        clients = [Client(now), Client(now)]
        for kind, *rest in steps:
            modseq += 1
            if kind == "deliver":
                for _ in range(rest[0]):
                    messages[next_uid] = (0, modseq)
                    next_uid += 1
                now = columns(messages, modseq)
            elif kind == "flag":
                uids = sorted(messages)[rest[0] : rest[0] + 1]
                messages |= dict.fromkeys(uids, (rest[1], modseq))
                places = [now.uids.index(uid) for uid in uids]
                now = now.with_masks(dict.fromkeys(places, rest[1]), modseq)
            elif kind == "expunge":
                uids = sorted(messages)
                for at in rest[0]:
                    if at < len(uids):
                        del messages[uids[at]]
                now = columns(messages, modseq)
            else:
                self.look(clients[rest[0]], now, may_expunge=rest[1])
        for client in clients:
            self.look(client, now, may_expunge=True)
            self.assertEqual(client.uids, sorted(messages))

    def look(self, client: Client, now: Columns, *, may_expunge: bool) -> None:
        """Update one client; what it believes is right."""
        client.update(now, may_expunge=may_expunge)
        view = client.view
        self.assertEqual(client.uids, list(view.uids))
        there = dict(zip(now.uids, now.masks, strict=True))
        for number, uid in enumerate(client.uids, 1):
            self.assertEqual((view.sequence(uid), view.uid(number)), (number, uid))
            place = view.place(number)
            self.assertEqual(place, now.place(uid))
            if uid in there:
                self.assertEqual(client.masks[uid], there[uid])
        pairs = list(view.pairs(1, 1000))
        self.assertEqual([now.uids[p] for _, p in pairs], list(now.uids))
        self.assertEqual(
            sorted([*now.uids, *view.gone()]), client.uids, "all and those to come"
        )
        self.assertEqual(view.aligned, not view.gone() and view.uids is now.uids)
        self.assertEqual(
            view.update(now, may_expunge=False), NOTHING, "nothing happened"
        )

    def test_limits(self) -> None:
        """There is no message 0, and none after the last."""
        view = View(columns({7: (0, 1)}))
        self.assertEqual(len(view), 1)
        for number in (-1, 0, 2):
            with self.assertRaises(IndexError):
                view.uid(number)
        self.assertIsNone(view.sequence(6))


_UIDS = st.sets(st.integers(1, 60)).map(lambda s: array("I", sorted(s)))


class ColumnsTests(SynchronousTestCase):
    """What columns are made of."""

    @given(_UIDS, _UIDS)
    def test_apart(self, old: array[int], new: array[int]) -> None:
        """What is in one only is found, whatever the other has."""
        gone, came = apart(old, new)
        self.assertEqual({old[at] for at in gone}, set(old) - set(new))
        self.assertEqual({new[at] for at in came}, set(new) - set(old))
        self.assertEqual(missing(old, new), gone)
        left = without(old, gone)
        self.assertEqual(set(left), set(old) & set(new))

    def test_apart_many(self) -> None:
        """The same, across the steps in which it works."""
        old = array("I", range(1, 20_001))
        new = array("I", [u for u in range(1, 20_101) if u % 3 and u not in {7, 8}])
        gone, came = apart(old, new)
        self.assertEqual({old[at] for at in gone}, set(old) - set(new))
        self.assertEqual({new[at] for at in came}, set(new) - set(old))

    @given(st.lists(st.integers(0, 2**32 - 1)))
    def test_order(self, keys: list[int]) -> None:
        """The order is that of the keys."""
        order = order_of(array("Q", keys))
        self.assertEqual([keys[at] for at in order], sorted(keys))

    def test_flags(self) -> None:
        """Flags are bits in any case, and bits without a flag stay unsaid."""
        found = columns({1: (33, 5), 2: (1 << 31, 4), 9: (1, 7)})
        self.assertEqual(found.mask_of(["\\SEEN", "work", "Other"]), 33)
        self.assertEqual(found.flags_of(33 | 1 << 31), ("\\Seen", "Work"))
        self.assertEqual((found.unseen, found.octets, found.first_unseen()), (1, 30, 1))
        self.assertEqual(list(found.changed_since(4)), [0, 2])
        self.assertEqual(found.changed_since(7), ())
        self.assertEqual(found.places(2, 9), range(1, 3))
        self.assertEqual(found.row(1).flags, frozenset())

    def test_wide_mask(self) -> None:
        """A mask that needs more octets gets them."""
        found = columns({1: (0, 1)}).with_masks({0: 1 << 63}, 2)
        self.assertEqual((list(found.masks), found.masks.itemsize), ([1 << 63], 8))
        self.assertEqual(found.unseen, 1)
