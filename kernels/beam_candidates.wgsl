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
// One workgroup owns one beam, each invocation every WORKGROUP-th word. They find the best word k times, each time among
// those behind the one before in the order: no array that would limit k. (One invocation a beam would loop V · k times,
// and llvmpipe ends an invocation's loops after 65,535 rounds, without a word.)
// Twin: cpu() in beam.ts.

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

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> part_words: array<u32, WORKGROUP>;
var<workgroup> best_logit: f32;
var<workgroup> best_word: u32;

const NONE: u32 = 0xffffffffu;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) id: vec3u) {
  let number = group.x + group.y * groups.x;
  let n = min(number, params.N - 1u); // groups too many work along and write nothing
  let local = id.x;
  let row = n * params.V;

  var largest = logits[row];
  for (var v = local; v < params.V; v += WORKGROUP) {
    largest = max(largest, logits[row + v]);
  }
  parts[local] = largest;
  workgroupBarrier();
  for (var i = 0u; i < WORKGROUP; i++) {
    largest = max(largest, parts[i]);
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var v = local; v < params.V; v += WORKGROUP) {
    sum += exp(logits[row + v] - largest);
  }
  parts[local] = sum;
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < WORKGROUP; i++) {
    sum += parts[i];
  }
  let log_sum = log(sum);

  var last_logit = 0.0;
  var last_word = NONE; // none before the first; none left once it is NONE again
  for (var rank = 0u; rank < params.k; rank++) {
    var best = 0.0;
    var word = NONE;
    if (rank == 0u || last_word != NONE) {
      for (var v = local; v < params.V; v += WORKGROUP) {
        let logit = logits[row + v];
        let behind = rank == 0u || logit < last_logit || (logit == last_logit && v > last_word);
        if (behind && (word == NONE || logit > best) && banned[v] == 0u) {
          best = logit;
          word = v;
        }
      }
    }
    workgroupBarrier(); // parts have been read
    parts[local] = best;
    part_words[local] = word;
    workgroupBarrier();
    if (local == 0u) {
      for (var i = 1u; i < WORKGROUP; i++) {
        let other = part_words[i];
        let better = word == NONE || parts[i] > best || (parts[i] == best && other < word);
        if (other != NONE && better) {
          best = parts[i];
          word = other;
        }
      }
      best_logit = best;
      best_word = word;
      if (number < params.N) {
        let alive = word != NONE && scores[n] > LOWEST;
        let score = select(LOWEST, scores[n] + (best - largest - log_sum), alive);
        candidate_scores[n * params.k + rank] = score;
        candidate_words[n * params.k + rank] = select(word, 0u, word == NONE);
      }
    }
    workgroupBarrier();
    last_logit = best_logit;
    last_word = best_word;
  }
}
