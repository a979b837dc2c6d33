"""What the POP3 server says, in other languages than English (RFC 6856, section 3)."""
