"""What ``--help`` says beyond the arguments: paragraphs, examples, exit codes."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Final

_WIDTH: Final = 78
EXAMPLES: Final = "examples:"


def explain(
    parser: argparse.ArgumentParser,
    *paragraphs: str,
    examples: Sequence[tuple[str, str]],
    codes: Sequence[tuple[int, str]] = (),
) -> None:
    """Add to the help of a command, which then is shown with these line ends.

    Args:
        parser: of the command; what it says at its end stays there.
        paragraphs: behind the description.
        examples: a whole command line, and what it does.
        codes: exit codes that say more than those of all commands.
    """
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    texts = [parser.description or "", *paragraphs]
    parser.description = "\n\n".join([textwrap.fill(text, _WIDTH) for text in texts])
    lines = [EXAMPLES]
    for command, what in examples:
        lines += [f"  {command}", f"      {what}"]
    blocks = ["\n".join(lines)]
    if codes:
        told = [f"  {code:<3} {meaning}" for code, meaning in codes]
        blocks.append("\n".join(["exit codes:", *told]))
    if parser.epilog:
        blocks.append(textwrap.fill(parser.epilog, _WIDTH))
    parser.epilog = "\n\n".join(blocks)
