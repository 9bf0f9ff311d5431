// attention_alpha_backward_workgroup, for real GPUs: d_alpha[b, p] += d_context[b] . features[b, p].
//
// features:  [B, P, D]
// d_context: [B, D] at context_offset
// d_alpha:   [B, P] at alpha_offset; holds what the loss says of alpha itself
//
// One workgroup owns 16 positions of one image: 32 invocations side by side along D, so that neighbours read
// neighbours, two positions each. What the 32 have is added up in order.
// Twin: cpu() in attention.ts.

const LANES = 32u; // along D
const CHUNK = 16u; // positions: 256 / 32 of two each
const STRIDE = 33u; // from one position's partial sums to the next's: odd, so that columns lie in different banks

struct Params {
  B: u32,
  P: u32,
  D: u32,
  context_offset: u32,
  alpha_offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> d_context: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_alpha: array<f32>;

var<workgroup> part: array<f32, 528>; // [CHUNK, STRIDE]

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let chunks = (params.P + CHUNK - 1u) / CHUNK;
  let number = group.x + group.y * groups.x;
  let b = min(number / chunks, params.B - 1u); // groups too many work along and write nothing
  let first = number % chunks * CHUNK;
  let lane = i % LANES;
  let two = i / LANES * 2u; // first of this invocation's positions in the chunk
  let p = min(vec2u(first + two) + vec2u(0u, 1u), vec2u(params.P - 1u));
  let at = (vec2u(b * params.P) + p) * params.D;
  let row = params.context_offset + b * params.D;
  var sum = vec2f();
  for (var d = lane; d < params.D; d += LANES) {
    sum += d_context[row + d] * vec2f(features[at.x + d], features[at.y + d]);
  }
  part[two * STRIDE + lane] = sum.x;
  part[(two + 1u) * STRIDE + lane] = sum.y;
  workgroupBarrier();
  if (i >= CHUNK || first + i >= params.P || number >= params.B * chunks) { return; }
  var total = 0.0;
  for (var k = 0u; k < LANES; k++) { total += part[i * STRIDE + k]; }
  d_alpha[params.alpha_offset + b * params.P + first + i] += total;
}
