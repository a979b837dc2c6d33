"""Small disks of their own for a test: in memory, or in a file that can be copied."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.crash.case import need, run

MAKE: Final = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
}
SIZES: Final = {"ext4": 64 << 20, "xfs": 320 << 20}  # xfs is not made smaller


def mount(case: SynchronousTestCase, place: Path, *options: str) -> None:
    """Mount something on a folder until the test is over.

    Raises:
        SkipTest: we may not, or the kernel does not know the file system.
    """
    if os.geteuid() != 0:
        raise SkipTest("only root may mount")
    need("mount", "umount")
    place.mkdir(parents=True, exist_ok=True)
    try:
        run("mount", *options, place)
    except subprocess.CalledProcessError as problem:
        raise SkipTest(f"may not mount: {problem.stderr.strip()}") from None
    case.addCleanup(unmount, place)


def unmount(place: Path) -> None:
    """Unmount, also if something is still open there; no harm if nothing is mounted."""
    for command in ("umount", str(place)), ("umount", "--lazy", str(place)):
        if not place.is_mount():
            return
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603


def make_image(kind: str, path: Path) -> None:
    """A file that holds an empty file system, with holes where nothing was written."""
    need(MAKE[kind][0])
    with path.open("wb") as image:
        image.truncate(SIZES[kind])
    run(*MAKE[kind], path)
