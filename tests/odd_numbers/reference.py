"""What PyTorch makes of odd numbers on the CPU, in f32: values and gradients, as JSON.

    python3 reference.py CASES.json

A case is {"torch": expression of x, y, z, "inputs": [{"shape", "data": ["NaN", "1", …]}]}. The gradient is that of
sum(result * weight) with the weights 1, 2, 3, 1, 2, 3, …
"""
import json
import sys

import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def nchw(x):
    return x.permute(0, 3, 1, 2)


def relu6(x):
    """Number by number: in rows of 16, PyTorch passes no gradient through a NaN, in what is left over it does."""
    return torch.stack([F.relu6(v) for v in x.flatten()]).reshape(x.shape)


def run(case):
    inputs = [torch.tensor([float(v) for v in i["data"]]).reshape(i["shape"]).requires_grad_()
              for i in case["inputs"]]
    names = {"torch": torch, "F": F, "nhwc": nhwc, "nchw": nchw, "relu6": relu6, **dict(zip("xyz", inputs))}
    result = eval(case["torch"], names)
    weight = torch.arange(result.numel(), dtype=torch.float32) % 3 + 1
    result.backward(weight.reshape(result.shape))
    grads = [i.grad if i.grad is not None else torch.zeros_like(i) for i in inputs]
    return [[str(v) for v in t.detach().flatten().tolist()] for t in [result, *grads]]


with open(sys.argv[1]) as f:
    print(json.dumps([run(case) for case in json.load(f)]))
