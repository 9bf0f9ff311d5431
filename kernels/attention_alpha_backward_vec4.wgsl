// attention_alpha_backward, four channels at a time: d_alpha[b, p] += d_context[b] . features[b, p].
//
// features:  [B, P, D], D a multiple of 4
// d_context: [B, D] at context_offset, a multiple of 4
// d_alpha:   [B, P] at alpha_offset; holds what the loss says of alpha itself
//
// One invocation owns one element of d_alpha.
// Twin: cpu() in attention.ts.

override WORKGROUP: u32 = 64;

struct Params {
  B: u32,
  P: u32,
  D: u32,
  context_offset: u32,
  alpha_offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_context: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_alpha: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.B * params.P) { return; }
  let fours = params.D / 4u;
  let row = params.context_offset / 4u + (i / params.P) * fours;
  var sum = vec4f();
  for (var d = 0u; d < fours; d++) {
    sum += d_context[row + d] * features[i * fours + d];
  }
  d_alpha[params.alpha_offset + i] += dot(sum, vec4f(1.0));
}
