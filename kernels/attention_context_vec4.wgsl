// attention_context, four channels at a time: context[n, d] = sum over p of alpha[n, p] * features[image of n, p, d].
//
// alpha:    [N, P] at alpha_offset; N = B * beams, rows of one image follow each other
// features: [B, P, D], D a multiple of 4
// context:  [N, D] at context_offset, a multiple of 4
//
// One invocation owns four elements of context.
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
@group(0) @binding(2) var<storage, read> features: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> context: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let fours = params.D / 4u;
  if (i >= params.N * fours) { return; }
  let n = i / fours;
  let first = (n / params.beams) * params.P * fours + i % fours;
  let row = params.alpha_offset + n * params.P;
  var sum = vec4f();
  for (var p = 0u; p < params.P; p++) {
    sum += alpha[row + p] * features[first + p * fours];
  }
  context[params.context_offset / 4u + i] = sum;
}
