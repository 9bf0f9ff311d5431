// attention_alpha_backward: d_alpha[b, p] += d_context[b] . features[b, p].
//
// features:  [B, P, D]
// d_context: [B, D] at context_offset
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
@group(0) @binding(1) var<storage, read> features: array<f32>;
@group(0) @binding(2) var<storage, read> d_context: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_alpha: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.B * params.P) { return; }
  let row = params.context_offset + (i / params.P) * params.D;
  var sum = 0.0;
  for (var d = 0u; d < params.D; d++) {
    sum += d_context[row + d] * features[i * params.D + d];
  }
  d_alpha[params.alpha_offset + i] += sum;
}
