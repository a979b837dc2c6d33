"""A client that believes what it is told, and knows no more than that.

It keeps a mailbox as RFC 3501 and RFC 7162 let it: by sequence number, from untagged
responses only. Whoever sends it one EXPUNGE too many, too early or with a wrong number
breaks it.
"""

from __future__ import annotations

import re
from itertools import takewhile

from attrs import define, frozen

from tests.unit.imap.commands.talk import House

_FETCH = re.compile(r"\* (\d+) FETCH \((.*)\)")
_UID = re.compile(r"UID (\d+)")
_FLAGS = re.compile(r"FLAGS \(([^)]*)\)")
_MODSEQ = re.compile(r"MODSEQ \((\d+)\)")
_EXISTS = re.compile(r"\* (\d+) EXISTS")
_EXPUNGE = re.compile(r"\* (\d+) EXPUNGE")
_VANISHED = re.compile(r"\* VANISHED (\(EARLIER\) )?([\d,:]+)")
_HIGHEST = re.compile(r"(?:\* )?OK \[HIGHESTMODSEQ (\d+)\]")
_VALIDITY = re.compile(r"\* OK \[UIDVALIDITY (\d+)\]")


@define
class Known:
    """What the client knows of a message."""

    uid: int | None = None
    flags: frozenset[str] | None = None


@frozen
class Heard:
    """What one command brought besides what the client keeps.

    Attributes:
        expunged: EXPUNGE or VANISHED was among it.
        end: the tagged response.
    """

    expunged: bool
    end: str


