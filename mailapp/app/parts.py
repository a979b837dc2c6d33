"""What every process of a server has: accounts, the store, the queue, the journal.

Sessions (:mod:`mailapp.app.service`) and the postman (:mod:`mailapp.app.postman`) are
built on it, in one process or in many.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from attrs import evolve

from mailapp.app.facts import Facts
from mailapp.app.indexes import IndexCare
from mailapp.auth.keys import KEY_FILE, load_key
from mailapp.config.schema import Configuration
from mailapp.core.address import Address
from mailapp.delivery.local import LocalDelivery
from mailapp.delivery.srs import SenderRewriting
from mailapp.directory.accounts import Accounts
from mailapp.directory.resolve import Directory
from mailapp.events.journal import Journal
from mailapp.net.names import MessageNames
from mailapp.net.threads import Pool
from mailapp.policy.allowance import Allowance
from mailapp.queue.bounce import PER_DOMAIN, Reporter
from mailapp.queue.intake import Intake
from mailapp.queue.schedule import Schedule
from mailapp.queue.spool import Spool
from mailapp.queue.tray import Place, arrival_text
from mailapp.queue.types import Entry
from mailapp.storage.files import Files
from mailapp.storage.maildir.inotify import Inotify
from mailapp.storage.maildir.opened import Neighbours
from mailapp.storage.maildir.store import MaildirStore

_ACCOUNTS_ASKED_EVERY: Final = 0.01
"""Seconds; so much later what the command line changed is in force in a process."""

Publish = Callable[[bytes, bytes], None]
"""Tells the other processes a fact: topic and octets."""


class Parts:
    """The parts of one process.

    Args:
        configuration: all of it.
        reactor: the real one.
        process: its name in the journal, letters and digits.
        publish: tells the other processes; None: there are none.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        process: str,
        publish: Publish | None = None,
    ) -> None:
        server = configuration.server
        self.configuration = configuration
        self.reactor = reactor
        self.alone = publish is None
        self.facts = Facts(reactor, publish)
        self.journal = Journal(
            configuration.journal_folder, process, reactor, time.time
        )
        self.message_names = MessageNames()
        self.key = load_key(server.directory / KEY_FILE)
        self.writes = Pool(reactor, "write", configuration.storage.write_threads)
        self.accounts = Accounts(server.accounts, asked_every=_ACCOUNTS_ASKED_EVERY)
        self.directory = Directory(
            self.accounts,
            server.domains,
            separator=configuration.smtp.separator or "",
            postmaster=server.postmaster,
        )
        self._inotify = Inotify(reactor)
        self.index_care = IndexCare(reactor, self.writes.run)
        self.store = self._store()
        self.spool = Spool(
            configuration.queue_folder,
            self.writes.run,
            Files(),
            reactor,
            soon=partial(reactor.callLater, 0),
        )
        if not self.alone:
            self.spool.arrived = self._tell_arrival
        self.schedule = schedule_of(configuration)
        quiet = self.intake()
        self.reporter = Reporter(
            quiet,
            self.journal,
            server.hostname,
            Address("postmaster", server.domains[0]),
            time.time,
            self.message_names,
            retried_until=self.schedule.expires_at,
            allowance=Allowance(PER_DOMAIN, reactor.seconds),
        )
        self.delivery = evolve(quiet, reporter=self.reporter)

    def _store(self) -> MaildirStore:
        """The store, among other processes and programs."""
        watching = self.facts.watching
        store = MaildirStore(
            self.configuration.mail_root,
            self.writes.run,
            clock=self.reactor,
            line_endings=self.configuration.storage.line_endings.value,
            neighbours=Neighbours(
                self._inotify, watching.changed, watching.watched, watching.elsewhere
            ),
            indexes=self.index_care.indexes,
        )
        watching.on_changed = store.noticed
        return store

    def intake(self, *, from_queue: bool = False) -> Intake:
        """Takes messages for here and elsewhere; see :class:`Intake`."""
        configuration = self.configuration
        server = configuration.server
        local = LocalDelivery(
            self.store,
            self.directory,
            server.hostname,
            detail_folders=configuration.smtp.detail_folders,
            leaves=True,
            # what leaves the queue is told by who carries it
            events=None if from_queue else self.journal,
            from_queue=from_queue,
        )
        rewriting = SenderRewriting(
            self.key.derive(b"sender rewriting"),
            configuration.relay.forwarding_domain or server.domains[0],
            server.domains,
        )
        return Intake(
            local,
            self.spool,
            self.journal,
            server.hostname,
            time.time,
            self.message_names,
            rewriting,
            from_queue=from_queue,
        )

    def start(self) -> None:
        """Begin to work."""
        self.facts.start()
        self.writes.start()
        self.index_care.start()

    async def stop(self) -> None:
        """Let go of everything."""
        self.facts.stop()
        self._inotify.close()
        self.index_care.stop()
        await self.store.close()
        await self.writes.stop()
        self.spool.close()
        self.accounts.close()
        self.journal.stop()

    def _tell_arrival(
        self, entry: Entry, _content: bytes | None, place: Place | None
    ) -> None:
        self.facts.tell_arrival(arrival_text(entry.id, place))


def schedule_of(configuration: Configuration) -> Schedule:
    """When mail is tried again, from the configuration."""
    queue = configuration.queue
    return Schedule(
        shortest_delay=queue.first_retry,
        longest_delay=queue.longest_retry,
        expiry=queue.expiry,
        report_expiry=queue.report_expiry,
        warn_after=queue.warn_after,
    )
