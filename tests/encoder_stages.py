"""CNNs with random weights, and what each of their blocks makes of random pictures, in PyTorch.

    python3 encoder_stages.py REFERENCE_DIR OUT_DIR NAME[:STAGES] ...
    python3 encoder_stages.py --check-torchvision NAME ...

REFERENCE_DIR holds safetensors_io.py. Writes OUT_DIR/NAME.safetensors: the state dict under torchvision's names, `input`
[2, 3, 64, 64], `stage.0` ... in evaluation mode, and `training.K` in training mode with K leading blocks frozen, with
the running statistics after it under `after.`; with STAGES only so many of the stages and their weights. The metadata
"shapes" hold the shapes of the whole state dict. With --check-torchvision the twins below are compared with torchvision's.
"""
import json
import sys

import torch
from torch import nn

RESNETS = {
    "resnet18": ([2, 2, 2, 2], False),
    "resnet34": ([3, 4, 6, 3], False),
    "resnet50": ([3, 4, 6, 3], True),
    "resnet101": ([3, 4, 23, 3], True),
    "resnet152": ([3, 8, 36, 3], True),
}


def convolution(inputs, outputs, kernel, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class Residual(nn.Module):
    def __init__(self, inputs, width, outputs, stride):
        super().__init__()
        deep = outputs != width
        shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)] if deep else [
            (inputs, width, 3, stride), (width, outputs, 3, 1)]
        self.length = len(shapes)
        for i, shape in enumerate(shapes, 1):
            setattr(self, f"conv{i}", convolution(*shape))
            setattr(self, f"bn{i}", nn.BatchNorm2d(shape[1]))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i in range(1, self.length + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.length:
                y = torch.relu(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depths, bottleneck):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for i, depth in enumerate(depths):
            width, blocks = 64 * 2 ** i, []
            for block in range(depth):
                outputs = 4 * width if bottleneck else width
                blocks.append(Residual(inputs, width, outputs, 2 if i > 0 and block == 0 else 1))
                inputs = outputs
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))

    def stages(self):
        stem = nn.Sequential(self.conv1, self.bn1, nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        return [stem, self.layer1, self.layer2, self.layer3, self.layer4]


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        width = inputs * expansion
        layers = [unit(inputs, width, 1)] if expansion > 1 else []
        layers += [unit(width, width, 3, stride, width), convolution(width, outputs, 1), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


def unit(inputs, outputs, kernel, stride=1, groups=1):
    return nn.Sequential(convolution(inputs, outputs, kernel, stride, groups), nn.BatchNorm2d(outputs), nn.ReLU6())


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        layers, inputs = [unit(3, 32, 3, 2)], 32
        for expansion, outputs, count, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                                  (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
            for i in range(count):
                layers.append(Inverted(inputs, outputs, stride if i == 0 else 1, expansion))
                inputs = outputs
        self.features = nn.Sequential(*layers, unit(inputs, 1280, 1))

    def stages(self):
        return list(self.features)


class Fire(nn.Module):
    def __init__(self, inputs, squeezed, expanded):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self):
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, ceil_mode=True)
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool(), Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), pool(),
            Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), pool(), Fire(512, 64, 256))

    def stages(self):
        f = self.features
        return [f[0:2], f[2:4], f[4], f[5], f[6:8], f[8], f[9], f[10], f[11:13]]


def make(name):
    if name in RESNETS:
        return ResNet(*RESNETS[name])
    return MobileNetV2() if name == "mobilenet_v2" else SqueezeNet()


def randomise(model):
    """Every number random, running statistics too: a twin that swaps two of them is found out."""
    generator = torch.Generator().manual_seed(7)
    draw = lambda like, low, high: torch.rand(like.shape, generator=generator) * (high - low) + low
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel()
                module.weight.copy_(draw(module.weight, -1, 1) * (6 / fan) ** 0.5)
                if module.bias is not None:
                    module.bias.copy_(draw(module.bias, -0.2, 0.2))
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(draw(module.weight, 0.4, 0.8))
                module.bias.copy_(draw(module.bias, -0.3, 0.3))
                module.running_mean.copy_(draw(module.running_mean, -0.3, 0.3))
                module.running_var.copy_(draw(module.running_var, 0.5, 1.5))
    return generator


def check_torchvision(name, model):
    import torchvision
    theirs = getattr(torchvision.models, name)()
    mine = model.state_dict()
    others = {key: value for key, value in theirs.state_dict().items() if not key.startswith(("fc.", "classifier."))}
    assert list(mine) == list(others), set(mine) ^ set(others)
    theirs.load_state_dict(mine, strict=False)
    images = torch.rand(2, 3, 96, 96)
    for training in (False, True):
        model.train(training), theirs.train(training)
        x = images
        for stage in model.stages():
            x = stage(x)
        if name in RESNETS:
            y = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(images))))
            y = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(y))))
        else:
            y = theirs.features(images)
        assert torch.equal(x, y), (x - y).abs().max()
    print(f"{name}: equal to torchvision's, {len(mine)} tensors")


def write(reference, out, name, count=None):
    sys.path.insert(0, reference)
    import safetensors_io
    model = make(name)
    generator = randomise(model)
    images = torch.rand(2, 3, 64, 64, generator=generator) * 4 - 2
    state = model.state_dict()
    tensors = {"input": images}
    with torch.no_grad():
        x = images
        for i, stage in enumerate(model.eval().stages()[:count]):
            x = tensors[f"stage.{i}"] = stage(x)
            used = {value.data_ptr() for value in stage.state_dict().values()}
            tensors.update({key: value.clone() for key, value in state.items() if value.data_ptr() in used})
        if count is None:
            frozen = len(model.stages()) // 2
            x = images
            for i, stage in enumerate(model.stages()):
                x = stage.train(i >= frozen)(x)
            tensors[f"training.{frozen}"] = x
            tensors.update({f"after.{key}": value for key, value in state.items() if "running" in key})
    shapes = {key: list(value.shape) for key, value in state.items()}
    arrays = {key: value.numpy() for key, value in tensors.items()}
    safetensors_io.save(f"{out}/{name}.safetensors", arrays, {"shapes": json.dumps(shapes)})


if __name__ == "__main__" and sys.argv[1] == "--check-torchvision":
    for each in sys.argv[2:]:
        twin = make(each)
        randomise(twin)
        check_torchvision(each, twin)
elif __name__ == "__main__":
    torch.set_num_threads(1)  # waiting threads would take the time of others
    for each in sys.argv[3:]:
        which, _, stages = each.partition(":")
        write(sys.argv[1], sys.argv[2], which, int(stages) if stages else None)
