"""Mail moves in from elsewhere, and out again: mbox, Maildir, other IMAP servers."""
