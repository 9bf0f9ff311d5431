// beam_candidates: the k best continuations of every beam, best first, ties by the smaller word.
//
// score(n, v) = scores[n] + logits[n, v] - log sum exp(logits[n]); a banned word has score -inf
//
// logits:           [N, V]
// scores:           [N], log-probability of each beam so far; -inf where there is none
// banned:           [V], 1 for words that are never chosen
// candidate_scores: [N, k]
// candidate_words:  [N, k]
//
// One invocation owns one beam. It finds the best word k times, each time among those behind the one before in
// the order: no array that would limit k.
// Reference: cpu() in beam.ts.

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  V: u32,
  k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> scores: array<f32>;
@group(0) @binding(3) var<storage, read> banned: array<u32>;
@group(0) @binding(4) var<storage, read_write> candidate_scores: array<f32>;
@group(0) @binding(5) var<storage, read_write> candidate_words: array<u32>;

const LOWEST: f32 = -3.4028234e38; // stands for -inf, which WGSL cannot write

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  if (n >= params.N) { return; }
  let row = n * params.V;
  var largest = logits[row];
  for (var v = 1u; v < params.V; v++) {
    largest = max(largest, logits[row + v]);
  }
  var sum = 0.0;
  for (var v = 0u; v < params.V; v++) {
    sum += exp(logits[row + v] - largest);
  }
  let log_sum = log(sum);
  var last_logit = 0.0;
  var last_word = 0u;
  var left = true; // whether there are words behind the last
  for (var rank = 0u; rank < params.k; rank++) {
    var found = false;
    var best = 0.0;
    var word = 0u;
    for (var v = 0u; v < params.V; v++) {
      let logit = logits[row + v];
      let behind = rank == 0u || logit < last_logit || (logit == last_logit && v > last_word);
      if (left && behind && banned[v] == 0u && (!found || logit > best)) {
        found = true;
        best = logit;
        word = v;
      }
    }
    left = found;
    last_logit = best;
    last_word = word;
    let alive = found && scores[n] > LOWEST;
    candidate_scores[n * params.k + rank] = select(LOWEST, scores[n] + (best - largest - log_sum), alive);
    candidate_words[n * params.k + rank] = word;
  }
}
