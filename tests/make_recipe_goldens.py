"""What PyTorch makes of the decoders, losses, optimisers and schedules of tests/recipes_test.ts.

    /usr/bin/python3 tests/make_recipe_goldens.py INPUT.json

Reads what the test wrote: weights, features, words, gradients. Prints JSON: the same computed by PyTorch in f64.
"""
import json
import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)


def tensor(entry):
    return torch.tensor(entry["data"], dtype=torch.float64).reshape(entry["shape"])


def lstm_cell(P, x, h, c):
    return torch._VF.lstm_cell(x, (h, c), P["lstm.weight_ih"], P["lstm.weight_hh"], P["lstm.bias_ih"], P["lstm.bias_hh"])


def layer(P, name, x):
    return F.linear(x, P[name + ".weight"], P[name + ".bias"])


def attend(P, features, ids, flags):
    """Xu et al. (2015) as sgrvinod has it, with the paper's tanh and deep output where flags say so."""
    squash = torch.tanh if flags.get("squash") == "tanh" else torch.relu
    mean = features.mean(1)
    h, c = layer(P, "init_h", mean), layer(P, "init_c", mean)
    att1 = layer(P, "attention.encoder_att", features)
    embedded = F.embedding(ids, P["embedding.weight"])
    outputs, alphas = [], []
    for x in embedded:
        scores = layer(P, "attention.full_att", squash(att1 + layer(P, "attention.decoder_att", h)[:, None])).squeeze(2)
        alpha = torch.softmax(scores, 1)
        context = torch.sigmoid(layer(P, "f_beta", h)) * (alpha[:, :, None] * features).sum(1)
        h, c = lstm_cell(P, torch.cat([x, context], 1), h, c)
        out = h
        if flags.get("deepOutput"):
            out = torch.tanh(layer(P, "hidden_out", h) + layer(P, "context_out", context) + x)
        outputs.append(out)
        alphas.append(alpha)
    return torch.stack(outputs), torch.stack(alphas)


def show_tell(P, features, ids, flags):
    x = layer(P, "image_proj", features.mean(1))
    if flags.get("imageNorm"):
        norm = nn.BatchNorm1d(x.shape[1], momentum=0.01)
        x = F.batch_norm(x, norm.running_mean, norm.running_var, P["image_norm.weight"], P["image_norm.bias"], True, 0.01)
    if flags.get("imageRelu"):
        x = torch.relu(x)
    h = c = torch.zeros(x.shape[0], P["lstm.weight_hh"].shape[1])
    h, c = lstm_cell(P, x, h, c)
    outputs = []
    for x in F.embedding(ids, P["embedding.weight"]):
        h, c = lstm_cell(P, x, h, c)
        outputs.append(h)
    return torch.stack(outputs), None


def att2in(P, features, ids, flags):
    """Rennie et al. (2017) as ruotianluo's Att2in2: the attended feature enters the two candidates alone."""
    size = P["core.h2h.weight"].shape[1]
    features = torch.relu(layer(P, "att_embed", features))
    projected = layer(P, "ctx2att", features)
    h = c = torch.zeros(features.shape[0], size)
    outputs, alphas = [], []
    for x in torch.relu(F.embedding(ids, P["embedding.weight"])):
        dot = torch.tanh(projected + layer(P, "core.attention.h2att", h)[:, None])
        alpha = torch.softmax(layer(P, "core.attention.alpha_net", dot).squeeze(2), 1)
        attended = torch.bmm(alpha[:, None], features).squeeze(1)
        sums = layer(P, "core.i2h", x) + layer(P, "core.h2h", h)
        i, f, o = torch.sigmoid(sums[:, : 3 * size]).chunk(3, 1)
        candidate = sums[:, 3 * size :] + layer(P, "core.a2c", attended)
        c = f * c + i * torch.max(*candidate.chunk(2, 1))
        h = o * torch.tanh(c)
        outputs.append(h)
        alphas.append(alpha)
    return torch.stack(outputs), torch.stack(alphas)


def decoder(case):
    P = {name: tensor(entry).requires_grad_() for name, entry in case["parameters"].items()}
    features = tensor(case["features"]).requires_grad_()
    ids, targets = torch.tensor(case["inputs"]), torch.tensor(case["targets"])
    run = {"attend": attend, "show_tell": show_tell, "att2in": att2in}[case["decoder"]]
    outputs, alphas = run(P, features, ids, case["flags"])
    weight = P["embedding.weight"] if case["flags"].get("tied") else P["fc.weight"]
    logits = F.linear(outputs, weight, P["fc.bias"])
    flat = logits.reshape(-1, logits.shape[-1])
    smoothing = case["flags"].get("smoothing", 0.0)
    loss = F.cross_entropy(flat, targets.reshape(-1), ignore_index=0, label_smoothing=smoothing)
    loss.backward()
    plain = F.cross_entropy(flat, targets.reshape(-1), ignore_index=0)
    gradients = {name: (value.grad if value.grad is not None else torch.zeros_like(value)).flatten().tolist()
                 for name, value in P.items()}
    return {"loss": loss.item(), "crossEntropy": plain.item(), "gradients": gradients,
            "features": features.grad.flatten().tolist(),
            "alphas": None if alphas is None else alphas.flatten().tolist()}


def optimiser(case):
    parameters = [tensor(entry).requires_grad_() for entry in case["parameters"]]
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    steps = kinds[case["kind"]](parameters, **case["options"])
    after = []
    for grads in case["gradients"]:
        for parameter, grad in zip(parameters, grads):
            parameter.grad = torch.tensor(grad, dtype=torch.float64).reshape(parameter.shape)
        if "clipNorm" in case:
            nn.utils.clip_grad_norm_(parameters, case["clipNorm"])
        if "clipValue" in case:
            nn.utils.clip_grad_value_(parameters, case["clipValue"])
        steps.step()
        after.append([parameter.detach().flatten().tolist() for parameter in parameters])
    return after


def schedule(case):
    """Rates of each step, from PyTorch's own schedulers."""
    parameter = nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=case["rate"])
    if case["kind"] == "step":
        steps = torch.optim.lr_scheduler.StepLR(sgd, case["every"], case["decay"])
    elif case["kind"] == "cosine":
        steps = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, case["steps"])
    else:
        steps = torch.optim.lr_scheduler.ReduceLROnPlateau(
            sgd, "max", factor=case["decay"], patience=case["patience"] - 1, threshold=0)
    rates = []
    for score in case.get("scores", range(case.get("steps", 0))):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        steps.step(score) if case["kind"] == "plateau" else steps.step()
    return rates


with open(sys.argv[1]) as file:
    wanted = json.load(file)
print(json.dumps({
    "decoders": [decoder(case) for case in wanted["decoders"]],
    "optimisers": [optimiser(case) for case in wanted["optimisers"]],
    "schedules": [schedule(case) for case in wanted["schedules"]],
}))
