// copy: y[y_offset + i] = x[x_offset + i]
//
// x: at least x_offset + count elements
// y: at least y_offset + count elements; the others stay as they are
//
// One invocation owns one element.
// Twin: cpu() of copyKernel in elementwise.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  x_offset: u32,
  y_offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  y[params.y_offset + i] = x[params.x_offset + i];
}
