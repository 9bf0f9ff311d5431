"""Matrix products in numpy, over and over: what its BLAS can do. Speaks as `torch_kernels.py` does."""
import base64
import json
import os
import sys
import time

request = json.loads(sys.stdin.readline())
for library in ["OPENBLAS", "MKL", "OMP", "VECLIB"]:  # before numpy loads its library
    os.environ[library + ("_MAXIMUM_THREADS" if library == "VECLIB" else "_NUM_THREADS")] = str(request["threads"])

import numpy  # noqa: E402


def numbers(shape, seed):
    """As `inputsOf` makes them."""
    state = (seed * 104729 + 1 + numpy.arange(numpy.prod(shape), dtype=numpy.int64) * 40503) % 65521
    return (state / (65521 / 2) - 1).astype(numpy.float32).reshape(shape)


first, second, result = None, None, None
while request:
    if "work" in request:
        work, seed = request["work"], request["seed"]
        first, second = (numbers(shape, 2 * seed + i) for i, shape in enumerate(work["shapes"]))
        if work["transposeB"]:
            second = second.T
        answer = {}
    elif "times" in request:
        start = time.perf_counter()
        for _ in range(request["times"]):
            result = first @ second
        answer = {"ms": (time.perf_counter() - start) * 1000}
    else:
        answer = {"values": base64.b64encode(result.tobytes()).decode()}
    print(json.dumps(answer), flush=True)
    line = sys.stdin.readline()
    request = json.loads(line) if line else None
