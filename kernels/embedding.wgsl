// embedding: y[n] = weight[ids[n]].
//
// weight: [V, E]
// ids:    [N], each below V
// y:      [N, E]
//
// One invocation owns one element of y.
// Twin: cpu() in embedding.ts.

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  E: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.N * params.E) { return; }
  y[i] = weight[ids[i / params.E] * params.E + i % params.E];
}
