"""SMTP (RFC 5321): the receiving side, in four tiers."""
