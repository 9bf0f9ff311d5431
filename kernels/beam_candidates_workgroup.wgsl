// beam_candidates_workgroup, for real GPUs: the k best continuations of every beam, best first, ties by the smaller word.
//
// score(n, v) = scores[n] + logits[n, v] - log sum exp(logits[n]); a banned word has score -inf
//
// logits:           [N, V]
// scores:           [N], log-probability of each beam so far; -inf where there is none
// banned:           [V], 1 for words that are never chosen
// candidate_scores: [N, k]
// candidate_words:  [N, k]
//
// One workgroup owns one beam, each invocation every 256th word. They find the best word k times, each time among those
// behind the one before in the order, and settle it as a tree in workgroup memory.
// Twin: cpu() in beam.ts.

const WORKGROUP = 256u;

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
const NONE: u32 = 0xffffffffu;

var<workgroup> parts: array<f32, 256>;
var<workgroup> words: array<u32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.x + group.y * groups.x;
  let n = min(number, params.N - 1u); // groups too many work along and write nothing
  let row = n * params.V;

  var largest = logits[row];
  for (var v = lane; v < params.V; v += WORKGROUP) { largest = max(largest, logits[row + v]); }
  parts[lane] = largest;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] = max(parts[lane], parts[lane + half]); }
    workgroupBarrier();
  }
  largest = parts[0];
  workgroupBarrier(); // all have read it

  var sum = 0.0;
  for (var v = lane; v < params.V; v += WORKGROUP) { sum += exp(logits[row + v] - largest); }
  parts[lane] = sum;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] += parts[lane + half]; }
    workgroupBarrier();
  }
  let log_sum = log(parts[0]);

  var last_logit = 0.0;
  var last_word = NONE; // none before the first; none left once it is NONE again
  for (var rank = 0u; rank < params.k; rank++) {
    var best = 0.0;
    var word = NONE;
    if (rank == 0u || last_word != NONE) {
      for (var v = lane; v < params.V; v += WORKGROUP) {
        let logit = logits[row + v];
        let behind = rank == 0u || logit < last_logit || (logit == last_logit && v > last_word);
        if (behind && banned[v] == 0u && (word == NONE || logit > best)) {
          best = logit;
          word = v;
        }
      }
    }
    workgroupBarrier(); // parts have been read
    parts[lane] = best;
    words[lane] = word;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
      if (lane < half) {
        let other = words[lane + half];
        let logit = parts[lane + half];
        let better = words[lane] == NONE || logit > parts[lane] || (logit == parts[lane] && other < words[lane]);
        if (other != NONE && better) {
          parts[lane] = logit;
          words[lane] = other;
        }
      }
      workgroupBarrier();
    }
    last_logit = parts[0];
    last_word = words[0];
    if (lane == 0u && number < params.N) {
      let alive = last_word != NONE && scores[n] > LOWEST;
      let score = select(LOWEST, scores[n] + (last_logit - largest - log_sum), alive);
      candidate_scores[n * params.k + rank] = score;
      candidate_words[n * params.k + rank] = select(last_word, 0u, last_word == NONE);
    }
  }
}
