"""Settings for the tiny models' tests."""

import torch

# The models are tiny: threads would wait for each other longer than their products take, above all on a busy
# machine.
torch.set_num_threads(1)
