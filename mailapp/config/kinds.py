"""What a setting may hold: reads a TOML value, and writes it as TOML again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from mailapp.config import units
from mailapp.config.nearest import nearest
from mailapp.config.written import quoted

T = TypeVar("T")
N = TypeVar("N", int, float)
E = TypeVar("E", bound=Enum)

Network = IPv4Network | IPv6Network


class Unfit(ValueError):
    """A value that does not fit.

    Attributes:
        fix: what to write instead, as a sentence.
        item: what does not fit, where it is one of a list; else None.
    """

    def __init__(self, fix: str, item: object = None) -> None:
        super().__init__(fix)
        self.fix = fix
        self.item = item


class Kind(Protocol[T]):
    """One sort of value."""

    @property
    def expected(self) -> str:
        """What a person should write."""

    def read(self, value: object) -> T:
        """The value.

        Raises:
            Unfit: it is none of this kind.
        """

    def show(self, value: T) -> str:
        """As it would stand in the file."""


@frozen
class Flag:
    """True or false."""

    expected: str = "true or false"

    def read(self, value: object) -> bool:
        """TOML's own booleans only."""
        if isinstance(value, bool):
            return value
        msg = "Write true or false, without quotes."
        raise Unfit(msg)

    def show(self, value: bool) -> str:  # noqa: FBT001 - it is the value
        """As in TOML."""
        return "true" if value else "false"


@frozen
class Whole:
    """A whole number in a range."""

    minimum: int
    maximum: int

    @property
    def expected(self) -> str:
        """The range."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def read(self, value: object) -> int:
        """TOML's own integers only."""
        if isinstance(value, bool) or not isinstance(value, int):
            msg = "Write the number without quotes and without a fraction."
            raise Unfit(msg)
        return _in_range(value, self.minimum, self.maximum, str)

    def show(self, value: int) -> str:
        """As in TOML."""
        return str(value)


@frozen
class Size:
    """A size in octets."""

    minimum: int
    maximum: int

    @property
    def expected(self) -> str:
        """The range."""
        low, high = units.show_size(self.minimum), units.show_size(self.maximum)
        return f'a size from "{low}" to "{high}"'

    def read(self, value: object) -> int:
        """A text such as ``35 MiB``."""
        octets = _quantity(value, units.parse_size, "B")
        return _in_range(octets, self.minimum, self.maximum, units.show_size)

    def show(self, value: int) -> str:
        """With the largest unit that divides it."""
        return f'"{units.show_size(value)}"'


@frozen
class Duration:
    """A time span in seconds."""

    minimum: float
    maximum: float

    @property
    def expected(self) -> str:
        """The range."""
        low = units.show_duration(self.minimum)
        return f'a duration from "{low}" to "{units.show_duration(self.maximum)}"'

    def read(self, value: object) -> float:
        """A text such as ``5 min``."""
        seconds = _quantity(value, units.parse_duration, "s")
        return _in_range(seconds, self.minimum, self.maximum, units.show_duration)

    def show(self, value: float) -> str:
        """With the largest unit that divides it."""
        return f'"{units.show_duration(value)}"'


@frozen
class Text:
    """A line of text, checked by a function.

    Attributes:
        expected: as in :class:`Kind`.
        check: gives the canonical form, or raises a ValueError.
        fix: the sentence for what ``check`` refuses.
    """

    expected: str
    check: Callable[[str], str]
    fix: str

    def read(self, value: object) -> str:
        """A text that passes the check."""
        if not isinstance(value, str):
            msg = "Write it in quotes."
            raise Unfit(msg)
        try:
            return self.check(value)
        except ValueError:
            raise Unfit(self.fix) from None

    def show(self, value: str) -> str:
        """Quoted as TOML's basic string."""
        return quoted(value)


@frozen
class FileMode:
    """The permissions of a file, in octal digits as chmod has them."""

    expected: str = "permissions in octal digits"

    def read(self, value: object) -> int:
        """Three digits of 0 to 7, perhaps with a 0 in front."""
        digits = value.removeprefix("0") if isinstance(value, str) else ""
        if len(digits) != 3 or not set(digits) <= set("01234567"):  # noqa: PLR2004
            msg = 'Write it in quotes, for example "0660".'
            raise Unfit(msg)
        return int(digits, 8)

    def show(self, value: int) -> str:
        """Four digits, quoted."""
        return quoted(f"{value:04o}")


