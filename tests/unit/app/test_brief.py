"""What a worker is told, and who it may become."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.brief import Brief
from mailapp.app.privileges import ids_of, ids_to_become
from tests.rows import rows, tabled
from tests.threats import threat

_DROP = """
import os, sys
from mailapp.app.privileges import drop, ids_to_become
drop(ids_to_become("nobody", ""))
status = open("/proc/self/status").read()
print(os.getresuid(), os.getresgid(), os.getgroups())
print([x for x in status.splitlines() if x.startswith(("CapEff", "NoNewPrivs"))])
try:
    os.setuid(0)
except PermissionError:
    print("for good")
"""


class BriefTests(SynchronousTestCase):
    """Through memory to another process."""

    def test_round_trip(self) -> None:
        """All of it arrives, and the descriptor is closed by who reads it."""
        brief = Brief("w1", "/etc/x.toml", "text = 'ü'\n" * 20_000, {"smtp": 5})
        descriptor = brief.to_fd()
        self.assertEqual(Brief.from_fd(descriptor), brief)
        self.assertEqual(brief.number, 1)
        self.assertRaises(OSError, os.fstat, descriptor)


@tabled
class PrivilegeTests(SynchronousTestCase):
    """Giving up root."""

    @rows(user=("mailapp-nobody", ""), group=("nobody", "mailapp-nogroup"))
    def test_unknown(self, user: str, group: str) -> None:
        """Names that the host does not know are refused."""
        self.assertRaises(LookupError, ids_of, user, group)

    def test_own_group(self) -> None:
        """Without a group it is the user's own."""
        entry = pwd.getpwnam("nobody")
        self.assertEqual(ids_of("nobody", ""), (entry.pw_uid, entry.pw_gid))

    def test_not_root(self) -> None:
        """Who is not root, or names nobody, stays who he is."""
        self.assertIsNone(ids_to_become("", ""))
        self.patch(os, "geteuid", lambda: 1000)
        self.assertIsNone(ids_to_become("nobody", ""))

    @threat(121)
    def test_dropped_for_good(self) -> None:
        """No id, group or capability of root is left, and there is no way back."""
        if os.geteuid() != 0:
            self.skipTest("only root has something to give up")
        done = subprocess.run(  # noqa: S603 - our own Python
            [sys.executable, "-c", _DROP],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        entry = pwd.getpwnam("nobody")
        groups = sorted(os.getgrouplist("nobody", entry.pw_gid))
        ids, facts, end = done.stdout.splitlines()
        self.assertEqual(ids, f"{(entry.pw_uid,) * 3} {(entry.pw_gid,) * 3} {groups}")
        self.assertIn("CapEff:\\t0000000000000000", facts)
        self.assertIn("NoNewPrivs:\\t1", facts)
        self.assertEqual(end, "for good")
