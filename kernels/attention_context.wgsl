// attention_context: context[n, d] = sum over p of alpha[n, p] * features[image of n, p, d].
//
// alpha:    [N, P] at alpha_offset; N = B * beams, rows of one image follow each other
// features: [B, P, D]
// context:  [N, D] at context_offset
//
// One invocation owns one element of context.
// Twin: cpu() in attention.ts.

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  P: u32,
  D: u32,
  beams: u32,
  alpha_offset: u32,
  context_offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> alpha: array<f32>;
@group(0) @binding(2) var<storage, read> features: array<f32>;
@group(0) @binding(3) var<storage, read_write> context: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.N * params.D) { return; }
  let n = i / params.D;
  let first = (n / params.beams) * params.P * params.D + i % params.D;
  let row = params.alpha_offset + n * params.P;
  var sum = 0.0;
  for (var p = 0u; p < params.P; p++) {
    sum += alpha[row + p] * features[first + p * params.D];
  }
  context[params.context_offset + i] = sum;
}
