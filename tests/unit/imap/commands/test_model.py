"""Any doings of several sessions and of others leave each with the truth."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX_ID, UID, Expunge, FlagMode, SetFlags
from tests.threats import threat
from tests.unit.imap.commands.mirror import Mirror
from tests.unit.imap.commands.talk import House, now

FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "work", "$Junk")
flags = st.frozensets(st.sampled_from(FLAGS), max_size=3)
uids = st.sets(st.integers(1, 12), min_size=1, max_size=5)
sessions = st.integers(0, 4)
modes = st.sampled_from(["+FLAGS", "-FLAGS", "FLAGS"])


class Sessions(RuleBasedStateMachine):
    """Three clients, deliveries, and a program that edits the Maildir.

    One client knows MODSEQ, one QRESYNC, one IMAP4rev2 and neither of the two.

    Attributes:
        enabled: what each client asks for.
    """

    enabled: ClassVar[tuple[str, ...]] = ("CONDSTORE", "QRESYNC", "IMAP4rev2")

    def __init__(self) -> None:
        super().__init__()
        self.house = self.make_house()
        for _ in range(3):
            self.house.put()
        self.house.client("CREATE other")
        self.mirrors = [
            Mirror(self.house_of(at), name) for at, name in enumerate(self.enabled)
        ]
        for mirror in self.mirrors:
            mirror.learn()

    def house_of(self, _who: int) -> House:
        """Where a client connects to."""
        return self.house

    def mirror(self, who: int) -> Mirror:
        """One of the clients."""
        return self.mirrors[who % len(self.mirrors)]

    def make_house(self) -> House:
        """With a store in memory."""
        return House()

    def truth(self) -> list[tuple[int, frozenset[str]]]:
        """What is in the mailbox."""
        mailbox = now(self.house.account.mailbox(INBOX_ID))
        columns = now(mailbox.refresh())
        mailbox.close()
        rows = map(columns.row, range(len(columns)))
        return [(row.uid, row.flags) for row in rows]

    # ---- others

    @rule(given=flags)
    def deliver(self, given: frozenset[str]) -> None:
        """A message comes."""
        self.house.put(*sorted(given))

    @rule(given=flags, which=uids, mode=st.sampled_from(FlagMode))
    def mark(self, given: frozenset[str], which: set[int], mode: FlagMode) -> None:
        """Another program changes flags."""
        names = [UID(uid) for uid in sorted(which)]
        now(self.house.commit(SetFlags(INBOX_ID, names, mode, given)))

    @rule(which=uids)
    def remove(self, which: set[int]) -> None:
        """Another program removes messages."""
        now(self.house.commit(Expunge(INBOX_ID, [UID(uid) for uid in sorted(which)])))

    # ---- clients

    @rule(who=sessions, given=flags, mode=modes, which=uids)
    def store_by_uid(
        self, who: int, given: frozenset[str], mode: str, which: set[int]
    ) -> None:
        """UID STORE."""
        names = ",".join(map(str, sorted(which)))
        words = " ".join(sorted(given))
        self.mirror(who).give(f"UID STORE {names} {mode} ({words})")

    @rule(
        who=sessions,
        given=flags,
        mode=modes,
        number=st.integers(1, 12),
        silent=st.booleans(),
    )
    def store(
        self, who: int, given: frozenset[str], mode: str, number: int, *, silent: bool
    ) -> None:
        """STORE by number; with .SILENT the client does itself what it asked for."""
        mirror = self.mirror(who)
        if number > len(mirror.messages):
            return
        known = mirror.messages[number - 1]
        if silent and known.flags is not None:
            known.flags = expected(known.flags, mode, given)
        words = " ".join(sorted(given))
        suffix = ".SILENT" if silent else ""
        heard = mirror.give(f"STORE {number} {mode}{suffix} ({words})")
        # RFC 9051, section 7.5.1
        assert not heard.expunged

    @rule(who=st.integers(0, 1), given=flags, which=uids, back=st.integers(0, 5))
    def store_if_unchanged(
        self, who: int, given: frozenset[str], which: set[int], back: int
    ) -> None:
        """UID STORE (UNCHANGEDSINCE) by a client that is told of each."""
        mirror = self.mirror(who)
        limit = max(0, mirror.modseq - back)
        names = ",".join(map(str, sorted(which)))
        words = " ".join(sorted(given))
        mirror.give(f"UID STORE {names} (UNCHANGEDSINCE {limit}) +FLAGS ({words})")

    @rule(who=sessions)
    def expunge(self, who: int) -> None:
        """EXPUNGE; what it removes is told in it."""
        self.mirror(who).give("EXPUNGE")

    @rule(who=sessions, which=uids, verb=st.sampled_from(["MOVE", "COPY", "EXPUNGE"]))
    def by_uid(self, who: int, which: set[int], verb: str) -> None:
        """UID MOVE, UID COPY, UID EXPUNGE."""
        names = ",".join(map(str, sorted(which)))
        to = "" if verb == "EXPUNGE" else " other"
        assert self.mirror(who).give(f"UID {verb} {names}{to}").end.startswith("OK")

    @rule(who=sessions, number=st.integers(1, 12))
    def fetch(self, who: int, number: int) -> None:
        """FETCH by number never brings EXPUNGE."""
        mirror = self.mirror(who)
        if number <= len(mirror.messages):
            assert not mirror.give(f"FETCH {number}:* (UID FLAGS)").expunged

    @rule(who=sessions)
    def look(self, who: int) -> None:
        """After NOOP a client knows the whole truth."""
        self.agree(self.mirror(who))

    @rule(who=sessions)
    def lose(self, who: int) -> None:
        """The connection breaks; what QRESYNC tells makes up for it."""
        mirror = self.mirror(who)
        mirror.lose()
        self.agree(mirror)

    @rule(which=st.sets(st.integers(1, 4)), number=st.integers(1, 4), given=flags)
    def lose_in_between(
        self, which: set[int], number: int, given: frozenset[str]
    ) -> None:
        """The connection breaks when MODSEQ was told and what went before was not."""
        there = [uid for uid, _ in self.truth()]
        self.remove({there[at - 1] for at in which if at <= len(there)})
        self.store(1, given, "FLAGS", number, silent=False)
        self.lose(1)

    def agree(self, mirror: Mirror) -> None:
        """Every message that is there, with its flags, in order."""
        mirror.give("NOOP")
        before = [(known.uid, known.flags) for known in mirror.messages]
        truth = self.truth()
        assert len(before) == len(truth), (before, truth)
        for (uid, given), (own_uid, own_flags) in zip(before, truth, strict=True):
            assert uid in {None, own_uid}, (before, truth)
            assert given is None or given == own_flags, (uid, given, own_flags)
        mirror.learn()
        assert [(known.uid, known.flags) for known in mirror.messages] == truth

    @invariant()
    def never_more_than_there_was(self) -> None:
        """The client's numbers are those of its view."""
        for mirror in self.mirrors:
            context = mirror._client.session._context
            assert context is not None
            assert len(mirror.messages) == len(context.selection.view)

    def teardown(self) -> None:
        """In the end all agree."""
        for mirror in self.mirrors:
            self.agree(mirror)


