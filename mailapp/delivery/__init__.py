"""From an accepted envelope to durable copies in mailboxes."""
