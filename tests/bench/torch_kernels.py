"""One kernel's work in PyTorch, over and over.

Reads one JSON request a line from stdin, answers with one JSON line:
    {"work": {...}, "seed": n, "threads": n}   makes a work ready (see lib/bench/work.ts)
    {"times": n}                               does it, answers {"ms": for all of them}
    {"result": true}                           answers {"values": the latest result, f32 in base64}
"""
import base64
import json
import os
import sys
import time

request = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = str(request["threads"])  # before torch loads its libraries
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its own pool and OpenMP's would fight for the cores

import numpy  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(request["threads"])


def numbers(shape, seed):
    """As `inputsOf` makes them."""
    state = (seed * 104729 + 1 + numpy.arange(numpy.prod(shape), dtype=numpy.int64) * 40503) % 65521
    return torch.from_numpy((state / (65521 / 2) - 1).astype(numpy.float32).reshape(shape))


def channels_first(x):
    return x.permute(0, 3, 1, 2).contiguous()


def prepare(work, seed):
    """Returns the work as a function, and its result's axes in the order of channels last."""
    first, second = (numbers(shape, 2 * seed + i) for i, shape in enumerate(work["shapes"]))
    if work["kind"] == "matmul":
        return (lambda: first @ (second.T if work["transposeB"] else second)), None
    options = {"stride": work["stride"], "padding": work["padding"]}
    size = work["size"]
    kernel = [work["outputs"], work["inputs"], work["kernel"], work["kernel"]]
    picture = [work["batch"], work["inputs"], size, size]
    if work["pass"] == "weight gradient":
        x, dy = channels_first(first), channels_first(second)
        return (lambda: torch.nn.grad.conv2d_weight(x, kernel, dy, **options)), (2, 3, 1, 0)
    x, weight = channels_first(first), second.permute(3, 2, 0, 1).contiguous()
    if work["pass"] == "forward":
        return (lambda: torch.nn.functional.conv2d(x, weight, **options)), (0, 2, 3, 1)
    return (lambda: torch.nn.grad.conv2d_input(picture, weight, x, **options)), (0, 2, 3, 1)


once, result = None, None
while request:
    if "work" in request:
        once, order = prepare(request["work"], request["seed"])
        answer = {}
    elif "times" in request:
        start = time.perf_counter()
        for _ in range(request["times"]):
            result = once()
        answer = {"ms": (time.perf_counter() - start) * 1000}
    else:
        values = (result.permute(order) if order else result).contiguous().numpy()
        answer = {"values": base64.b64encode(values.tobytes()).decode()}
    print(json.dumps(answer), flush=True)
    line = sys.stdin.readline()
    request = json.loads(line) if line else None
