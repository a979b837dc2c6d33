"""Log lines in both forms."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailapp.app.lines import human_line, json_line, named_fields
from tests.rows import rows, tabled
from tests.threats import threat


def event(**fields: Any) -> dict[str, Any]:
    """An event as twisted.logger makes it."""
    return {
        "log_level": LogLevel.info,
        "log_time": 1_700_000_000.25,
        "log_format": "refused {recipient}",
        "log_namespace": "test",
        **fields,
    }


@tabled
class HumanTests(SynchronousTestCase):
    """The form for people."""

    def test_order(self) -> None:
        """Time, level, name, text, then the fields that the text does not show."""
        line = human_line(event(event="smtp.rcpt.refused", recipient="a@b", reply=550))
        self.assertEqual(
            line,
            "2023-11-14T22:13:20.250Z info smtp.rcpt.refused refused a@b reply=550\n",
        )

    @rows(
        whole=(1_700_000_000.0, "2023-11-14T22:13:20.000Z"),
        cut=(1_700_000_000.9996, "2023-11-14T22:13:20.999Z"),
        half=(1_700_000_001.5, "2023-11-14T22:13:21.500Z"),
        epoch=(0.0, "1970-01-01T00:00:00.000Z"),
    )
    def test_time(self, moment: float, stamp: str) -> None:
        """The time is UTC to the millisecond, cut and not rounded into the future."""
        self.assertTrue(human_line(event(log_time=moment)).startswith(f"{stamp} "))

    @threat(122)
    @rows(
        space=("a b", '"a b"'),
        quote=('a" reply=250', '"a\\" reply=250"'),
        equals=("x=y", '"x=y"'),
        backslash=("back\\slash", '"back\\\\slash"'),
        newline=("two\nlines", '"two\\\\nlines"'),
        octets=(b"octets\xff", '"octets\\\\xff"'),
        truth=(True, "True"),
        number=(1.5, "1.5"),
        nothing=(None, "None"),
    )
    def test_value(self, value: object, shown: str) -> None:
        """A value can't be taken for more than one field."""
        line = human_line(event(event="x", recipient="", name=value))
        self.assertTrue(line.endswith(f" name={shown}\n"), line)

    @given(st.text(min_size=1, max_size=20))
    def test_bare(self, value: str) -> None:
        """Text stands as it is if and only if nothing in it ends a field."""
        line = human_line(event(event="x", recipient="", name=value))
        bare = value.isprintable() and not set(value) & set(' "=\\')
        self.assertEqual(line.endswith(f" name={value}\n"), bare)

    def test_empty_is_left_out(self) -> None:
        """A field without content says nothing."""
        self.assertNotIn("name", human_line(event(event="x", recipient="", name="")))


@tabled
class LineTests(SynchronousTestCase):
    """What is true of both forms."""

    def test_json(self) -> None:
        """A JSON line is one object with the event's own fields."""
        line = json_line(event(event="smtp.rcpt.refused", recipient=b"a@b\xff"))
        self.assertEqual(line.count("\n"), 1)
        read = json.loads(line)
        self.assertEqual(read["event"], "smtp.rcpt.refused")
        self.assertEqual(read["recipient"], "a@b\\xff")
        self.assertEqual(read["level"], "info")

    def test_of_others(self) -> None:
        """An event without a name shows its text, and no field covers one of ours."""
        old = event(time=1.0, isError=0, message=("x",), system="-", recipient="a@b")
        read = json.loads(json_line(old))
        self.assertEqual(read["time"], "2023-11-14T22:13:20.250Z")
        self.assertEqual(set(read), {"time", "level", "text"})
        self.assertNotIn("isError", human_line(old))

    def test_fields_cover_no_key(self) -> None:
        """A field that has the name of a key of the line does not replace it."""
        read = json.loads(json_line(event(event="x", recipient="", level=7, text=8)))
        self.assertEqual((read["level"], read["text"]), ("info", "refused "))

    @threat(122)
    def test_nothing_moves_the_cursor(self) -> None:
        """CR, LF, ESC and bidirectional controls are shown, not obeyed."""
        for form in (human_line, json_line):
            line = form(event(event="x", recipient="a\r\nb\x1b[2J\u202e\x00"))
            self.assertEqual(line.count("\n"), 1)
            self.assertNotIn("\x1b", line)
            self.assertNotIn("\u202e", line)
            self.assertNotIn("\r", line)

    @threat(122)
    @given(st.text(), st.text() | st.binary() | st.integers() | st.none())
    def test_any_value(self, text: str, value: object) -> None:
        """Whatever a peer said, it is one line that prints."""
        for form in (human_line, json_line):
            line = form(event(event="x", recipient=text, name=value))
            self.assertTrue(line.endswith("\n"))
            self.assertTrue(line[:-1].isprintable())

    def test_traceback(self) -> None:
        """A failure's traceback follows, indented, so that a line stays findable."""
        try:
            raise ValueError("broken")  # noqa: TRY301 - a test
        except ValueError:
            failure = Failure()
        line = human_line(event(recipient="x", log_failure=failure))
        self.assertIn("\n    Traceback", line)
        self.assertIn(
            "broken", json.loads(json_line(event(log_failure=failure)))["traceback"]
        )

    @rows(
        none=("plain", set()),
        three=("{a} and {b:.1f} and {c!r}", {"a", "b", "c"}),
        braces=("{{a}} {b}", {"b"}),
        attribute=("{a.b}", None),
        item=("{a[0]}", None),
        call=("{a()}", None),
        nested=("{a:{b}}", None),
        unnamed=("{}", None),
        broken=("{a", None),
    )
    def test_quick_way(self, template: str, names: set[str] | None) -> None:
        """Only a format string that just names fields is filled in the quick way."""
        self.assertEqual(named_fields(template), names)

    @rows(
        named="{a} and {b:.1f} and {c!r}",
        braces="{{a}} {b}",
        attribute="{c.real}",
        call="{d()}",
        missing="{missing}",
        not_a_number="{a:d}",
        broken="{a",
    )
    def test_text_as_twisted_has_it(self, template: str) -> None:
        """Quick or not, the text is what twisted.logger makes of the event."""
        made = event(log_format=template, a="x", b=1.25, c=3, d=lambda: "called")
        text = json.loads(json_line(made))["text"]
        self.assertEqual(
            text.partition(" at 0x")[0], formatEvent(made).partition(" at 0x")[0]
        )
