"""mailapp.config.places."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.config.places import Path, line_of, places
from tests.rows import rows, tabled


def paths(document: Any, path: Path = ()) -> set[Path]:
    """The path of every table, and of every key in one that is no inline table."""
    found: set[Path] = set()
    match document:
        case dict():
            for name, value in document.items():
                found |= {(*path, name)} | paths(value, (*path, name))
        case [dict(), *_]:
            for place, value in enumerate(document):
                found |= {(*path, place)} | paths(value, (*path, place))
    return found


@tabled
class PlacesTests(SynchronousTestCase):
    """Each key has its line."""

    @rows(
        key=("a = 1\n\nb = 2", {("a",): 1, ("b",): 3}),
        table=("[t]\na = 1\n", {("t",): 1, ("t", "a"): 2}),
        dotted=("a.b = 1", {("a",): 1, ("a", "b"): 1}),
        spaces=(" a . b = 1", {("a",): 1, ("a", "b"): 1}),
        quoted=('"a.=#b" = 1', {("a.=#b",): 1}),
        literal=("'a\"' = 1", {('a"',): 1}),
        header=('[ a . "b]" ] # x\n', {("a", "b]"): 1}),
        array=("a = [\n 1, # ]\n 2]\nb = 1", {("a",): 1, ("b",): 4}),
        nested=("a = [[1], ['[']]\nb = 1", {("a",): 1, ("b",): 2}),
        inline=('a = {b = 1, c = "}"}\nd = 1', {("a",): 1, ("d",): 2}),
        text=('a = "\\"x = #"\nb = 1', {("a",): 1, ("b",): 2}),
        long=('a = """\nb = 1\n\\""" "\n"""\nc = 1', {("a",): 1, ("c",): 5}),
        quotes=('a = """x"""""\nb = 1', {("a",): 1, ("b",): 2}),
        raw=("a = '''\n\\'''\nb = 1", {("a",): 1, ("b",): 3}),
        comment=("# a = 1\na = 1 # b = 2\n#\nc = 1", {("a",): 2, ("c",): 4}),
        crlf=("a = 1\r\nb = 2\r\n", {("a",): 1, ("b",): 2}),
        tables=(
            "[[t]]\na = 1\n[[t]]\na = 2",
            {("t", 0): 1, ("t", 0, "a"): 2, ("t", 1): 3, ("t", 1, "a"): 4},
        ),
        deep=(
            "[[t]]\n[[t.u]]\n[t.u.v]\na = 1\n[[t]]\n[[t.u]]\nb = 1",
            {
                ("t", 0): 1,
                ("t", 0, "u", 0): 2,
                ("t", 0, "u", 0, "v"): 3,
                ("t", 0, "u", 0, "v", "a"): 4,
                ("t", 1): 5,
                ("t", 1, "u", 0): 6,
                ("t", 1, "u", 0, "b"): 7,
            },
        ),
    )
    def test_lines(self, text: str, lines: dict[Path, int]) -> None:
        """Strings, comments and brackets of values are no keys."""
        tomllib.loads(text)
        self.assertEqual(lines, places(text))

    def test_nearest(self) -> None:
        """What has no line of its own has that of what holds it."""
        lines = places("\n[t]\na = {b = 1}")
        self.assertEqual(3, line_of(("t", "a", "b"), lines))
        self.assertEqual(2, line_of(("t", "c"), lines))
        self.assertEqual(0, line_of(("u",), lines))

    @given(
        st.recursive(
            st.integers() | st.text(st.characters(codec="utf-8")),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        )
    )
    @settings(deadline=None)
    def test_any_value(self, value: object) -> None:
        """Whatever value stands before it, the next key is found."""
        text = f"a = {to_toml(value)}\nb = 1"
        tomllib.loads(text)
        self.assertEqual({("a",), ("b",)}, set(places(text)))

    @given(st.text(alphabet="ab.=[]{}\"'#\n\\ 1,", max_size=40))
    @settings(deadline=None, max_examples=300)
    def test_any_text(self, text: str) -> None:
        """Any text that tomllib accepts has its keys found, and nothing hangs."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        found = set(places(text))
        self.assertLessEqual(found, paths(document))
        self.assertEqual(set(document), {path[0] for path in found})


def to_toml(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, list):
        return f"[{', '.join(map(to_toml, value))}]"
    if isinstance(value, str):
        escaped = "".join(f"\\U{ord(letter):08x}" for letter in value if letter != "#")
        return f'"#{escaped}"'
    return str(value)
