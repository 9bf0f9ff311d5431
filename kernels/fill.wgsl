// fill: y[i] = value
//
// y: [count]
//
// One invocation owns one element.
// Twin: cpu() of fillKernel in elementwise.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  y[i] = params.value;
}
