"""Names say what a thing is, and the code avoids what has cost others dearly."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from tests.rows import rows, tabled
from tests.threats import threat
from tests.tools import tree

FORBIDDEN: Final = {
    *("handler", "manager", "processor", "engine", "helper", "util"),
    *("handlers", "managers", "processors", "engines", "helpers", "utils"),
    *("misc", "info", "data"),
}
# DATA is the SMTP verb, and so the name of a stage of a transaction.
VERB_PACKAGES: Final = ("mailapp/smtp/", "mailapp/policy/", "mailapp/relay/")
# Words of others: sans-I/O protocols, the rule TCP-info (RFC 5321, section 4.4), what
# follows ":" in the name of a file in a Maildir, and a level of the log.
GIVEN: Final = frozenset({"NEED_DATA", "tcp_info", "info", "INFO"})
# Where text that a peer sent may arrive.
WIRE: Final = (
    "mailapp/auth",
    "mailapp/core",
    "mailapp/delivery",
    "mailapp/directory",
    "mailapp/message",
    "mailapp/net",
    "mailapp/policy",
    "mailapp/pop3",
    "mailapp/sasl",
    "mailapp/smtp",
    "mailapp/storage",
)
# Where a peer's words are told apart.
SPOKEN: Final = tuple(
    f"mailapp/{name}" for name in ("auth", "message", "net", "pop3", "sasl", "smtp")
)
PATHS: Final = re.compile(r"(?<![\w.])/(?:work|root|home)/\w|\.\./" + r"shared\b")


def last_word(name: str) -> str:
    """The last word of a name in snake_case or CamelCase, in lower case."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return words[-1].lower() if words else ""


def definitions(module: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Line, name, and whether it is a variable, of all that a module names."""
    for node in ast.walk(module):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.lineno, node.name, False
            case ast.arg():
                yield node.lineno, node.arg, True
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id, not node.id.isupper()
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr, True
            case _:
                pass


def is_given(name: str) -> bool:
    """A word of others: one of the list, or what Twisted calls, in its camelCase."""
    return (
        name.strip("_") in GIVEN or re.fullmatch(r"_?[a-z]+[A-Z]\w*", name) is not None
    )


def forbidden_names() -> Iterator[str]:
    """Names that say that something happens, but not what it is."""
    for path in tree.python_files("mailapp", "tests", "twisted"):
        file = tree.name(path)
        verbs = file.startswith(VERB_PACKAGES)
        for line, name, is_variable in definitions(tree.parsed(path)):
            word = last_word(name)
            if word not in FORBIDDEN or is_given(name):
                continue
            # In tests it is the verb's octets, or the folder that --data names.
            if word == "data" and (file.startswith("tests/") or verbs > is_variable):
                continue
            yield f"{file}:{line}: {name}"
        if path.stem in FORBIDDEN and not (path.stem == "data" and verbs):
            yield f"{file}: the file's name"


def attribute_uses(*names: str) -> Iterator[str]:
    """Where code that sees a peer's octets uses an attribute of one of these names."""
    for path in tree.python_files(*WIRE):
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, ast.Attribute) and node.attr in names:
                yield f"{tree.name(path)}:{node.lineno}: {node.attr}"


def looked_up_by_name() -> Iterator[str]:
    """``getattr`` with a name that is not written there.

    In a ``__getattr__`` it only passes on what our own code has written.
    """
    for path in tree.python_files(*SPOKEN):
        for node in _outside_proxies(tree.parsed(path)):
            match node:
                case ast.Call(func=ast.Name(id="getattr"), args=[_, name, *_]):
                    if not isinstance(name, ast.Constant):
                        yield f"{tree.name(path)}:{node.lineno}"
                case _:
                    pass


def _outside_proxies(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.FunctionDef) and child.name == "__getattr__"):
            yield child
            yield from _outside_proxies(child)


def crooked_imports() -> Iterator[str]:
    """Relative and starred imports, and those that hide a cycle."""
    for path in tree.python_files("mailapp", "tests", "twisted"):
        for node in ast.walk(tree.parsed(path)):
            match node:
                case ast.ImportFrom(level=level) if level > 0:
                    yield f"{tree.name(path)}:{node.lineno}: relative"
                case ast.ImportFrom(names=[ast.alias(name="*")]):
                    yield f"{tree.name(path)}:{node.lineno}: star"
                case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                    yield f"{tree.name(path)}:{node.lineno}: TYPE_CHECKING"
                case _:
                    pass


@tabled
class WordTests(SynchronousTestCase):
    """What the rules below take for a name's last word."""

    @rows(
        snake=("queue_manager", "manager"),
        camel=("CommandHandler", "handler"),
        capitals=("NEED_DATA", "data"),
        inside=("handler_count", "count"),
        longer=("metadata", "metadata"),
        acronym=("parseMIME", "mime"),
        numbered=("util2", "2"),
        nothing=("_", ""),
    )
    def test_last_word(self, name: str, word: str) -> None:
        """Names are cut at underscores and capitals."""
        self.assertEqual(word, last_word(name))


class NameTests(SynchronousTestCase):
    """The rules of docs/architecture.md that a program can check."""

    def test_forbidden_names(self) -> None:
        """No handler, manager, helper, util …: name the thing, not the fact."""
        self.assertEqual([], list(forbidden_names()))

    @threat(2)
    def test_lines_end_in_crlf_only(self) -> None:
        r"""No splitlines or readline where a peer's octets pass: VT or FF ends no line.

        ``str.splitlines`` also splits at ``\v \f \x1c \x85`` and U+2028.
        """
        found = attribute_uses("splitlines", "readline", "readlines")
        self.assertEqual([], list(found))

    @threat(84)
    def test_no_lookup_by_peers_names(self) -> None:
        """What a peer sent is looked up in tables, never among attributes."""
        self.assertEqual([], list(looked_up_by_name()))

    def test_imports_are_plain(self) -> None:
        """Imports are absolute, name what they take, and hide no cycle."""
        self.assertEqual([], list(crooked_imports()))

    def test_stands_alone(self) -> None:
        """No file names a path of the machine it was written on."""
        found = []
        for path in tree.text_files():
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.split("\n"), 1):
                if PATHS.search(line):
                    found.append(f"{tree.name(path)}:{number}: {line.strip()}")
        self.assertEqual([], found)
