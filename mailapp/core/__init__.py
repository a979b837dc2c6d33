"""Values and small parsers that every protocol shares; stdlib and attrs only."""
