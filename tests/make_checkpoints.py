"""Writes checkpoints of every make with the installed PyTorch, and what they hold as plain files beside them.

    python3 tests/make_checkpoints.py DIR
"""
import collections
import json
import os
import pickle
import sys

import numpy as np
import torch
from torch import nn

DIR = sys.argv[1]
NAMES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.int32: "I32", torch.int16: "I16",
         torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL", torch.float16: "F16", torch.bfloat16: "BF16"}


def save(name, value):
    """Both forms: NAME.zip.pth and NAME.stream.pth."""
    for form in ("zip", "stream"):
        torch.save(value, f"{DIR}/{name}.{form}.pth", _use_new_zipfile_serialization=form == "zip")


def describe(tensors):
    """Each tensor with its numbers as texts, halves as the f32 they are."""
    listed = {}
    for name, tensor in tensors.items():
        numbers = tensor.detach().contiguous()
        numbers = numbers.float() if numbers.dtype in (torch.float16, torch.bfloat16) else numbers
        listed[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data": [str(x) for x in numbers.flatten().tolist()]}
    return listed


def write_json(name, value):
    with open(f"{DIR}/{name}.json", "w") as file:
        json.dump(value, file)


# 1. Tensors of all types, and all the ways in which they can lie in a storage.
torch.manual_seed(1)
big = torch.randn(4, 6)
shared = torch.arange(12, dtype=torch.float32)
tensors = collections.OrderedDict(
    f32=big,
    rows=big[1:3],
    columns=big[:, 2:5],
    transposed=big.t(),
    permuted=torch.randn(2, 3, 4).permute(2, 0, 1),
    strided=torch.arange(20)[3::4],
    expanded=torch.tensor([[1.5], [2.5]]).expand(2, 3),
    shared_a=shared.view(3, 4),
    shared_b=shared[4:8],
    f64=torch.randn(3, dtype=torch.float64),
    f16=torch.tensor([1.0, -2.5, 65504.0, 6e-8, float("inf")], dtype=torch.float16),
    bf16=torch.tensor([1.0, -2.5, 3.0e38, 1e-40, float("-inf")], dtype=torch.bfloat16),
    bf16_t=torch.randn(2, 3).bfloat16().t(),
    i64=torch.tensor([[-(2**62), 5], [0, 2**53 + 1]]),
    i32=torch.tensor([-7, 2**31 - 1], dtype=torch.int32),
    i16=torch.tensor([-300, 300], dtype=torch.int16),
    i8=torch.tensor([-128, 127], dtype=torch.int8),
    u8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([[True, False], [False, True]]),
    scalar=torch.tensor(3.25),
    empty=torch.zeros(0, 5),
    parameter=nn.Parameter(torch.randn(2)),
)
save("tensors", tensors)
write_json("tensors", describe(tensors))
save("half", {"f16": tensors["f16"]})


# 2. Whole modules, wrapped state dicts.
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.cell = nn.LSTMCell(4, 5)
        self.tied = nn.Linear(4, 5)
        self.again = self.tied
        self.register_buffer("table", torch.arange(3.0))
        self.register_buffer("fleeting", torch.ones(2), persistent=False)
        self.note = "a text"


net = Net()
optimiser = torch.optim.Adam(net.parameters())
sum(parameter.sum() for parameter in net.parameters()).backward()
optimiser.step()
save("module", net)
save("parallel", nn.DataParallel(net))
save("parallel_state", nn.DataParallel(net).state_dict())
save("wrapped", {"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimiser.state_dict()})
save("two", {"epoch": 3, "bleu-4": 0.2, "encoder": net.features, "decoder": nn.DataParallel(net.cell),
             "encoder_optimizer": None, "decoder_optimizer": optimiser, "optimizer": optimiser.state_dict()})
write_json("module", describe(net.state_dict()))
save("nothing", {"epoch": 3})
scripted = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
torch.jit.script(scripted).save(f"{DIR}/script.pth")
write_json("script", describe(scripted.state_dict()))


# 3. Plain pickles, every protocol.
class Vocabulary:
    def __init__(self):
        self.word2idx = {"<pad>": 0, "<start>": 1, "café": 2, "\U0001f600\n'\\": 3}
        self.idx2word = {index: word for word, index in self.word2idx.items()}
        self.idx = 4


plain = {
    "none": None, "true": True, "false": False, "zero": 0, "small": 200, "medium": 60000, "negative": -5,
    "int": 2**31 - 1, "long": 2**53 + 1, "huge": -(10**40), "float": 0.1, "inf": float("inf"),
    "text": "a\nb 'c' \\ caf\u00e9 \U0001f600", "long text": "x" * 300, "bytes": b"\x00\xff'", "bytearray": bytearray(b"ab"),
    "list": [1, [2, []]], "tuple": (), "tuples": ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "set": {1}, "frozen": frozenset({"a"}), "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    "counter": collections.Counter("aab"), "default": collections.defaultdict(int, {"k": 1}),
    "complex": 1 + 2j,
}
plain["itself"] = plain
for protocol in range(6):
    with open(f"{DIR}/plain{protocol}.pkl", "wb") as file:
        pickle.dump(plain, file, protocol=protocol)
    with open(f"{DIR}/vocabulary{protocol}.pkl", "wb") as file:
        pickle.dump(Vocabulary(), file, protocol=protocol)
    arrays = {"f32": np.arange(6, dtype=np.float32).reshape(2, 3), "fortran": np.asfortranarray(
        np.arange(6, dtype=np.float64).reshape(2, 3)), "number": np.float32(1.5), "i64": np.array([2**40])}
    torch.save(arrays, f"{DIR}/numpy{protocol}.pth", pickle_protocol=protocol)


# 4. A pickle that would run a command where it is trusted.
class Hostile:
    def __reduce__(self):
        return os.system, (f"touch {DIR}/executed",)


save("hostile", {"weight": torch.ones(2), "trap": Hostile()})
torch.load(f"{DIR}/hostile.zip.pth")  # the trap works: what trusts the file runs the command
os.rename(f"{DIR}/executed", f"{DIR}/executed_by_pytorch")
