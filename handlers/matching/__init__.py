"""Pictures scored against labels: the labels as typed, the jobs, and the scores as text."""
