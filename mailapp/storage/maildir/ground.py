"""What all accounts of one store stand on."""

from __future__ import annotations

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.net.threads import InThread
from mailapp.storage.files import Files
from mailapp.storage.index.indexes import Indexes
from mailapp.storage.maildir.filename import UniqueNames
from mailapp.storage.maildir.kept import Kept
from mailapp.storage.maildir.lease import LeaseTable
from mailapp.storage.maildir.lookout import Lookout
from mailapp.storage.maildir.opened import Neighbours
from mailapp.storage.maildir.text_builds import TextBuilds


@frozen
class Ground:
    """What all accounts of one store stand on.

    Attributes:
        in_thread: runs what blocks.
        leases: that this process holds.
        clock: of the reactor.
        neighbours: other processes and programs.
        lookout: notices what other programs change.
        indexes: of the accounts; None: nothing is kept but the mail.
        builds: puts texts into the indexes.
        kept: what is in memory.
    """

    files: Files
    unique: UniqueNames
    in_thread: InThread
    leases: LeaseTable
    clock: IReactorTime
    neighbours: Neighbours
    lookout: Lookout
    builds: TextBuilds
    indexes: Indexes | None = None
    kept: Kept = field(factory=Kept)
