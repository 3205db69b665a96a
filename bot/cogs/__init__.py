"""One file for each thing that people do."""
