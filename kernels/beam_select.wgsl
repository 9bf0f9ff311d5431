// beam_select: of all continuations of an image's beams, the best (k - finished) survive; those that end retire.
//
// candidate_scores: [B * k, k], best first
// candidate_words:  [B * k, k]
// scores:           [B * k], of the beams that go on, best first; LOWEST where there is none
// tokens:           [B * k], the word each reads next
// parents:          [B * k], the row each continues
// finished:         [B], beams that have ended; k too when none goes on
// history_scores:   [T, B * k], at step t: scores of the survivors, best first
// history_choices:  [T, B * k], at step t: (parent within the image) * V + word, NONE where there is none
//
// One invocation owns one image.
// Reference: cpu() in beam.ts. Ties go to the smaller parent, then to the smaller word.

override WORKGROUP: u32 = 64;

struct Params {
  B: u32,
  k: u32,
  V: u32,
  t: u32,
  end: u32, // id of the word that ends a caption
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> candidate_scores: array<f32>;
@group(0) @binding(2) var<storage, read> candidate_words: array<u32>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> parents: array<u32>;
@group(0) @binding(6) var<storage, read_write> finished: array<u32>;
@group(0) @binding(7) var<storage, read_write> history_scores: array<f32>;
@group(0) @binding(8) var<storage, read_write> history_choices: array<u32>;

const LOWEST: f32 = -3.4028234e38;
const NONE: u32 = 0xffffffffu;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let b = id.x;
  if (b >= params.B) { return; }
  let k = params.k;
  let first = b * k;
  let history = params.t * params.B * k + first;
  let width = k - finished[b];
  var ended = finished[b];
  var live = 0u;
  var last_score = 0.0;
  var last_index = 0u;
  for (var rank = 0u; rank < k; rank++) {
    var best = LOWEST;
    var index = NONE;
    if (rank < width) {
      for (var i = 0u; i < k * k; i++) {
        let score = candidate_scores[first * k + i];
        let behind = rank == 0u || score < last_score || (score == last_score && i > last_index);
        if (behind && score > best) {
          best = score;
          index = i;
        }
      }
    }
    last_score = best;
    last_index = index;
    history_scores[history + rank] = best;
    history_choices[history + rank] = NONE;
    if (index != NONE) {
      let word = candidate_words[first * k + index];
      history_choices[history + rank] = (index / k) * params.V + word;
      if (word == params.end) {
        ended += 1u;
      } else {
        scores[first + live] = best;
        tokens[first + live] = word;
        parents[first + live] = first + index / k;
        live += 1u;
      }
    }
  }
  for (var row = live; row < k; row++) {
    scores[first + row] = LOWEST;
    tokens[first + row] = params.end;
    parents[first + row] = first;
  }
  finished[b] = select(ended, k, live == 0u);
}
