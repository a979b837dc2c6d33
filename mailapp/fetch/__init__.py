"""Fetches mail from POP accounts elsewhere into mailboxes here."""
