"""The index: a SQLite file beside the mail of an account, and only a cache of it."""
