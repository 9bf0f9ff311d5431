"""Compares DIR/written.pth, which we wrote, with the checkpoint that PyTorch wrote of the same tensors.

    python3 tests/check_written.py DIR
"""
import sys

import torch

DIR = sys.argv[1]
written = torch.load(f"{DIR}/written.pth", weights_only=True)  # the careful reader: no instruction it does not know
original = torch.load(f"{DIR}/tensors.zip.pth")
state = written["state"]
assert list(state) == list(original), list(state)
for name, tensor in original.items():
    assert state[name].dtype == tensor.dtype and torch.equal(state[name], tensor), name
print("equal")
