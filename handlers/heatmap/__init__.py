"""Draws the similarity matrix of images and labels as a PNG, in a child process."""
