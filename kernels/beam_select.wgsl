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
// One workgroup owns one image: all look for the best candidate behind the last, the first keeps the books. Each loops
// k³ / WORKGROUP times, see beam_candidates.wgsl.
// Twin: cpu() in beam.ts. Ties go to the smaller parent, then to the smaller word.

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

var<workgroup> parts: array<f32, WORKGROUP>;
var<workgroup> part_indices: array<u32, WORKGROUP>;
var<workgroup> best_score: f32;
var<workgroup> best_index: u32;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) id: vec3u) {
  let number = group.x + group.y * groups.x;
  let b = min(number, params.B - 1u); // groups too many work along and write nothing
  let writes = number < params.B && id.x == 0u;
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
    if (rank < width && last_index != NONE) {
      for (var i = id.x; i < k * k; i += WORKGROUP) {
        let score = candidate_scores[first * k + i];
        let behind = rank == 0u || score < last_score || (score == last_score && i > last_index);
        if (behind && score > best) {
          best = score;
          index = i;
        }
      }
    }
    parts[id.x] = best;
    part_indices[id.x] = index;
    workgroupBarrier();
    if (id.x == 0u) {
      for (var i = 1u; i < WORKGROUP; i++) {
        if (parts[i] > best || (parts[i] == best && part_indices[i] < index)) {
          best = parts[i];
          index = part_indices[i];
        }
      }
      best_score = best;
      best_index = index;
    }
    workgroupBarrier();
    last_score = best_score;
    last_index = best_index;
    if (writes) {
      history_scores[history + rank] = last_score;
      history_choices[history + rank] = NONE;
      if (last_index != NONE) {
        let word = candidate_words[first * k + last_index];
        history_choices[history + rank] = (last_index / k) * params.V + word;
        if (word == params.end) {
          ended += 1u;
        } else {
          scores[first + live] = last_score;
          tokens[first + live] = word;
          parents[first + live] = first + last_index / k;
          live += 1u;
        }
      }
    }
  }
  if (writes) {
    for (var row = live; row < k; row++) {
      scores[first + row] = LOWEST;
      tokens[first + row] = params.end;
      parents[first + row] = first;
    }
    finished[b] = select(ended, k, live == 0u);
  }
}
