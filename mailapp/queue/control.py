r"""Commands for the running postman, over a Unix socket in the queue's folder.

A request is a line of JSON, and so is each part of the answer::

    {"do": "list", "domain": "far.test"}     {"entry": {...}} for each, then {"done": 2}
    {"do": "show", "id": "..."}              {"entry": {...}}, then {"done": 1}
    {"do": "retry", "id": "..."}             {"done": 1}     also hold, release, drop
    {"do": "flush", "domain": "far.test"}    {"done": 2}

or ``{"error": "gone", "text": "..."}``. Whoever may open the socket may do all of it:
it lies in a folder that belongs to the server alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IPushProducer,
    IReactorUNIX,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.net.steps import Run, nothing, run
from mailapp.queue.forms import Form, entry_form
from mailapp.queue.interfaces import IQueueAdministration

SOCKET: Final = "control"
"""The name of the socket in the queue's folder."""


@implementer(IPushProducer)
class Control(LineReceiver):
    """One connection; requests are answered in order."""

    log: ClassVar = Logger()
    transport: Any
    delimiter = b"\n"
    MAX_LENGTH = 4096

    def __init__(self, administration: IQueueAdministration) -> None:
        self._administration = administration
        self._asked: list[bytes] = []
        self._answering: Run | None = None
        self._busy = False
        self._room: Deferred[None] | None = None
        self._paused = False
        self._commands: Mapping[str, Callable[[Form], Awaitable[int]]] = {
            "list": self._list,
            "show": self._show,
            "flush": self._flush,
            "retry": self._single(administration.retry),
            "hold": self._single(administration.hold),
            "release": self._single(administration.release),
            "drop": self._single(administration.drop),
        }

    def connectionMade(self) -> None:
        """Hear of it when the other side reads slowly."""
        self.transport.registerProducer(self, streaming=True)

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """A request."""
        self._asked.append(line)
        self._next()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Nothing of ours."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody listens any more."""
        self._asked.clear()
        if self._answering is not None:
            self._answering.cancel()

    def pauseProducing(self) -> None:  # noqa: N802
        """The other side reads slowly."""
        self._paused = True

    def resumeProducing(self) -> None:  # noqa: N802
        """It has caught up."""
        self._paused = False
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:  # noqa: N802
        """It is gone: see :meth:`connectionLost`."""

    # ---- answers

    def _next(self) -> None:
        while self._asked and not self._busy:
            self._busy = True
            answering = run(self._answer(self._asked.pop(0)), nothing, self._failed)
            self._answering = answering if self._busy else None

    async def _answer(self, line: bytes) -> None:
        try:
            form = json.loads(line)
            command = self._commands[form["do"]]
        except (ValueError, KeyError, TypeError):
            self._say({"error": "unknown", "text": "the request is not understood"})
        else:
            await self._obey(command, form)
        self._busy = False
        self._answering = None
        self._next()

    async def _obey(
        self, command: Callable[[Form], Awaitable[int]], form: Form
    ) -> None:
        try:
            self._say({"done": await command(form)})
        except KeyError:
            self._say({"error": "gone", "text": "there is no such message"})
        except TemporaryFailure as problem:
            self._say({"error": "later", "text": problem.status.text})

    def _failed(self, problem: BaseException) -> None:
        self.log.failure(
            "a command of the queue", Failure(problem), event="queue.control.failed"
        )
        self.transport.abortConnection()

    def _say(self, form: Form) -> None:
        self.transport.write(json.dumps(form).encode("ascii") + self.delimiter)

    async def _list(self, form: Form) -> int:
        count = 0
        async for entry in self._administration.entries(str(form.get("domain", ""))):
            self._say({"entry": entry_form(entry)})
            count += 1
            if self._paused:
                self._room = Deferred()
                await self._room
        return count

    async def _show(self, form: Form) -> int:
        self._say(
            {"entry": entry_form(await self._administration.entry(str(form["id"])))}
        )
        return 1

    async def _flush(self, form: Form) -> int:
        return await self._administration.flush(str(form["domain"]))

    def _single(
        self, does: Callable[[str], Awaitable[None]]
    ) -> Callable[[Form], Awaitable[int]]:
        async def obey(form: Form) -> int:
            await does(str(form["id"]))
            return 1

        return obey


class ControlFactory(Factory):
    """Makes a :class:`Control` for each connection."""

    noisy = False

    def __init__(self, administration: IQueueAdministration) -> None:
        self._administration = administration

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection."""
        del addr
        return Control(self._administration)


def listen(
    reactor: IReactorUNIX, directory: Path, administration: IQueueAdministration
) -> IListeningPort:
    """Serve the socket of a queue that this process has in custody.

    Raises:
        CannotListenError: also if the path is too long for a socket.
    """
    path = directory / SOCKET
    path.unlink(missing_ok=True)  # of a postman that died
    factory = ControlFactory(administration)
    port: IListeningPort = reactor.listenUNIX(str(path), factory, mode=0o600)
    return port
