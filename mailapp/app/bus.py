"""What the processes of one server tell each other: AMP over an inherited socket.

The supervisor is the hub. A worker says that it is alive and ready, publishes small
facts (a login failed from this address, so many connections from that one), and hears
those of the others. Nothing on the bus is needed for correctness of mail: a message
lost with a dying worker makes a limit less sharp, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure


class Ready(amp.Command):
    """Worker to supervisor: all listeners accept."""

    requiresAnswer = False


class Alive(amp.Command):
    """Worker to supervisor, every few seconds: the reactor turns.

    ``connections`` are those open now.
    """

    arguments: ClassVar = [(b"connections", amp.Integer())]
    requiresAnswer = False


class Drain(amp.Command):
    """Supervisor to worker: accept no more, finish, and exit."""

    requiresAnswer = False


class Publish(amp.Command):
    """A fact for every other worker: a topic and its octets (under 64 KiB)."""

    arguments: ClassVar = [(b"topic", amp.String()), (b"fact", amp.String())]
    requiresAnswer = False


class BusEnd(amp.AMP):
    """One end of the bus between the supervisor and one worker.

    Attributes:
        on: what to call for each command: ``ready()``, ``alive(connections)``,
            ``drain()``, ``publish(topic, fact)``, ``lost()``.
    """

    log: ClassVar = Logger()

    def __init__(self, **on: Callable[..., object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # AMP has no types
        self.on = on
        self.is_open = False

    def connectionMade(self) -> None:
        """The other end is there."""
        super().connectionMade()  # type: ignore[no-untyped-call]  # likewise
        self.is_open = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The other process is gone."""
        self.is_open = False
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # likewise
        self._call("lost")

    def tell(self, command: type[amp.Command], **arguments: Any) -> None:
        """Send a command that wants no answer; silently nothing once it is lost."""
        if self.is_open:
            try:
                self.callRemote(command, **arguments)  # type: ignore[no-untyped-call]  # likewise
            except ConnectionClosed:
                self.is_open = False

    def _call(self, name: str, *arguments: Any) -> dict[str, Any]:
        hook = self.on.get(name)
        if hook is not None:
            hook(*arguments)
        return {}

    @Ready.responder
    def _ready(self) -> dict[str, Any]:
        return self._call("ready")

    @Alive.responder
    def _alive(self, connections: int) -> dict[str, Any]:
        return self._call("alive", connections)

    @Drain.responder
    def _drain(self) -> dict[str, Any]:
        return self._call("drain")

    @Publish.responder
    def _publish(self, topic: bytes, fact: bytes) -> dict[str, Any]:
        return self._call("publish", topic, fact)


class BusFactory(Factory):
    """Gives the one end that was made beforehand to the one connection."""

    noisy = False

    def __init__(self, end: BusEnd) -> None:
        self._end = end

    def buildProtocol(self, addr: IAddress | None) -> BusEnd:
        """The end."""
        return self._end
