"""A server to play with: its accounts and mail, an Internet of its own, and a check."""
