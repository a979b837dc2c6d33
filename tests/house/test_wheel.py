"""The wheel holds what is ours alone, and makes ``twistd mailapp`` work anywhere."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.tools import tree

BUILD = "from setuptools.build_meta import build_wheel; build_wheel({!r})"
TWISTD = (
    "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
)
PARTS = ("mailapp", "twisted", "etc", "setup.cfg", "pyproject.toml", "README.rst")


def run(*arguments: str, cwd: Path) -> str:
    """Run a program of the Python that runs this test; give all it printed.

    Raises:
        AssertionError: it failed; the message is what it printed.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
        arguments, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    printed = done.stdout + done.stderr
    if done.returncode:
        raise AssertionError(printed)
    return printed


def build(folder: Path) -> Path:
    """Build the wheel from a copy of the tree, so that the tree stays clean."""
    copy = folder / "source"
    copy.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for part in PARTS:
        path = tree.ROOT / part
        if path.is_dir():
            shutil.copytree(path, copy / part, ignore=ignored)
        elif path.exists():
            shutil.copy(path, copy / part)
    run(sys.executable, "-c", BUILD.format(str(folder)), cwd=copy)
    (wheel,) = folder.glob("mailapp-*.whl")
    return wheel


class WheelTests(SynchronousTestCase):
    """One wheel is built for all tests of the class."""

    folder: ClassVar[Path]
    wheel: ClassVar[Path]
    names: ClassVar[list[str]]

    @classmethod
    def setUpClass(cls) -> None:
        """Build the wheel."""
        if importlib.util.find_spec("setuptools") is None:
            msg = "setuptools is not installed"
            raise SkipTest(msg)
        cls.folder = Path(tempfile.mkdtemp(prefix="mailapp-wheel-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.wheel = build(cls.folder)
        with zipfile.ZipFile(cls.wheel) as archive:
            cls.names = archive.namelist()

    def test_plugin_is_all_we_put_into_twisted(self) -> None:
        """Of Twisted's tree the wheel has our plug-in and no ``__init__.py``."""
        found = [name for name in self.names if name.startswith("twisted")]
        self.assertEqual(["twisted/plugins/mailapp_plugin.py"], found)

    def test_every_module_is_in_it(self) -> None:
        """Every module of mailapp is shipped, and so is ``py.typed``."""
        wanted = {tree.name(path) for path in tree.python_files("mailapp")}
        wanted.add("mailapp/py.typed")
        self.assertEqual(set(), wanted - set(self.names))

    def test_nothing_else_is_in_it(self) -> None:
        """No tests and no stray files: mailapp, the plug-in, etc and metadata."""
        tops = {name.split("/")[0] for name in self.names}
        own = {"mailapp", "twisted"}
        self.assertEqual(
            set(), {top for top in tops - own if not top.startswith("mailapp-")}
        )

    def test_settings_and_units_are_in_it(self) -> None:
        """The files of ``etc`` are installed below ``share/mailapp``."""
        shipped = {Path(name).name for name in self.names if "/share/mailapp/" in name}
        wanted = {path.name for path in (tree.ROOT / "etc").iterdir() if path.is_file()}
        self.assertEqual(wanted, shipped)

    def test_install_and_uninstall(self) -> None:
        """Installed, twistd offers mailapp from any folder; uninstalled, all else."""
        if importlib.util.find_spec("pip") is None:
            msg = "pip is not installed"
            raise SkipTest(msg)
        python, packages = self._environment()
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        pip = (sys.executable, "-m", "pip", "--python", str(python))
        options = ("--disable-pip-version-check", "--no-input", "--quiet")
        before = set(self._twistd_commands(python, elsewhere))
        self.assertNotIn("mailapp", before)

        run(
            *pip,
            *options,
            "install",
            "--no-deps",
            "--no-index",
            str(self.wheel),
            cwd=elsewhere,
        )
        self.assertEqual(
            before | {"mailapp"}, set(self._twistd_commands(python, elsewhere))
        )
        usage = run(str(python), "-c", TWISTD, "mailapp", "--help", cwd=elsewhere)
        self.assertIn("--config", usage)
        command = run(str(python.with_name("mailapp")), "--help", cwd=elsewhere)
        self.assertIn("demo", command)

        run(*pip, *options, "uninstall", "--yes", "mailapp", cwd=elsewhere)
        self.assertEqual(before, set(self._twistd_commands(python, elsewhere)))
        self.assertTrue((packages / "twisted" / "plugins" / "__init__.py").exists())
        self.assertFalse((packages / "mailapp").exists())

    def _environment(self) -> tuple[Path, Path]:
        """A virtual environment with a Twisted of its own, that may be written over.

        Everything else comes from where this test runs, so nothing is downloaded.
        """
        root = self.folder / "environment"
        run(sys.executable, "-m", "venv", "--without-pip", str(root), cwd=self.folder)
        paths = {"base": str(root), "platbase": str(root)}
        packages = Path(sysconfig.get_path("purelib", "venv", vars=paths))
        own = Path(sysconfig.get_path("purelib"))
        ignored = shutil.ignore_patterns(
            "test", "__pycache__", "mailapp*", "dropin.cache"
        )
        shutil.copytree(own / "twisted", packages / "twisted", ignore=ignored)
        # Only the folder: what is installed there as editable is not followed.
        (packages / "rest.pth").write_text(f"{own}\n", encoding="utf-8")
        return root / "bin" / "python", packages

    @staticmethod
    def _twistd_commands(python: Path, cwd: Path) -> list[str]:
        """The names that ``twistd --help`` offers."""
        printed = run(str(python), "-c", TWISTD, "--help", cwd=cwd)
        _, _, commands = printed.partition("Commands:")
        lines = [line for line in commands.split("\n") if line[4:5].strip()]
        return [line.split()[0] for line in lines if line.startswith("    ")]
