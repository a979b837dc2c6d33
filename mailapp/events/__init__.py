"""What happened to each message: events, the journal that keeps them, the story."""
