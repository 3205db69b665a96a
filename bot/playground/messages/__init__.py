"""Create, edit and delete messages, and check their parts."""