class Mirror:
    """See the module.

    Args:
        house: of the server.
        enable: what it asks for, or empty.

    Attributes:
        idling: it waits in IDLE.
        remembered: what it knew at some MODSEQs, by UID.
    """

    def __init__(self, house: House, enable: str) -> None:
        self.enable = enable
        self.messages: list[Known] = []
        self.modseq = 0
        self.validity = 0
        self.house = house
        self.remembered: list[tuple[int, dict[int, frozenset[str]]]] = []
        self.idling = False
        self._expunged = False
        self._gone: set[int] = set()
        self._seen = 0
        self._told = 0
        self.connect("")

    @property
    def resyncs(self) -> bool:
        """It can say what it knows when it comes back."""
        return self.enable == "QRESYNC"

    def connect(self, parameter: str) -> None:
        """Log in and select; without a parameter nothing is known before."""
        self.idling = False
        enable = [f"ENABLE {self.enable}"] if self.enable else []
        self._client = self.house.client(*enable)
        if not parameter:
            self.messages = []
        # the messages that there are now, until VANISHED (EARLIER) has been heard
        self._exists: int | None = 0
        self.give(f"SELECT INBOX{parameter}")

    def select_again(self, how: str) -> None:
        """Leave the mailbox in this way, and select it; nothing is known before."""
        if self.idling:
            self.done()
        self._client.give(how if how in {"CLOSE", "UNSELECT"} else f"{how} other")
        self.messages, self._exists = [], 0
        self.give("SELECT INBOX")

    def lose(self, house: House | None = None) -> None:
        """The connection breaks; come back, with QRESYNC if it can.

        Args:
            house: another process of the server, which takes the new connection.
        """
        self._client.session.closed()
        self.house = house or self.house
        # what stands behind a message of which it knows only the number has no use
        kept = list(takewhile(lambda known: known.uid is not None, self.messages))
        if not self.resyncs or not kept:
            self.connect("")
            return
        self.messages = kept
        known = ",".join(str(message.uid) for message in kept)
        self.connect(f" (QRESYNC ({self.validity} {self.modseq} {known}))")

    def give(self, command: str) -> Heard:
        """Give a command and take in all that comes back; IDLE ends before."""
        lines = self.ask(command)
        return Heard(self._expunged, lines[-1])

    def ask(self, command: str) -> list[str]:
        """The same; all lines that came back."""
        if self.idling:
            self.done()
        self._seen = self._told = 0
        lines = self._client.give(command)
        self._expunged = self._hear_all(lines)
        self._ended()
        return lines

    def idle(self) -> None:
        """Begin IDLE."""
        if not self.idling:
            self._seen = self._told = 0
            self._hear_all(self._client.give("IDLE"))
            self.idling = True

    def hear(self) -> None:
        """Take in what was pushed."""
        self._hear_all(self._client.taken().split("\r\n")[:-1])

    def done(self) -> None:
        """End IDLE."""
        self._client.send(b"DONE\r\n")
        self.idling = False
        self.hear()
        self._ended()

    def _hear_all(self, lines: list[str]) -> bool:
        """Was there an EXPUNGE?"""
        return any(list(map(self._hear, lines)))

    def _ended(self) -> None:
        """A command is over."""
        self._fill()
        # RFC 7162, section 6
        if self._told:
            self.modseq = self._told
        elif self._seen > self.modseq:
            self.modseq = self._seen

    def learn(self) -> None:
        """Ask for what is not known."""
        for number, known in enumerate(self.messages, 1):
            if known.uid is None or known.flags is None:
                self.give(f"FETCH {number} (UID FLAGS)")

    # ---- what the server says

    def _hear(self, line: str) -> bool:
        """One line; was it an EXPUNGE?"""
        if match := _FETCH.fullmatch(line):
            self._fill()
            self._fetched(int(match[1]), match[2])
        elif match := _EXISTS.fullmatch(line):
            if self._exists is None:
                self._grow(int(match[1]))
            else:
                self._exists = int(match[1])
        elif match := _EXPUNGE.fullmatch(line):
            assert not self.resyncs, "VANISHED is what it asked for"
            self._remove(int(match[1]) - 1)
            return True
        elif match := _VANISHED.fullmatch(line):
            self._vanished(ranges(match[2]), earlier=bool(match[1]))
            return not match[1]
        elif match := _HIGHEST.match(line):
            self._told = int(match[1])
        elif match := _VALIDITY.match(line):
            self.validity = int(match[1])
        return False

    def _fill(self) -> None:
        """What SELECT counted, and the client did not know before, came since."""
        exists, self._exists = self._exists, None
        if exists is not None:
            self._grow(exists)

    def _grow(self, exists: int) -> None:
        fresh = exists - len(self.messages)
        assert fresh >= 0, "EXISTS can't take messages away"
        self.messages += [Known() for _ in range(fresh)]

    def _fetched(self, number: int, items: str) -> None:
        known = self.messages[number - 1]
        if match := _UID.search(items):
            uid = int(match[1])
            assert known.uid in {None, uid}, f"{number} is {known.uid} and not {uid}"
            assert uid not in self._gone, f"{uid} is back"
            known.uid = uid
            uids = [each.uid for each in self.messages if each.uid is not None]
            assert uids == sorted(set(uids)), uids
        if match := _FLAGS.search(items):
            known.flags = frozenset(match[1].split())
        if match := _MODSEQ.search(items):
            self._seen = max(self._seen, int(match[1]))

    def _remove(self, place: int) -> None:
        """A message is gone, and its UID never comes back."""
        uid = self.messages.pop(place).uid
        if uid is not None:
            self._gone.add(uid)

    def _vanished(self, uids: set[int], *, earlier: bool) -> None:
        for uid in sorted(uids):
            place = self._place(uid)
            if place is not None:
                self._remove(place)
            else:
                assert earlier, f"it was never told of {uid}"

    def _place(self, uid: int) -> int | None:
        """Where a UID is, or one whose UID it does not know, but could be this."""
        unknown: int | None = None
        for place, known in enumerate(self.messages):
            if known.uid is None:
                unknown = place
            elif known.uid < uid:
                unknown = None
            else:
                return place if known.uid == uid else unknown
        return unknown


def ranges(text: str) -> set[int]:
    """The numbers of a set."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition(":")
        found |= set(range(int(low), int(high or low) + 1))
    return found
