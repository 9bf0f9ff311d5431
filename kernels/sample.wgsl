// sample: one random word for every row that has not ended, from p = softmax(logits[n]) without the banned words
//
// Kept are the top_k likeliest words (0: all), and of those the likeliest whose p add up to top_p of what they have
// together; words as likely as the last one kept are kept too. Drawn is the first word, by id, at which the sum of the
// kept p passes u times their total; u in [0, 1) is hash32(seed, image, sample, t) >> 8 in units of 2⁻²⁴.
//
// logits:         [N, V]; row n is sample n % samples of image first_image + n / samples
// banned:         [V], 1 for words that are never chosen
// tokens:         [N], the word each row reads next; `end` once it has ended
// ended:          [N], 1 once the row has ended
// history_words:  [T, N], at step t: the word, NONE behind the end
// history_scores: [T, N], at step t: log p of the word, over all words
//
// One workgroup owns one row. Each invocation owns one stretch of words, so that sums run in the order of ids. The
// limits are found bit by bit in the order of the numbers' bits: 32 rounds, no sorting.
// Twin: cpu() of sampleKernel in sample.ts; the hash is hash32 in random.ts (MurmurHash3's finaliser).

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  V: u32,
  t: u32,
  samples: u32,
  first_image: u32,
  seed: u32,
  top_k: u32,
  top_p: f32,
  end: u32, // id of the word that ends a caption
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> banned: array<u32>;
@group(0) @binding(3) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(4) var<storage, read_write> ended: array<u32>;
@group(0) @binding(5) var<storage, read_write> history_words: array<u32>;
@group(0) @binding(6) var<storage, read_write> history_scores: array<f32>;

const LOWEST: f32 = -3.4028234e38; // stands for -inf, which WGSL cannot write
const NONE: u32 = 0xffffffffu;

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> shared_sum: f32;

fn mix_in(state: u32, counter: u32) -> u32 {
  var hash = state ^ counter;
  hash = (hash ^ (hash >> 16u)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13u)) * 0xc2b2ae35u;
  return (hash ^ (hash >> 16u)) + 0x9e3779b9u;
}

// A u32 that grows with the number.
fn key(x: f32) -> u32 {
  let bits = bitcast<u32>(x + 0.0);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// The sum over the workgroup, in the order of invocations; every invocation gets it.
fn total(mine: f32, local: u32) -> f32 {
  parts[local] = mine;
  workgroupBarrier();
  if (local == 0u) {
    var sum = 0.0;
    for (var i = 0u; i < WORKGROUP; i++) {
      sum += parts[i];
    }
    shared_sum = sum;
  }
  workgroupBarrier();
  return shared_sum;
}

// The largest over the workgroup; every invocation gets it.
fn largest_of_all(mine: f32, local: u32) -> f32 {
  parts[local] = mine;
  workgroupBarrier();
  var largest = mine;
  for (var i = 0u; i < WORKGROUP; i++) {
    largest = max(largest, parts[i]);
  }
  workgroupBarrier();
  return largest;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) id: vec3u) {
  let number = group.x + group.y * groups.x;
  let n = min(number, params.N - 1u); // groups too many work along and write nothing
  let local = id.x;
  let row = n * params.V;
  let stretch = (params.V + WORKGROUP - 1u) / WORKGROUP;
  let first = min(local * stretch, params.V);
  let last = min(first + stretch, params.V);

  // 1. The largest logit, of all words and of those allowed, and the sum of exp over all words.
  var largest = LOWEST;
  var top = LOWEST;
  for (var v = first; v < last; v++) {
    largest = max(largest, logits[row + v]);
    top = max(top, select(logits[row + v], LOWEST, banned[v] != 0u));
  }
  largest = largest_of_all(largest, local);
  top = largest_of_all(top, local);
  var sum = 0.0;
  for (var v = first; v < last; v++) {
    sum += exp(logits[row + v] - largest);
  }
  let log_sum = log(total(sum, local));

  // 2. The lowest key that is kept: first of the top_k, then of the top_p.
  var lowest = 0u;
  if (params.top_k > 0u) {
    for (var bit = 0x80000000u; bit > 0u; bit = bit >> 1u) {
      var count = 0.0;
      for (var v = first; v < last; v++) {
        count += select(0.0, 1.0, banned[v] == 0u && key(logits[row + v]) >= (lowest | bit));
      }
      if (total(count, local) >= f32(params.top_k)) { lowest = lowest | bit; }
    }
  }
  if (params.top_p < 1.0) {
    let floor_key = lowest;
    var goal = 0.0;
    for (var v = first; v < last; v++) {
      let logit = logits[row + v];
      goal += select(0.0, exp(logit - top), banned[v] == 0u && key(logit) >= floor_key);
    }
    goal = params.top_p * total(goal, local);
    lowest = 0u;
    for (var bit = 0x80000000u; bit > 0u; bit = bit >> 1u) {
      var mass = 0.0;
      for (var v = first; v < last; v++) {
        let logit = logits[row + v];
        mass += select(0.0, exp(logit - top), banned[v] == 0u && key(logit) >= max(lowest | bit, floor_key));
      }
      if (total(mass, local) >= goal) { lowest = lowest | bit; }
    }
    lowest = max(lowest, floor_key);
  }

  // 3. The word at u of what is kept: invocation 0 finds the stretch and walks it.
  var kept = 0.0;
  for (var v = first; v < last; v++) {
    let logit = logits[row + v];
    kept += select(0.0, exp(logit - top), banned[v] == 0u && key(logit) >= lowest);
  }
  let all = total(kept, local);
  if (local != 0u || number >= params.N) { return; }
  let at = params.t * params.N + n;
  if (ended[n] != 0u) {
    tokens[n] = params.end;
    history_words[at] = NONE;
    history_scores[at] = 0.0;
    return;
  }
  var hash = mix_in(mix_in(0x9e3779b9u, params.seed), params.first_image + n / params.samples);
  hash = mix_in(mix_in(hash, n % params.samples), params.t);
  let goal = f32(hash >> 8u) / 16777216.0 * all;
  var passed = 0.0;
  var start = 0u;
  while (start + 1u < WORKGROUP && passed + parts[start] <= goal) {
    passed += parts[start];
    start += 1u;
  }
  var word = NONE; // rounding may leave nothing behind the goal: the last word kept is taken then
  for (var v = min(start * stretch, params.V); v < params.V; v++) {
    let logit = logits[row + v];
    if (banned[v] == 0u && key(logit) >= lowest) {
      word = v;
      passed += exp(logit - top);
      if (passed > goal) { break; }
    }
  }
  for (var v = params.V; v > 0u && word == NONE; v--) {
    if (banned[v - 1u] == 0u && key(logits[row + v - 1u]) >= lowest) { word = v - 1u; }
  }
  if (word == NONE) { word = params.end; } // everything is banned
  ended[n] = select(0u, 1u, word == params.end);
  tokens[n] = word;
  history_words[at] = word;
  history_scores[at] = logits[row + word] - largest - log_sum;
}
