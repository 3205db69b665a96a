"""Kill the bot, the worker and Redis while members post and ask, and count the answers from outside.

python -m tests.chaos --seed 1                  # kills; `make chaos` runs three seeds of each mode
python -m tests.chaos --seed 1 --mode faults    # kills, and Discord's troubles
"""
