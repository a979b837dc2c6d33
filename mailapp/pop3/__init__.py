"""POP3 (RFC 1939), in four tiers."""
