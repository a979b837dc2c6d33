"""What each command does, one file a command; ``table`` says when it may be given."""