class MaildirSessions(Sessions):
    """The same over files."""

    def make_house(self) -> House:
        """In a directory of its own."""
        self.root = Path(tempfile.mkdtemp())
        return House(
            make_store=lambda clock: MaildirStore(self.root, inline, clock=clock)
        )

    def teardown(self) -> None:
        """In the end all agree."""
        try:
            super().teardown()
        finally:
            now(self.house.store.close())
            shutil.rmtree(self.root)


def expected(old: frozenset[str], mode: str, given: frozenset[str]) -> frozenset[str]:
    """Flags after a STORE (RFC 9051, section 6.4.6)."""
    if mode == "FLAGS":
        return given
    return old | given if mode == "+FLAGS" else old - given


class SessionsTests(SynchronousTestCase):
    """The machines above, many times."""

    @threat(65, 67)
    def test_any_order(self) -> None:
        """Views, UIDs, flags and MODSEQ agree with the store after anything."""
        play(Sessions, 60)

    @threat(67)
    def test_over_files(self) -> None:
        """They do so over a Maildir, too."""
        play(MaildirSessions, 10)


def play(machine: type[Sessions], examples: int) -> None:
    """Run a machine so often."""
    limits = settings(
        deadline=None,
        max_examples=examples,
        stateful_step_count=25,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(machine, settings=limits)
