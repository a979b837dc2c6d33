"""LIST (RFC 9051, section 6.3.9; RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from mailapp.imap.commands.condstore import enable_condstore
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import Path, above, name_of
from mailapp.imap.commands.status import status_line
from mailapp.imap.commands.tree import AT_ONCE, Patterns, Tree, tree_of
from mailapp.imap.grammar.values.commands import List
from mailapp.imap.grammar.values.listing import ListReturn, ListSelection, StatusItem
from mailapp.imap.responses.mailbox import list_line
from mailapp.imap.responses.status import Status, ok
from mailapp.storage.types import INBOX, FolderId, StoreError

_DONE: Final = ok("listed")
_CRITERIA: Final = (ListSelection.SUBSCRIBED, ListSelection.SPECIAL_USE)


async def list_mailboxes(context: Context, command: List) -> Status:
    """Tell the names that match, what is known of them, and their STATUS if wanted."""
    if not command.extended and command.patterns == ("",):
        # RFC 9051, section 6.3.9: what the separator is
        separator = context.service.separator
        context.send(list_line([b"\\Noselect"], separator, "", utf8=context.utf8))
        return _DONE
    tree = await tree_of(context)
    listing = _Listing.of(context, command, tree)
    await context.drain()
    names = _candidates(tree, listing.widest)
    await context.drain()
    for at in range(0, len(names), AT_ONCE):
        for path in names[at : at + AT_ONCE]:
            line = listing.line(path)
            if not line:
                continue
            context.send(line)
            if command.status and path in tree.there:
                await _tell_status(context, command, path, tree.there[path])
        await context.drain()
    if StatusItem.HIGHESTMODSEQ in command.status:
        enable_condstore(context)
    return _DONE


def _candidates(tree: Tree, widest: bool) -> list[Path]:  # noqa: FBT001 - the only one
    """Names that may be shown, INBOX first."""
    names = {*tree.there, *tree.parents}
    if widest:
        for path in tree.noted.subscribed:
            names |= {path, *above(path)}
    names.discard(INBOX)
    return [INBOX, *sorted(names)]


async def _tell_status(
    context: Context, command: List, path: Path, folder: FolderId
) -> None:
    """RFC 5819, section 2: behind its LIST response; none for what can't be opened."""
    try:
        line = await status_line(
            context, name_of(context, path), folder, command.status
        )
    except StoreError:
        return
    context.send(line)
    await context.drain()


@frozen
class _Listing:
    """Says of each name how it is shown, or that it is not.

    Attributes:
        chosen: which names meet the selection options.
        chosen_above: names above those, which are shown, too (RECURSIVEMATCH).
        widest: names can be shown of which nothing is there.
    """

    context: Context
    command: List
    tree: Tree
    patterns: Patterns
    chosen: Callable[[Path], bool]
    chosen_above: frozenset[Path]
    widest: bool
    childinfo: bytes

    @classmethod
    def of(cls, context: Context, command: List, tree: Tree) -> _Listing:
        selection = command.selection
        subscribed = ListSelection.SUBSCRIBED in selection
        special = ListSelection.SPECIAL_USE in selection

        def chosen(path: Path) -> bool:
            if subscribed and path not in tree.noted.subscribed:
                return False
            return not special or tree.there.get(path) in tree.uses

        recursive = ListSelection.RECURSIVEMATCH in selection
        base = tree.noted.subscribed if subscribed else tree.there
        tops = {
            parent
            for path in (base if recursive else ())
            if chosen(path)
            for parent in above(path)
        }
        criteria = [c.value for c in _CRITERIA if c in selection]
        return cls(
            context,
            command,
            tree,
            Patterns.of(context, command.reference, command.patterns),
            chosen,
            frozenset(tops),
            subscribed,
            b'"CHILDINFO" (%b)' % " ".join(f'"{c}"' for c in criteria).encode("ascii"),
        )

    def line(self, path: Path) -> bytes:
        """The LIST response; empty: the name is not shown."""
        name = name_of(self.context, path)
        if not self.patterns.match(path, name):
            return b""
        info = path in self.chosen_above
        if not info and not self._shown(path):
            return b""
        return list_line(
            list(self._attributes(path)),
            self.context.service.separator,
            name,
            utf8=self.context.utf8,
            extended=self.childinfo if info else b"",
        )

    def _shown(self, path: Path) -> bool:
        if self.command.selection & {*_CRITERIA}:
            return self.chosen(path)
        # RFC 9051, section 6.3.5, example: foo.bar without foo
        return path in self.tree.there or self.patterns.implied

    def _attributes(self, path: Path) -> Iterator[bytes]:
        """RFC 9051, section 7.3.1; what costs nothing is told without being asked."""
        tree, command = self.tree, self.command
        if path not in tree.there:
            # RFC 5258, section 3: old clients know only the one
            new = command.extended or self.context.rev2
            yield b"\\NonExistent" if new else b"\\Noselect"
        yield b"\\HasChildren" if path in tree.parents else b"\\HasNoChildren"
        wanted = (
            ListReturn.SUBSCRIBED in command.returns
            or ListSelection.SUBSCRIBED in command.selection
        )
        if wanted and path in tree.noted.subscribed:
            yield b"\\Subscribed"
        folder = tree.there.get(path)
        if folder is not None:
            for use in tree.uses.get(folder, ()):
                yield use.encode("ascii")
