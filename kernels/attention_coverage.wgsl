// attention_coverage: residual[b, p] = 1 - sum over t of alpha[t, b, p], over the steps whose target is a word.
//
// alpha:    [T, B, P]
// targets:  [T, B], ids
// residual: [B, P]; its mean square is the doubly stochastic term
//
// One invocation owns one element of residual.
// Twin: cpu() in attention_coverage.ts. Source: Xu et al. (2015), section 4.2.1.

override WORKGROUP: u32 = 64;

struct Params {
  T: u32,
  B: u32,
  P: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> alpha: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> residual: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.B * params.P) { return; }
  let b = i / params.P;
  var sum = 0.0;
  for (var t = 0u; t < params.T; t++) {
    if (targets[t * params.B + b] != params.ignored) { sum += alpha[t * params.B * params.P + i]; }
  }
  residual[i] = 1.0 - sum;
}
