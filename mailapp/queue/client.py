"""Asks the running postman, from another process; it blocks. See :mod:`control`."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import Status
from mailapp.queue.forms import Form, read_entry
from mailapp.queue.types import Entry

_PATIENCE = 60.0  # seconds that the postman may take for a part of an answer


class NotServed(Exception):
    """No postman listens."""


class ControlClient:
    """One connection to the postman.

    Args:
        path: of the socket.

    Raises:
        NotServed: nobody listens there.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_PATIENCE)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            self._socket.close()
            raise NotServed from None
        except OSError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rb")

    def close(self) -> None:
        """End it."""
        self._stream.close()
        self._socket.close()

    def entries(self, domain: str = "") -> Iterator[Entry]:
        """All entries, or those that wait for a domain."""
        for form in self._ask({"do": "list", "domain": domain}):
            if "entry" in form:
                yield read_entry(form["entry"])

    def entry(self, entry_id: str) -> Entry:
        """One.

        Raises:
            KeyError: it is not there.
        """
        *_, form, _ = self._ask({"do": "show", "id": entry_id})
        return read_entry(form["entry"])

    def do(self, command: str, **arguments: str) -> int:
        """Any other command; how many entries it was done to.

        Raises:
            KeyError: the entry is not there.
            TemporaryFailure: it can't be done now.
        """
        *_, last = self._ask({"do": command, **arguments})
        return int(last["done"])

    def _ask(self, request: Form) -> Iterator[dict[str, Any]]:
        self._socket.sendall(json.dumps(request).encode("ascii") + b"\n")
        for line in self._stream:
            form = json.loads(line)
            if "error" in form:
                if form["error"] == "gone":
                    raise KeyError(request.get("id", ""))
                raise TemporaryFailure(Status(3, 0, form["text"]))
            yield form
            if "done" in form:
                return
        raise TemporaryFailure(Status(3, 2, "the server went away"))
