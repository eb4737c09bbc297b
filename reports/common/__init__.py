"""What every report is made of: numbers, sentences, one view of a run."""
