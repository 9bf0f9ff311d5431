// attention_coverage_backward: d_alpha[t, b, p] = -d_residual[b, p], 0 at the steps whose target is ignored.
//
// targets:    [T, B], ids
// d_residual: [B, P]
// d_alpha:    [T, B, P]
//
// One invocation owns one element of d_alpha.
// Twin: cpu() in attention_coverage.ts.

override WORKGROUP: u32 = 64;

struct Params {
  T: u32,
  B: u32,
  P: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> d_residual: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_alpha: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let step = params.B * params.P;
  if (i >= params.T * step) { return; }
  let counts = targets[i / params.P] != params.ignored;
  d_alpha[i] = select(0.0, -d_residual[i % step], counts);
}
