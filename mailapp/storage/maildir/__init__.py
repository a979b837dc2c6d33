"""The Maildir store: files are the truth, everything else is a cache."""
