// attention_scores_workgroup, for real GPUs: score[n, p] = full . squash(att1[image of n, p] + att2[n]) + full_bias.
//
// att1:        [B, P, A], the features' half, the same at every step
// att2:        [N, A] at att2_offset, the state's half; N = B * beams, rows of one image follow each other
// full:        [A]
// full_bias:   [1]
// scores:      [N, P] at scores_offset
//
// One workgroup owns 16 positions of one row: 32 invocations side by side along A, so that neighbours read neighbours,
// two positions each. What the 32 have is added up in order.
// squash is ReLU or tanh. Twin: cpu() in attention.ts. Source: Bahdanau et al. (2015), who have tanh.

const LANES = 32u; // along A
const CHUNK = 16u; // positions: 256 / 32 of two each
const STRIDE = 33u; // from one position's partial sums to the next's: odd, so that columns lie in different banks

struct Params {
  N: u32,
  P: u32,
  A: u32,
  beams: u32,
  att2_offset: u32,
  scores_offset: u32,
  squash: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> att1: array<f32>;
@group(0) @binding(2) var<storage, read> att2: array<f32>;
@group(0) @binding(3) var<storage, read> full: array<f32>;
@group(0) @binding(4) var<storage, read> full_bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;

var<workgroup> part: array<f32, 528>; // [CHUNK, STRIDE]

const TANH = 1u; // of params.squash; 0 is ReLU

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn squashed(u: vec2f) -> vec2f {
  if (params.squash == TANH) { return tanh(clamp(u, vec2f(-15.0), vec2f(15.0))); }
  return select(u, vec2f(), u < vec2f()); // NaN stays NaN
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let chunks = (params.P + CHUNK - 1u) / CHUNK;
  let number = group.x + group.y * groups.x;
  let n = min(number / chunks, params.N - 1u); // groups too many work along and write nothing
  let first = number % chunks * CHUNK;
  let lane = i % LANES;
  let two = i / LANES * 2u; // first of this invocation's positions in the chunk
  let p = min(vec2u(first + two) + vec2u(0u, 1u), vec2u(params.P - 1u));
  let at = (vec2u(n / params.beams * params.P) + p) * params.A;
  let row = params.att2_offset + n * params.A;
  var sum = vec2f();
  for (var a = lane; a < params.A; a += LANES) {
    sum += full[a] * squashed(vec2f(att1[at.x + a], att1[at.y + a]) + att2[row + a]);
  }
  part[two * STRIDE + lane] = sum.x;
  part[(two + 1u) * STRIDE + lane] = sum.y;
  workgroupBarrier();
  if (i >= CHUNK || first + i >= params.P || number >= params.N * chunks) { return; }
  var total = full_bias[0];
  for (var k = 0u; k < LANES; k++) { total += part[i * STRIDE + k]; }
  scores[params.scores_offset + n * params.P + first + i] = total;
}
