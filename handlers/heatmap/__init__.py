"""The similarity matrix as a picture, drawn in a child process."""
