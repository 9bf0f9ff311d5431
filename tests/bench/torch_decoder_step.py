"""A training step of "Show, Attend and Tell"'s decoder in eager PyTorch: lib/bench/decoder_step.ts beside it.

Reads one JSON request a line from stdin, answers with one JSON line:
    {"work": {...}, "device": "cuda"}   makes the step ready, answers {"device": the card's name}
    {"times": n}                        takes so many, answers {"ms": for all of them}
    {"result": true}                    answers {"loss": the latest step's}
"""
import json
import sys
import time

import torch
from torch import nn


class Decoder(nn.Module):
    """features [B, P, D], ids [T, B] -> logits [T, B, V]; the words' half of the LSTM's inputs before the loop."""

    def __init__(self, words, channels, hidden, attention, embedding, **_):
        super().__init__()
        self.embedding = nn.Embedding(words, embedding)
        self.encoder_att = nn.Linear(channels, attention)
        self.decoder_att = nn.Linear(hidden, attention)
        self.full_att = nn.Linear(attention, 1)
        self.init_h = nn.Linear(channels, hidden)
        self.init_c = nn.Linear(channels, hidden)
        self.f_beta = nn.Linear(hidden, channels)
        self.lstm = nn.LSTMCell(embedding + channels, hidden)
        self.fc = nn.Linear(hidden, words)

    def forward(self, features, ids):
        average = features.mean(1)
        h, c = self.init_h(average), self.init_c(average)
        att1 = self.encoder_att(features)
        hidden = []
        for embedded in self.embedding(ids):
            scores = self.full_att(torch.relu(att1 + self.decoder_att(h)[:, None])).squeeze(2)
            context = (torch.softmax(scores, 1)[:, :, None] * features).sum(1)
            gated = torch.sigmoid(self.f_beta(h)) * context
            h, c = self.lstm(torch.cat([embedded, gated], 1), (h, c))
            hidden.append(h)
        return self.fc(torch.stack(hidden))


class Step:
    def __init__(self, work, device):
        torch.manual_seed(0)
        torch.backends.cuda.matmul.allow_tf32 = False  # f32 like ours
        self.device = device
        self.decoder = Decoder(**work).to(device)
        self.adam = torch.optim.Adam(self.decoder.parameters(), lr=4e-4)
        shape = work["batch"], work["positions"], work["channels"]
        self.features = torch.rand(shape, device=device) * 2 - 1
        ids = torch.randint(4, work["words"], (work["steps"] + 1, work["batch"]), device=device)
        self.inputs, self.targets = ids[:-1], ids[1:]
        self.loss = None

    def wait(self):
        if self.device != "cpu":
            torch.cuda.synchronize()

    def run(self, times):
        self.wait()
        start = time.perf_counter()
        for _ in range(times):
            logits = self.decoder(self.features, self.inputs)
            self.loss = nn.functional.cross_entropy(logits.flatten(0, 1), self.targets.flatten())
            self.adam.zero_grad()
            self.loss.backward()
            nn.utils.clip_grad_norm_(self.decoder.parameters(), 5)
            self.adam.step()
        self.wait()
        return (time.perf_counter() - start) * 1000


step = None
for line in sys.stdin:
    request = json.loads(line)
    if "work" in request:
        device = request["device"]
        if device == "cuda" and not torch.cuda.is_available():
            sys.exit("this PyTorch sees no card")
        step = Step(request["work"], device)
        answer = {"device": torch.cuda.get_device_name() if device == "cuda" else device}
    elif "times" in request:
        answer = {"ms": step.run(request["times"])}
    else:
        answer = {"loss": step.loss.item()}
    print(json.dumps(answer), flush=True)
