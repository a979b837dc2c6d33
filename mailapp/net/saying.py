"""A logger for what is said of every message and every session.

Twisted's looks up each time whether "info" is a level, by going through all levels, and
hands the fields on from call to call; with it that was a thirtieth of what a message
costs. The events are the same.
"""

from __future__ import annotations

from time import time

from twisted.logger import Logger, LogLevel

_INFO = LogLevel.info


class QuickLogger(Logger):
    """A :class:`twisted.logger.Logger` whose ``info`` is quick."""

    def info(self, format: str | None = None, **fields: object) -> None:  # noqa: A002 - Twisted's name
        """Say what happened, in words with fields in braces, and the fields."""
        fields.update(
            log_logger=self,
            log_level=_INFO,
            log_namespace=self.namespace,
            log_source=self.source,
            log_format=format,
            log_time=time(),
        )
        self.observer(fields)
