"""Listening sockets of worker slots, opened on loopback."""

from __future__ import annotations

import grp
import os
import shutil
import socket
import stat
import tempfile
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.sockets import Sockets
from mailapp.config.load import load_text
from mailapp.config.schema import Listener
from mailapp.net.listeners import CannotListen
from tests.unit.config.files import SERVER


def listeners(*ports: int) -> tuple[Listener, ...]:
    """SMTP listeners on these ports of loopback."""
    rows = [
        f'\n[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1"\nport = {port}\n'
        'tls = "none"\n'
        for port in ports
    ]
    return load_text(SERVER + "".join(rows), "test.toml").listeners


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(port: int) -> None:
    """Raises ConnectionRefusedError if nobody listens."""
    socket.create_connection(("127.0.0.1", port), 5).close()


class SocketsTests(SynchronousTestCase):
    """Open, keep, close."""

    def sockets(self, slots: int) -> Sockets:
        """None is open yet."""
        reactor: Any = object()
        made = Sockets(reactor, slots)
        self.addCleanup(made.close)
        return made

    def test_slots(self) -> None:
        """Each slot has a socket of its own on the same port."""
        sockets = self.sockets(3)
        (listener,) = listeners(free_port())
        sockets.open([listener])
        found = [sockets.slot(number)[listener.name] for number in range(3)]
        self.assertEqual(len({os.fstat(fd).st_ino for fd in found}), 3)
        self.assertEqual(sockets.port(listener.name), listener.port_number)
        connect(listener.port_number)

    def test_taken(self) -> None:
        """A port that another server has is refused, also one that would share it."""
        (listener,) = listeners(free_port())
        for mine, other in ((1, 1), (2, 2), (1, 2), (2, 1)):
            first = self.sockets(mine)
            first.open([listener])
            self.assertRaises(CannotListen, self.sockets(other).open, [listener])
            first.close()

    def test_reopen(self) -> None:
        """A reload opens what is new, closes what is gone, and keeps the rest."""
        sockets = self.sockets(2)
        kept, gone, fresh = listeners(free_port(), free_port(), free_port())
        sockets.open([kept, gone])
        before = sockets.slot(1)[kept.name]
        sockets.open([kept, fresh])
        self.assertEqual(sockets.slot(1)[kept.name], before)
        connect(fresh.port_number)
        self.assertRaises(ConnectionRefusedError, connect, gone.port_number)

    def test_reopen_fails(self) -> None:
        """If one can't be opened, all is as it was."""
        sockets = self.sockets(2)
        kept, fresh, taken = listeners(free_port(), free_port(), free_port())
        sockets.open([kept])
        with socket.socket() as other:
            other.bind(("127.0.0.1", taken.port_number))
            other.listen()
            self.assertRaises(CannotListen, sockets.open, [fresh, taken])
        connect(kept.port_number)
        self.assertRaises(ConnectionRefusedError, connect, fresh.port_number)

    def test_take(self) -> None:
        """Whoever takes them closes them; here they are forgotten."""
        sockets = self.sockets(1)
        (listener,) = listeners(free_port())
        sockets.open([listener])
        taken = sockets.take()[listener.name]
        sockets.close()
        connect(listener.port_number)
        os.close(taken)
        self.assertRaises(ConnectionRefusedError, connect, listener.port_number)


class UnixSocketTests(SynchronousTestCase):
    """A Unix socket has its name for as long as somebody listens there."""

    def _listener(self, **settings: str) -> Listener:
        # shorter than mktemp's: the kernel takes 107 octets
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = f"{folder}/lmtp"
        lines = "".join(f'{key} = "{value}"\n' for key, value in settings.items())
        text = f'[[listener]]\nprotocol = "lmtp"\nunix = "{path}"\ntls = "none"\n'
        (listener,) = load_text(SERVER + text + lines, "test.toml").listeners
        return listener

    def _open(self, listener: Listener, slots: int = 2) -> Sockets:
        reactor: Any = object()
        sockets = Sockets(reactor, slots)
        self.addCleanup(sockets.close)
        sockets.open([listener])
        return sockets

    def test_shared(self) -> None:
        """All slots accept on the same socket, and it has the mode of the file."""
        listener = self._listener(**{"unix-mode": "0640"})
        sockets = self._open(listener)
        found = {sockets.slot(number)[listener.name] for number in range(2)}
        self.assertEqual(len(found), 1)
        self.assertEqual(stat.S_IMODE(os.stat(str(listener.unix)).st_mode), 0o640)

    def test_removed(self) -> None:
        """Closed, or no longer wanted, it is gone; what another made there stays."""
        listener = self._listener()
        self._open(listener).close()
        self.assertFalse(os.path.lexists(str(listener.unix)))
        sockets = self._open(listener)
        sockets.open([])
        self.assertFalse(os.path.lexists(str(listener.unix)))
        first = self._open(listener)
        os.unlink(str(listener.unix))
        self._open(listener)
        first.close()
        self.assertTrue(os.path.lexists(str(listener.unix)))

    def test_taken(self) -> None:
        """Whoever takes the sockets of the only slot, the file is removed here."""
        listener = self._listener()
        sockets = self._open(listener, 1)
        for descriptor in sockets.take().values():
            os.close(descriptor)
        sockets.close()
        self.assertFalse(os.path.lexists(str(listener.unix)))

    def test_owner(self) -> None:
        """An owner or group that is not there says so; nothing is left."""
        for key in ("unix-owner", "unix-group"):
            listener = self._listener(**{key: "nobody-has-this-name"})
            problem = self.assertRaises(CannotListen, self._open, listener)
            self.assertIn("nobody-has-this-name", str(problem))
            self.assertFalse(os.path.lexists(str(listener.unix)))

    def test_own_group(self) -> None:
        """The group may be one of ours."""
        group = grp.getgrgid(os.getegid()).gr_name
        listener = self._listener(**{"unix-group": group})
        self._open(listener)
        self.assertEqual(os.stat(str(listener.unix)).st_gid, os.getegid())
