"""Writes random captioners with the attribute names of two well-known tutorials, and what they say of one picture.

    python3 tests/make_captioners.py DIR         writes them
    python3 tests/make_captioners.py DIR check   reads what was exported from them, DIR/back.pth and DIR/flat.pth

The classes are our own: what counts are the names that their pickles have. ResNet-18 for speed; the names tell depth.
Reads DIR/pixels.bin, 256 × 256 × 3 bytes. Writes the checkpoints, and answers.json with logits and greedy captions.
"""
import json
import pickle
import sys

import torch
from torch import nn

DIR = sys.argv[1]
WORDS = [f"word{i}" for i in range(30)]
E, H, A = 12, 16, 10
STEPS = 8


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def resnet18_children():
    layers = [nn.Sequential(BasicBlock(i, o, s), BasicBlock(o, o, 1))
              for i, o, s in [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]]
    return [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
            *layers, nn.AdaptiveAvgPool2d(1)]


def shake(module):
    """Running statistics and scales as training leaves them, not as they start."""
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm2d, nn.BatchNorm1d)):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
    return module.eval()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc_image_size = 14
        self.resnet = nn.Sequential(*resnet18_children()[:-1])
        self.adaptive_pool = nn.AdaptiveAvgPool2d((14, 14))

    def forward(self, images):
        return self.adaptive_pool(self.resnet(images)).permute(0, 2, 3, 1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder_att = nn.Linear(512, A)
        self.decoder_att = nn.Linear(H, A)
        self.full_att = nn.Linear(A, 1)
        self.relu = nn.ReLU()
        self.softmax = nn.Softmax(dim=1)

    def forward(self, features, h):
        scores = self.full_att(self.relu(self.encoder_att(features) + self.decoder_att(h).unsqueeze(1))).squeeze(2)
        return (features * self.softmax(scores).unsqueeze(2)).sum(dim=1)


class DecoderWithAttention(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.attention = Attention()
        self.embedding = nn.Embedding(words, E)
        self.dropout = nn.Dropout(p=0.5)
        self.decode_step = nn.LSTMCell(E + 512, H, bias=True)
        self.init_h = nn.Linear(512, H)
        self.init_c = nn.Linear(512, H)
        self.f_beta = nn.Linear(H, 512)
        self.sigmoid = nn.Sigmoid()
        self.fc = nn.Linear(H, words)
        nn.init.normal_(self.fc.weight, std=2)
        nn.init.normal_(self.embedding.weight)

    def begin(self, features):
        mean = features.mean(dim=1)
        return self.init_h(mean), self.init_c(mean)

    def step(self, word, features, state):
        context = self.sigmoid(self.f_beta(state[0])) * self.attention(features, state[0])
        h, c = self.decode_step(torch.cat([self.embedding(word), context], dim=1), state)
        return self.fc(h), (h, c)


class EncoderCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.resnet = nn.Sequential(*resnet18_children())
        self.linear = nn.Linear(512, E)
        self.bn = nn.BatchNorm1d(E, momentum=0.01)

    def forward(self, images):
        features = self.resnet(images)
        return self.bn(self.linear(features.reshape(features.size(0), -1)))


class DecoderRNN(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = nn.Embedding(words, E)
        self.lstm = nn.LSTM(E, H, 1, batch_first=True)
        self.linear = nn.Linear(H, words)
        nn.init.normal_(self.linear.weight, std=2)

    def begin(self, image):
        return self.lstm(image.unsqueeze(1))[1]  # its output predicts the start token

    def step(self, word, _, state):
        hidden, state = self.lstm(self.embed(word).unsqueeze(1), state)
        return self.linear(hidden.squeeze(1)), state


class Vocabulary:
    def __init__(self):
        words = ["<pad>", "<start>", "<end>", "<unk>", *WORDS]
        self.word2idx = {word: i for i, word in enumerate(words)}
        self.idx2word = {i: word for i, word in enumerate(words)}
        self.idx = len(words)


def picture(size):
    with open(f"{DIR}/pixels.bin", "rb") as file:
        pixels = torch.tensor(list(file.read()), dtype=torch.float32).view(256, 256, 3)[:size, :size]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((pixels / 255 - mean) / std).permute(2, 0, 1).unsqueeze(0)


@torch.no_grad()
def answer(decoder, start, features, ids):
    """Logits by word after each word of the likeliest caption; padding, start and unknown are never said."""
    words = {i: word for word, i in ids.items()}
    state, word, said, logits = start, ids["<start>"], [], []
    for step in range(STEPS):
        scores, state = decoder.step(torch.tensor([word]), features, state)
        logits.append({words[i]: value for i, value in enumerate(scores[0].tolist())})
        allowed = scores[0].clone()
        for banned in ["<pad>", "<start>", "<unk>"] + (["<end>"] if step == 0 else []):
            allowed[ids[banned]] = -float("inf")
        word = int(allowed.argmax())
        if words[word] == "<end>":
            break
        said.append(words[word])
    return {"words": said, "logits": logits}


def check():
    """Loads strictly what was exported; says what it says now."""
    checkpoint = torch.load(f"{DIR}/back.pth", weights_only=True)
    with open(f"{DIR}/back.words.json") as file:
        word_map = json.load(file)
    encoder, decoder = Encoder().eval(), DecoderWithAttention(len(word_map)).eval()
    encoder.load_state_dict(checkpoint["encoder"])
    decoder.load_state_dict(checkpoint["decoder"])
    with torch.no_grad():
        features = encoder(picture(256)).reshape(1, -1, 512)
        said = answer(decoder, decoder.begin(features), features, word_map)
    original = torch.load(f"{DIR}/sgrvinod.zip.pth.tar")["decoder"].state_dict()
    with open(f"{DIR}/WORDMAP.json") as file:
        same_words = json.load(file) == word_map
    flat = torch.load(f"{DIR}/flat.pth", weights_only=True)
    equal = all(torch.equal(tensor, checkpoint["decoder"][name]) for name, tensor in original.items())
    equal = equal and torch.equal(flat["encoder.layer4.1.conv2.weight"], checkpoint["encoder"]["resnet.7.1.conv2.weight"])
    print(json.dumps({"answer": said, "sameWords": same_words, "sameNumbers": equal, "flat": sorted(flat)}))


if len(sys.argv) > 2:
    check()
    sys.exit()

torch.manual_seed(5)
answers = {}

# sgrvinod's: whole modules in one file; words from 1 on, the special ones last.
word_map = {word: i + 1 for i, word in enumerate(WORDS)}
for special in ["<unk>", "<start>", "<end>"]:
    word_map[special] = len(word_map) + 1
word_map["<pad>"] = 0
encoder, decoder = shake(Encoder()), DecoderWithAttention(len(word_map)).eval()
optimiser = torch.optim.Adam(decoder.parameters(), lr=4e-4)
with open(f"{DIR}/WORDMAP.json", "w") as file:
    json.dump(word_map, file)
checkpoint = {"epoch": 12, "epochs_since_improvement": 0, "bleu-4": 0.24, "encoder": encoder, "decoder": decoder,
              "encoder_optimizer": None, "decoder_optimizer": optimiser}
torch.save(checkpoint, f"{DIR}/sgrvinod.zip.pth.tar")
torch.save(checkpoint, f"{DIR}/sgrvinod.stream.pth.tar", _use_new_zipfile_serialization=False)
with torch.no_grad():
    features = encoder(picture(256)).reshape(1, -1, 512)
    answers["sgrvinod"] = answer(decoder, decoder.begin(features), features, word_map)

# yunjey's: two state dicts, and a vocabulary that is an object.
encoder, decoder = shake(EncoderCNN()), DecoderRNN(len(WORDS) + 4).eval()
vocabulary = Vocabulary()
with open(f"{DIR}/vocab.pkl", "wb") as file:
    pickle.dump(vocabulary, file)
torch.save(encoder.state_dict(), f"{DIR}/encoder.ckpt")
torch.save(decoder.state_dict(), f"{DIR}/decoder.ckpt", _use_new_zipfile_serialization=False)
with torch.no_grad():
    answers["yunjey"] = answer(decoder, decoder.begin(encoder(picture(224))), None, vocabulary.word2idx)

with open(f"{DIR}/answers.json", "w") as file:
    json.dump(answers, file)
