"""The listening sockets of all worker slots: opened, inherited from systemd, kept."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString

from mailapp.app.privileges import ids_of
from mailapp.config.schema import Listener
from mailapp.net.listeners import CannotListen, Place, open_listener


class Sockets:
    """One socket for each listener and slot; what can't be split is shared.

    Sockets that systemd passes are found by ``FileDescriptorName=``, which is the
    listener's label (``smtp``, ``pop3``, ``pop3s`` …) or its whole name.

    Args:
        reactor: for systemd's sockets, which Twisted has taken from the environment.
        slots: how many workers there are, at least 1.
    """

    def __init__(self, reactor: Any, slots: int) -> None:
        self._reactor = reactor
        self._slots = slots
        self._open: dict[str, list[int]] = {}
        self._ports: dict[str, int] = {}
        self._files: dict[str, os.stat_result] = {}  # of the Unix sockets we made

    def open(self, listeners: Sequence[Listener]) -> None:
        """Open what is not open yet; close what is no longer wanted.

        Raises:
            CannotListen: nothing has changed.
        """
        fresh: dict[str, list[int]] = {}
        try:
            for listener in listeners:
                if listener.name not in self._open:
                    fresh[listener.name] = self._open_one(listener)
        except BaseException:
            for descriptors in fresh.values():
                _close(descriptors)
            raise
        wanted = {listener.name for listener in listeners}
        for name in [name for name in self._open if name not in wanted]:
            _close(self._open.pop(name))
            for path in [path for path in self._files if name.endswith(f":{path}")]:
                self._remove(path)
        self._open |= fresh
        self._ports |= {name: _port(found[0]) for name, found in fresh.items()}

    def slot(self, number: int) -> Mapping[str, int]:
        """Listener name to the descriptor for this slot."""
        return {name: found[number] for name, found in self._open.items()}

    def take(self) -> Mapping[str, int]:
        """Those of the only slot, for one who closes them; none is open here then."""
        taken = self.slot(0)
        self._open.clear()
        return taken

    def port(self, name: str) -> int:
        """The port a listener got; 0 for a Unix socket."""
        return self._ports[name]

    def close(self) -> None:
        """Close all of them, and leave no file behind that nobody listens on."""
        for descriptors in self._open.values():
            _close(descriptors)
        self._open.clear()
        for path in list(self._files):
            self._remove(path)

    def _open_one(self, listener: Listener) -> list[int]:
        passed = self._passed(listener)
        if passed is not None:
            return [passed] * self._slots
        if listener.unix is not None:
            return [self._open_path(listener)] * self._slots
        share = self._slots > 1
        place = Place(listener.address, listener.port_number)
        if share and place.port:
            # shared ports don't tell that another server shares them already
            open_listener(place).close()
        first = open_listener(place, share=share)
        # with port 0 the other slots get the port that the first one was given
        place = Place(listener.address, first.getsockname()[1])
        descriptors = [first.detach()]
        try:
            while len(descriptors) < self._slots:
                descriptors.append(open_listener(place, share=True).detach())
        except BaseException:
            _close(descriptors)
            raise
        return descriptors

    def _open_path(self, listener: Listener) -> int:
        path = str(listener.unix)
        owner = None
        if listener.unix_owner or listener.unix_group:
            user = listener.unix_owner or pwd.getpwuid(os.geteuid()).pw_name
            try:
                owner = ids_of(user, listener.unix_group)
            except LookupError as problem:
                raise CannotListen(f"{path}: {problem.args[0]}") from None
        descriptor = open_listener(Place(path, 0, listener.unix_mode, owner)).detach()
        self._files[path] = os.lstat(path)
        return descriptor

    def _remove(self, path: str) -> None:
        """Remove the file, unless it is another's by now, or in a folder of root's."""
        made = self._files.pop(path)
        with suppress(OSError):
            if os.path.samestat(made, os.lstat(path)):
                os.unlink(path)

    def _passed(self, listener: Listener) -> int | None:
        """The descriptor that systemd passed under this name, if it did."""
        for name in (listener.name, listener.label):
            escaped = name.replace("\\", "\\\\").replace(":", "\\:")
            description = f"systemd:domain=INET:name={escaped}"
            try:
                endpoint = serverFromString(self._reactor, description)
            except (KeyError, ValueError):
                continue
            if isinstance(endpoint, AdoptedStreamServerEndpoint):
                return int(endpoint.fileno)
        return None


def _port(descriptor: int) -> int:
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        address = listening.getsockname()
        return int(address[1]) if isinstance(address, tuple) else 0


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in set(descriptors):
        os.close(descriptor)
