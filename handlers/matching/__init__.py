"""Scores images against labels: parsing the labels, the jobs, and the scores as text."""
