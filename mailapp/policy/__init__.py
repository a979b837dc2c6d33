"""What is accepted: checks, their verdicts and the pipeline that asks them."""
