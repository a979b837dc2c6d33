"""LOGIN (draft-murchison-sasl-login-00), obsolete, and all that old Outlook speaks."""

from __future__ import annotations

from typing import Final

from mailapp.core.secret import Secret
from mailapp.sasl.mechanism import (
    SYNTAX,
    Challenge,
    Channel,
    Done,
    Machine,
    Password,
    Step,
)

# Outlook and some printers match these texts, colon included.
USERNAME: Final = Challenge(b"Username:")
PASSWORD: Final = Challenge(b"Password:")


class Login(Machine):
    """The server's side of one exchange; an initial response is the name."""

    def __init__(self, _channel: Channel) -> None:
        super().__init__(self._take_name, USERNAME)
        self._name = ""

    def _take_name(self, response: bytes) -> Step:
        try:
            self._name = response.decode()
        except UnicodeDecodeError:
            return SYNTAX
        if not response or b"\0" in response:
            return SYNTAX
        self._state = self._take_password
        return PASSWORD

    def _take_password(self, response: bytes) -> Step:
        if not response or b"\0" in response:
            return SYNTAX
        return Done(Password(self._name, "", Secret(response)))
