"""What POP2 and POP3 do alike with a maildrop."""
