"""Memory of mailboxes that nobody looks at any more."""

from __future__ import annotations

from attrs import evolve

from mailapp.storage.maildir.kept import Kept
from mailapp.storage.types import INBOX_ID, CreateFolder, Destination
from tests.contract.store_case import now
from tests.unit.storage.maildir_case import ALICE, MaildirCase


class KeptTests(MaildirCase):
    """Columns come and go; what sessions have selected stays."""

    def test_room(self) -> None:
        """The one that was looked at longest ago goes, and comes again when needed."""
        account = self.alice
        account._mailboxes._ground = evolve(account._mailboxes._ground, kept=Kept(3))
        outcomes = now(
            account.commit(
                [CreateFolder(("a",)), CreateFolder(("b",))], request_id=b"1"
            )
        )
        made = [outcome.folder for outcome in outcomes if outcome.folder]
        folders = [INBOX_ID, *made]
        for name in (("INBOX",), ("a",), ("b",)):
            to = Destination(ALICE, name)
            self.deliver(b"x\r\n", to)
            self.deliver(b"y\r\n", to)
        session = now(account.mailbox(folders[0]))
        for folder in folders[1:]:
            now(account.mailbox(folder)).close()
        boxes = [account._mailboxes.known(folder) for folder in folders]
        known = [box and box.tracked.latest for box in boxes]
        self.assertIsNotNone(known[0], "it is selected")
        self.assertIsNone(known[1], "there is no room")
        self.assertIsNotNone(known[2], "it was looked at last")
        self.assertEqual(len(session.columns), 2)
        again = now(account.mailbox(folders[1]))
        self.assertEqual(list(again.columns.uids), [1, 2])
        again.close()
        session.close()
