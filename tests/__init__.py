"""The tests of mailapp; run them with pytest or with trial."""
