"""What is wrong with a configuration, as values that a person can act on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from attrs import frozen

EX_CONFIG: Final = 78
"""Exit code for a configuration that is refused (sysexits.h)."""


class Severity(Enum):
    """Whether the server starts with it."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class ConfigurationProblem:
    """One thing to mend.

    Attributes:
        file: as it was named on the command line.
        line: the first line is 1; 0 where no line can be named.
        key: dotted, for example ``limits.message-size``; empty for the whole file.
        expected: what should stand there.
        found: what does.
        fix: what to write or do, as a sentence.
    """

    file: str
    line: int
    key: str
    expected: str
    found: str
    fix: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, self.severity.value]
        if self.key:
            parts.append(self.key)
        text = f"expected {self.expected}, found {self.found}. {self.fix}"
        return ": ".join([*parts, text])


class ConfigurationRefused(Exception):
    """The server does not start with this configuration: exit code 78.

    Attributes:
        problems: all of them, in the order of the file; warnings too.
    """

    def __init__(self, problems: Sequence[ConfigurationProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
