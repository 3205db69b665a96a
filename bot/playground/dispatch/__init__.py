"""Events on their way to gateway sessions: who may see them and asked for them."""
