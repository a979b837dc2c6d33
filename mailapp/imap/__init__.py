"""IMAP: RFC 9051, RFC 3501 and what extends them."""
