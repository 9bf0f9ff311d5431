"""Trains the reference captioner's decoder on exported features, in PyTorch: what features_pytorch.ts compares with.

    python3 features_training.py REFERENCE DIR [--moved 3]

REFERENCE is the folder of captioner.py and safetensors_io.py. DIR holds
    plan.json               sizes, recipe, and for each step its pictures, captions, learning rate and dropout seed
    features.safetensors    features [N, P, D]
    weights.safetensors     initial weights, PyTorch's names behind "decoder."
and receives
    losses.json             {"f64": [...], "f32": [...], "moved": [[...], ...]}: the loss of each step in float64, in
                            float32, and in float32 from weights moved by one unit of rounding, up or down at random
    trained.safetensors     the weights that the plain float32 run ends with
"""
import argparse
import json
import os
import sys

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("reference")
parser.add_argument("dir")
parser.add_argument("--moved", type=int, default=3)
args = parser.parse_args()
sys.path.insert(0, args.reference)
import captioner  # noqa: E402
import safetensors_io  # noqa: E402

torch.set_num_threads(1)  # two that wait for each other are slower where the machine has other work


def load(name):
    loaded = safetensors_io.load(os.path.join(args.dir, name))
    return loaded[0] if isinstance(loaded, tuple) else loaded


def mix(state, counter):
    """The finaliser of MurmurHash3 after each counter, as kernels/random.ts has it; uint32 arrays."""
    h = state ^ counter
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return (h ^ (h >> np.uint32(16))) + np.uint32(0x9E3779B9)


class HashDropout(nn.Module):
    """The mask that kernels/dropout.ts draws, for x [B, T, H]; it numbers the elements of [T, B, H]."""

    def __init__(self, rate):
        super().__init__()
        self.rate, self.seed = rate, 0

    def forward(self, x):
        if self.rate == 0:
            return x
        B, T, H = x.shape
        with np.errstate(over="ignore"):
            start = mix(np.uint32(0x9E3779B9), np.uint32(self.seed))
            bits = mix(start, np.arange(B * T * H, dtype=np.uint32)) >> np.uint32(8)
        kept = (bits >= round(self.rate * 2**24)).reshape(T, B, H).transpose(1, 0, 2)
        return x * torch.from_numpy(kept.copy()).to(x.dtype) / (1 - self.rate)


class FeatureCaptioner(captioner.Captioner):
    """The reference's forward on features in place of images."""

    def __init__(self, sizes, decoder, dropout):
        nn.Module.__init__(self)
        self.encoder = nn.Identity()
        self.decoder = captioner.DECODERS[decoder](**sizes, dropout=0)
        self.decoder.dropout = HashDropout(dropout)


def run(plan, features, weights, dtype):
    """The loss of every step, and the model."""
    model = FeatureCaptioner(plan["sizes"], plan["decoder"], plan["dropout"]).to(dtype)
    state = {name: torch.from_numpy(value).to(dtype) for name, value in weights.items()}
    model.load_state_dict(state, strict=True)
    model.train()
    optimiser = captioner.make_optimiser(model)
    features = torch.from_numpy(features).to(dtype)
    losses = []
    for step in plan["steps"]:
        optimiser.param_groups[0]["lr"] = step["learningRate"]
        model.decoder.dropout.seed = step["dropoutSeed"]
        captions = torch.tensor(step["captions"])
        reading = captioner.train_step(model, optimiser, features[step["images"]], captions,
                                       plan["alphaC"], plan["clipNorm"])
        losses.append(reading["loss"])
    return losses, model


plan = json.load(open(os.path.join(args.dir, "plan.json")))
features = load("features.safetensors")["features"]
weights = load("weights.safetensors")
result = {"f64": run(plan, features, weights, torch.float64)[0]}
result["f32"], model = run(plan, features, weights, torch.float32)
result["moved"] = []
for seed in range(args.moved):
    random = np.random.default_rng(seed)
    moved = {name: np.nextafter(value, np.where(random.random(value.shape) < 0.5, -np.inf, np.inf).astype(np.float32))
             for name, value in weights.items()}
    result["moved"].append(run(plan, features, moved, torch.float32)[0])
json.dump(result, open(os.path.join(args.dir, "losses.json"), "w"))
trained = {name: value.numpy() for name, value in model.state_dict().items()}
safetensors_io.save(os.path.join(args.dir, "trained.safetensors"), trained)
