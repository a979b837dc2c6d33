"""SEARCH: keys compose, and nothing that a client says costs too much."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.storage.interfaces import T
from mailapp.storage.memory_mailbox import MemoryMailbox
from mailapp.storage.types import UID
from tests.threats import threat
from tests.unit.imap.commands.letters import DAY, full, receive
from tests.unit.imap.commands.talk import House


class BombTests(SynchronousTestCase):
    """What costs a client little and should not cost us much."""

    @threat(60)
    def test_many_terms(self) -> None:
        """Each message is read once, however many words are looked for."""
        house = full(20)
        client = house.client("SELECT INBOX")
        reads: list[int] = []
        inspect = MemoryMailbox.inspect

        async def counted(
            mailbox: MemoryMailbox,
            uids: Sequence[UID],
            look: Callable[[bytes], T],
            most: int,
        ) -> Sequence[tuple[UID, T | None]]:
            reads.extend(uids)
            return await inspect(mailbox, uids, look, most)

        self.patch(MemoryMailbox, "inspect", counted)
        terms = "".join(f"OR BODY word{n} " for n in range(60)) + "BODY none"
        self.assertEqual(client.give(f"SEARCH {terms}")[0], "* SEARCH")
        self.assertEqual(reads, list(range(1, 21)))

    @threat(57, 60)
    def test_deep(self) -> None:
        """NOT of NOT has an end."""
        client = full(2).client("SELECT INBOX")
        self.assertEqual(client.give("SEARCH " + "NOT " * 60 + "SEEN")[0], "* SEARCH")
        self.assertTrue(
            client.last("SEARCH " + "NOT " * 900 + "SEEN").startswith("BAD")
        )
        self.assertTrue(client.last("SEARCH " + "(" * 9000).startswith("BAD"))

    @threat(60)
    def test_sets(self) -> None:
        """A set costs what the mailbox has, not what it could mean."""
        client = full(3).client("SELECT INBOX")
        many = ",".join(f"{n}:4294967295" for n in range(1, 3000))
        self.assertEqual(client.give(f"SEARCH UID {many}")[0], "* SEARCH 1 2 3")
        self.assertEqual(client.give(f"SEARCH NOT UID {many}")[0], "* SEARCH")
        self.assertTrue(client.last("SEARCH *:4294967295").startswith("BAD"))

    @threat(60)
    def test_turns(self) -> None:
        """Others have their turn between slices, however large the mailbox is."""
        house = full(300)
        client = house.client("SELECT INBOX")
        for command in (
            "SEARCH TEXT word",
            "SEARCH FROM nobody",
            "SEARCH " + "NOT " * 50 + "SEEN",
            "SEARCH LARGER 7 SMALLER 9 BEFORE 1-Jan-2000",
        ):
            client.exit.pauses = 0
            client.give(command)
            self.assertGreater(client.exit.pauses, 3, command)


# ---- against the plainest way to say the same


@frozen
class Letter:
    """One message as the model knows it."""

    number: int
    flags: frozenset[str]
    day: int
    subject: str
    body: str


@frozen
class Key:
    """A key and what it means."""

    text: str
    holds: Callable[[Letter], bool]


WORDS = ("alpha", "beta", "gamma", "ALP", "eta")
FLAGS = ("\\Seen", "\\Flagged", "Work")
_letters = st.lists(
    st.tuples(
        st.frozensets(st.sampled_from(FLAGS)),
        st.integers(1, 20),
        st.sampled_from(WORDS),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    ),
    min_size=1,
    max_size=8,
)
_leaves = st.one_of(
    st.just(Key("SEEN", lambda m: "\\Seen" in m.flags)),
    st.just(Key("UNFLAGGED", lambda m: "\\Flagged" not in m.flags)),
    st.just(Key("KEYWORD Work", lambda m: "Work" in m.flags)),
    st.integers(1, 8).map(lambda n: Key(f"UID {n}:99", lambda m: m.number >= n)),
    st.integers(2, 20).map(
        lambda n: Key(f"BEFORE {n}-Jan-1970", lambda m: m.day + 1 < n)
    ),
    st.sampled_from(WORDS).map(
        lambda w: Key(f"SUBJECT {w}", lambda m: w.lower() in m.subject.lower())
    ),
    st.sampled_from(WORDS).map(
        lambda w: Key(f"BODY {w}", lambda m: w.lower() in m.body.lower())
    ),
    st.sampled_from(WORDS).map(
        lambda w: Key(
            f"TEXT {w}", lambda m: w.lower() in f"{m.subject} {m.body}".lower()
        )
    ),
)


def _or(pair: tuple[Key, Key]) -> Key:
    left, right = pair
    return Key(
        f"OR {left.text} {right.text}", lambda m: left.holds(m) or right.holds(m)
    )


def _and(keys: list[Key]) -> Key:
    text = " ".join(key.text for key in keys)
    return Key(f"({text})", lambda m: all(key.holds(m) for key in keys))


def _not(key: Key) -> Key:
    return Key(f"NOT {key.text}", lambda m: not key.holds(m))


_keys = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(_or),
        st.lists(inner, min_size=1, max_size=3).map(_and),
        inner.map(_not),
    ),
    max_leaves=8,
)


class ModelTests(SynchronousTestCase):
    """Keys compose."""

    @settings(deadline=None, max_examples=100)
    @given(_letters, st.lists(_keys, min_size=1, max_size=4))
    def test_keys(
        self, letters: list[tuple[frozenset[str], int, str, str]], keys: list[Key]
    ) -> None:
        """What is found is what each message by itself says."""
        house = House()
        model = []
        for number, (flags, day, subject, body) in enumerate(letters, 1):
            octets = f"Subject: {subject}\r\n\r\n{body}\r\n".encode()
            receive(house, octets, *flags, received=day * DAY)
            model.append(Letter(number, flags, day, subject, body))
        client = house.client("SELECT INBOX")
        for key in keys:
            expected = [m.number for m in model if key.holds(m)]
            found = client.give(f"SEARCH {key.text}")[0]
            self.assertEqual(
                found, " ".join(["* SEARCH", *map(str, expected)]), key.text
            )
