/** Pictures without files: resize, orientation, preprocessing, augmentation, headers. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { flattenOnWhite } from "../lib/image/alpha.ts";
import { augment } from "../lib/image/augment.ts";
import { centreBox, crop, shortSideSize } from "../lib/image/crop.ts";
import { sniff } from "../lib/image/header.ts";
import { orient, type Orientation } from "../lib/image/orient.ts";
import { PictureError } from "../lib/image/picture_error.ts";
import { type Pixels, pixelsOf } from "../lib/image/pixels.ts";
import { DEFAULT_PREPROCESSING, preprocess } from "../lib/image/preprocess.ts";
import { resizeBilinear } from "../lib/image/resize.ts";
import { resizeBilinearFloat } from "../lib/image/resize_float.ts";
import { Random } from "../lib/random.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import goldens from "./goldens/resize.json" with { type: "json" };
