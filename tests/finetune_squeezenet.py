"""SqueezeNet's real weights, fine-tuned under a small attention decoder in PyTorch: the losses of each step.

    python3 finetune_squeezenet.py REFERENCE_DIR WEIGHTS.safetensors OUT.safetensors STEPS

Writes `pixels.K` (bytes [B, h, w, 3]) and `captions.K` of K batches, which the steps take in turn, the decoder's first
weights under their names, and `losses.NAME` [STEPS, 3] (loss, cross entropy, gradient norm) of the same run in
`float64`, in `float32`, and in float32 from weights `moved` by one unit of rounding. The fire modules are trained.
"""
import copy
import sys

import torch
from torch import nn

from encoder_stages import SqueezeNet

SIZE, BATCH, BATCHES, WORDS, EMBEDDING = 64, 4, 3, 30, 12
#: Caffe's names and places of the fire modules.
FIRES = {2: 3, 3: 4, 4: 5, 5: 7, 6: 8, 7: 9, 8: 10, 9: 12}
PARTS = {"squeeze": "conv1x1_1", "expand1x1": "conv1x1_2", "expand3x3": "conv3x3_2"}
CAFFE_MEANS = (104.0, 117.0, 123.0)


class Encoder(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.net = SqueezeNet()
        names = {"features.0": "conv1"}
        for fire, place in FIRES.items():
            names.update({f"features.{place}.{ours}": f"fire{fire}.{theirs}" for ours, theirs in PARTS.items()})
        self.net.load_state_dict({
            f"{ours}.{part}": torch.from_numpy(weights[f"{theirs}.{part}"])
            for ours, theirs in names.items() for part in ("weight", "bias")})
        for parameter in self.net.features[0].parameters():
            parameter.requires_grad_(False)

    def forward(self, pixels):
        """Bytes [B, h, w, 3], red first -> [B, P, 512]; the network wants blue first, less Caffe's means."""
        dtype = self.net.features[0].weight.dtype
        x = pixels.flip(3).to(dtype) - torch.tensor(CAFFE_MEANS, dtype=dtype)
        return self.net.features(x.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2).contiguous()


def main(reference, weights, out, steps):
    sys.path.insert(0, reference)
    import captioner
    import safetensors_io
    torch.set_num_threads(1)  # waiting threads would take the time of others
    torch.manual_seed(5)
    model = captioner.Captioner(WORDS, dropout=0)
    model.encoder = Encoder(safetensors_io.load(weights))
    model.decoder = captioner.AttendDecoder(WORDS, D=512, A=16, E=EMBEDDING, H=24, dropout=0)
    with torch.no_grad():  # for features of up to 300: else the attention is saturated, and rounding grows without end
        for weight in (model.decoder.attention.encoder_att.weight, model.decoder.init_h.weight,
                       model.decoder.init_c.weight, model.decoder.lstm.weight_ih[:, EMBEDDING:]):
            weight.mul_(0.05)
    arrays = {f"decoder.{key}": value.clone() for key, value in model.decoder.state_dict().items()}
    batches = []
    for k in range(BATCHES):
        coarse = torch.rand(BATCH, 3, 8, 8)
        pixels = nn.functional.interpolate(coarse, size=SIZE, mode="bilinear", align_corners=False)
        pixels = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        captions = torch.zeros(BATCH, 7, dtype=torch.long)
        for row in range(BATCH):
            length = 3 + (row + k) % 3
            captions[row, 0], captions[row, length + 1] = captioner.START, captioner.END
            captions[row, 1:length + 1] = torch.randint(4, WORDS, (length,))
        batches.append((pixels, captions))
        arrays[f"pixels.{k}"], arrays[f"captions.{k}"] = pixels, captions
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for weight in moved.parameters():
            weight.copy_(torch.nextafter(weight, weight + torch.randn_like(weight)))
    for name, run in {"float64": copy.deepcopy(model).double(), "moved": moved, "float32": model}.items():
        trained = [parameter for parameter in run.parameters() if parameter.requires_grad]
        optimiser = torch.optim.Adam(trained, lr=1e-5)
        reports = [captioner.train_step(run.train(), optimiser, *batches[step % BATCHES]) for step in range(int(steps))]
        rows = [[report[key] for key in ("loss", "cross_entropy", "grad_norm")] for report in reports]
        arrays[f"losses.{name}"] = torch.tensor(rows, dtype=torch.float32)  # rounded: 1e-7
    safetensors_io.save(out, {key: value.numpy() for key, value in arrays.items()})


main(*sys.argv[1:])
