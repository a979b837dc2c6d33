"""What ``twistd mailapp`` understands on its command line, and what it starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.application.service import IService
from twisted.python import usage

from mailapp.app.appliance import Appliance
from mailapp.app.logs import Log
from mailapp.config.load import DEFAULT_FILE, inspect_file

EX_CONFIG: Final = 78  # sysexits.h


class Options(usage.Options):
    """``twistd mailapp [--config FILE]``."""

    synopsis = "[twistd options] mailapp [--config FILE]"
    longdesc = (
        "Serves mail as the configuration file says. 'mailapp check' tells whether it "
        "is right, 'mailapp demo' tries everything without one."
    )
    optParameters: ClassVar = [
        ["config", "c", str(DEFAULT_FILE), "The configuration file."]
    ]

    def postOptions(self) -> None:
        """Check the configuration; with an error nothing is started: exit code 78."""
        path = Path(self["config"]).absolute()
        loaded = inspect_file(path)
        for problem in loaded.problems:
            sys.stderr.write(f"{problem}\n")
        if loaded.configuration is None:
            raise SystemExit(EX_CONFIG)
        # kept as text: workers get it too, and may not be able to read the file
        self["path"] = str(path)
        self["text"] = path.read_text(encoding="utf-8")


def makeService(options: Any) -> IService:
    """The service that twistd runs."""
    from twisted.internet import reactor  # noqa: PLC0415 - twistd may choose another

    log_file = "-"
    if options.parent is not None:
        log_file = options.parent.get("logfile") or ""
        if not log_file and not options.parent.get("nodaemon"):
            log_file = "twistd.log"
    return Appliance(options["text"], options["path"], reactor, Log(log_file))