@frozen
class FilePath:
    """A file or folder; a relative one is taken from the configuration's folder."""

    expected: str = "a path"

    def read(self, value: object) -> Path:
        """A text without NUL."""
        if not isinstance(value, str) or not value or "\0" in value:
            msg = 'Write the path in quotes, for example "/var/lib/mailapp".'
            raise Unfit(msg)
        return Path(value)

    def show(self, value: Path) -> str:
        """Quoted."""
        return quoted(str(value))


@frozen
class Optional(Generic[T]):
    """A kind, or nothing, which is written as an empty text."""

    kind: Kind[T]

    @property
    def expected(self) -> str:
        """As the kind's."""
        return f'{self.kind.expected}, or "" for none'

    def read(self, value: object) -> T | None:
        """None for the empty text."""
        return None if value == "" else self.kind.read(value)

    def show(self, value: T | None) -> str:
        """As the kind does."""
        return '""' if value is None else self.kind.show(value)


@frozen
class Choice(Generic[E]):
    """One of the values of an Enum of texts."""

    options: type[E]

    @property
    def expected(self) -> str:
        """All of them."""
        return self._names.expected

    def read(self, value: object) -> E:
        """The member with this value."""
        return self.options(self._names.read(value))

    def show(self, value: E) -> str:
        """The member's value."""
        return self._names.show(value.value)

    @property
    def _names(self) -> OneOf:
        return OneOf(tuple(option.value for option in self.options))


@frozen
class OneOf:
    """One of some names."""

    names: tuple[str, ...]

    @property
    def expected(self) -> str:
        """All of them."""
        return _alternatives([quoted(name) for name in self.names])

    def read(self, value: object) -> str:
        """The name itself."""
        if isinstance(value, str) and value in self.names:
            return value
        meant = nearest(value, self.names)
        raise Unfit(f'Write "{meant}".' if meant else "Write one of these.")

    def show(self, value: str) -> str:
        """Quoted."""
        return quoted(value)


@frozen
class ListOf(Generic[T]):
    """A list of one kind."""

    kind: Kind[T]
    minimum: int = 0

    @property
    def expected(self) -> str:
        """The kind of its items."""
        least = f" with at least {self.minimum}" if self.minimum else ""
        return f"a list{least}, each {self.kind.expected}"

    def read(self, value: object) -> tuple[T, ...]:
        """Every item must fit."""
        if not isinstance(value, list):
            msg = "Write it in square brackets."
            raise Unfit(msg)
        if len(value) < self.minimum:
            msg = "Name at least one."
            raise Unfit(msg)
        return tuple(self._item(item) for item in value)

    def _item(self, item: object) -> T:
        try:
            return self.kind.read(item)
        except Unfit as problem:
            raise Unfit(problem.fix, item) from None

    def show(self, value: Sequence[T]) -> str:
        """In square brackets."""
        return f"[{', '.join(self.kind.show(item) for item in value)}]"


@frozen
class NetworkRange:
    """An address, or a network in CIDR form."""

    expected: str = 'an address or network such as "192.0.2.0/24" or "2001:db8::/32"'

    def read(self, value: object) -> Network:
        """Bits behind the prefix must be zero: they hide a slip."""
        if not isinstance(value, str):
            msg = "Write it in quotes."
            raise Unfit(msg)
        try:
            network = ip_network(value, strict=False)
        except ValueError:
            msg = "Write an address, a slash and the number of leading bits."
            raise Unfit(msg) from None
        if "/" in value and ip_address(value.split("/")[0]) != network.network_address:
            msg = f'Write "{network}" for the network, or the address alone.'
            raise Unfit(msg)
        return network

    def show(self, value: Network) -> str:
        """Quoted."""
        return quoted(str(value))


def _in_range(value: N, minimum: N, maximum: N, show: Callable[[N], str]) -> N:
    if value < minimum:
        msg = f"The least is {show(minimum)}."
        raise Unfit(msg)
    if value > maximum:
        msg = f"The most is {show(maximum)}."
        raise Unfit(msg)
    return value


def _quantity(value: object, parse: Callable[[str], N], unit: str) -> N:
    if isinstance(value, int) and not isinstance(value, bool):
        msg = f'Write the unit too, for example "{value} {unit}".'
        raise Unfit(msg)
    if not isinstance(value, str):
        msg = "Write a whole number and a unit, in quotes."
        raise Unfit(msg)
    try:
        return parse(value)
    except units.BadQuantity as problem:
        raise Unfit(str(problem)) from None


def _alternatives(texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    return f"{', '.join(texts[:-1])} or {texts[-1]}"
