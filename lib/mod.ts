// This module is browser compatible.
/**
 * Showtell's library: tensors and autograd on WebGPU or the CPU, models that caption pictures, and their scores.
 *
 * What only Deno can do (files, workers that decode, the command line) is in `lib/deno` and is not exported here.
 */

export { type ValueAndGrad, valueAndGrad } from "./autograd.ts";
export type { Backend, MemoryUse } from "./backend/backend.ts";
export { CpuBackend, openCpu } from "./backend/cpu.ts";
export { type DeviceName, openBackend } from "./backend/open.ts";
export { scope } from "./scope.ts";
export { type Shape, Tensor, tensor } from "./tensor.ts";
export * from "./ops/mod.ts";

export { type Caption } from "./models/beam_history.ts";
export { type BeamOptions, beamSearch } from "./models/beam_search.ts";
export { CaptionModel } from "./models/caption_model.ts";
export { captionPixels, type WrittenCaption } from "./models/captioner.ts";
export type { ModelConfig } from "./models/config.ts";
export {
  configForWeights,
  encoderTensors,
  type EncoderWeights,
  loadEncoder,
} from "./models/encoder_weights.ts";
export { type LoadedModel, modelFromFile, type ModelInfo, modelToFile } from "./models/model_file.ts";
export { Adam } from "./optim/adam.ts";
export { type Recipe, Trainer } from "./train/trainer.ts";

export { parsePickle } from "./data/pickle.ts";
export { parseSafetensors, serialiseSafetensors } from "./data/safetensors.ts";
export { parseWeights } from "./data/torch_state.ts";
export { type Pixels } from "./image/pixels.ts";
export { DEFAULT_PREPROCESSING, preprocess, type Preprocessing } from "./image/preprocess.ts";
export { evaluateResults } from "./text/evaluate.ts";
export { scoreCaptions, type Scores } from "./text/score.ts";
export { tokenizePtb, tokenizer } from "./text/tokenize.ts";
export { Vocabulary } from "./text/vocabulary.ts";
