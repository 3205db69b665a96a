"""The child process that draws scenes for `bot.playground.gallery`: one request, one answer, exit.

The request is a frame of JSON (`seed`, `count`, `pixels`). The answer is JSON with the pictures in base64.
"""

import base64
import io
import json
import os
import sys

from inference.sandbox.child import answer_once


def answer(frames: list[bytes]) -> bytes:
    """Draw the scenes of one request."""
    # A thread for each core would take more address space than the limit allows.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy as np  # noqa: PLC0415 - after the limits are set

    from inference.tiny import world  # noqa: PLC0415

    request = json.loads(frames[0])
    rng = np.random.default_rng(request["seed"])
    scenes = []
    for number in range(request["count"]):
        scene = world.sample(rng, number % world.MAX_THINGS + 1)
        file = io.BytesIO()
        world.draw(scene, request["pixels"]).save(file, "PNG")
        picture = base64.b64encode(file.getvalue()).decode()
        scenes.append({"caption": world.caption(scene), "png": picture})
    return json.dumps({"scenes": scenes}).encode()


if __name__ == "__main__":
    sys.exit(answer_once(answer))
