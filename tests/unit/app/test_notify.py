"""sd_notify."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.notify import Notify


class NotifyTests(SynchronousTestCase):
    """What the service manager hears."""

    def setUp(self) -> None:
        """Be the service manager."""
        self.path = self.mktemp()[-90:]
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.listening.close)
        self.listening.bind(self.path)
        self.listening.settimeout(5)

    def heard(self) -> bytes:
        """The next message."""
        return self.listening.recv(4096)

    def test_life(self) -> None:
        """Readiness, reload, life and stop are told in systemd's words."""
        notify = Notify.from_environment({"NOTIFY_SOCKET": self.path})
        notify.ready("2 workers")
        self.assertEqual(self.heard(), b"READY=1\nSTATUS=2 workers")
        notify.reloading()
        self.assertRegex(self.heard(), rb"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        notify.alive()
        self.assertEqual(self.heard(), b"WATCHDOG=1")
        notify.stopping()
        self.assertEqual(self.heard(), b"STOPPING=1")

    def test_watchdog(self) -> None:
        """The watchdog's interval is taken only by the process it is meant for."""
        ours = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
        self.assertEqual(Notify.from_environment(ours).watchdog_seconds, 30.0)
        theirs = {**ours, "WATCHDOG_PID": "1"}
        self.assertEqual(Notify.from_environment(theirs).watchdog_seconds, 0.0)

    def test_nobody_listens(self) -> None:
        """Without a service manager, or with a dead one, nothing happens."""
        Notify.from_environment({}).ready("x")
        Notify("/nonexistent/notify").ready("x")
