"""Who may read a private key."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from mailapp.net.keyfiles import is_shared
from tests.rows import rows, tabled
from tests.threats import threat


@tabled
class KeyFileTests(SynchronousTestCase):
    """Modes of a file."""

    def setUp(self) -> None:
        """A key."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.key = self.folder / "key.pem"
        self.key.touch(0o600)

    @threat(36)
    @rows(
        owner=(0o600, False),
        owner_reads=(0o400, False),
        group_reads=(0o640, True),
        group_writes=(0o620, True),
        others_read=(0o604, True),
    )
    def test_mode(self, mode: int, shared: bool) -> None:  # noqa: FBT001 - a row
        """Only the owner has any right."""
        self.key.chmod(mode)
        self.assertEqual(is_shared(self.key, {}), shared)

    @threat(36)
    @rows(
        list=(0o440, False),
        group_writes=(0o460, True),
        others_read=(0o444, True),
    )
    def test_credential(self, mode: int, shared: bool) -> None:  # noqa: FBT001 - a row
        """What systemd lends has an access control list, whose mask is no right."""
        self.key.chmod(mode)
        lent = {"CREDENTIALS_DIRECTORY": str(self.folder)}
        self.assertEqual(is_shared(str(self.key), lent), shared)
        elsewhere = {"CREDENTIALS_DIRECTORY": f"{self.folder}/other"}
        self.assertTrue(is_shared(self.key, elsewhere))

    def test_missing(self) -> None:
        """A file that is not there is an error of the system."""
        self.assertRaises(OSError, is_shared, self.folder / "none")
