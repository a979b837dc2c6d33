"""Commands and replies of RFC 5321 as octets and as frozen values."""
