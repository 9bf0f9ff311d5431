"""Writes tests/goldens/resize.json: what Pillow's bilinear resize makes of pixels that a formula gives.

    pip install pillow==13.0.0
    python3 tests/make_resize_goldens.py

The test compares every byte through a SHA-256, and shows some pixels of a result that differs.
Pillow 12 and before begin with the rows always: they differ in the sizes marked "columns first".
"""

import hashlib
import json
import pathlib

import PIL
from PIL import Image

SIZES = [  # from (width, height) to (width, height)
    ((640, 480), (224, 224)),
    ((640, 427), (64, 64)),
    ((480, 640), (256, 341)),
    ((333, 250), (100, 77)),
    ((100, 75), (224, 224)),
    ((31, 17), (64, 65)),
    ((1, 400), (64, 64)),
    ((7, 5), (3, 2)),
    ((300, 20), (30, 200)),  # one axis shrinks, the other grows
    ((50, 51), (50, 13)),  # one axis stays
    ((64, 48), (64, 48)),
    ((60, 200), (40, 30)),  # columns first
    ((100, 75), (150, 20)),  # columns first
    ((5, 4), (1, 1)),
]


def pixels(width, height):
    """Smooth in places, noisy in others, all 256 values: the same formula as in image_test.ts."""
    return bytes((i * 73 + (i >> 4) * 151 ^ i >> 9) & 255 for i in range(3 * width * height))


cases = []
for source, target in SIZES:
    picture = Image.frombytes("RGB", source, pixels(*source))
    result = picture.resize(target, Image.BILINEAR).tobytes()
    cases.append({
        "from": source,
        "to": target,
        "sha256": hashlib.sha256(result).hexdigest(),
        "start": list(result[:12]),
        "end": list(result[-12:]),
    })

path = pathlib.Path(__file__).parent / "goldens" / "resize.json"
lines = ",\n".join("    " + json.dumps(case) for case in cases)
path.write_text(f'{{\n  "made_by": "Pillow {PIL.__version__}",\n  "cases": [\n{lines}\n  ]\n}}\n')
