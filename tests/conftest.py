"""What pytest needs to run the tests as trial does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("mailapp", deadline=None)
settings.load_profile("mailapp")

# Measurements are run by hand (make bench), not as tests.
collect_ignore = ["bench"]


@pytest.fixture(scope="session", autouse=True)
def _own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests write to a folder of their own, as under trial, never into the tree."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("run"))
    yield
    os.chdir(before)
