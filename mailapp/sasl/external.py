"""EXTERNAL (RFC 4422, appendix A): the TLS client certificate says who it is."""

from __future__ import annotations

from mailapp.sasl.mechanism import (
    CREDENTIALS,
    SYNTAX,
    Certificate,
    Channel,
    Done,
    Machine,
    Step,
)


class External(Machine):
    """The server's side of one exchange; the response is the authzid, often empty."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(self._read)
        self._client_name = channel.client_name

    def _read(self, response: bytes) -> Step:
        if self._client_name is None:
            return CREDENTIALS
        try:
            authzid = response.decode()
        except UnicodeDecodeError:
            return SYNTAX
        return (
            SYNTAX if "\0" in authzid else Done(Certificate(self._client_name, authzid))
        )
