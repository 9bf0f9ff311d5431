// peak_copy: what the adapter's memory can do at most, y = x
//
// x, y: 4 · count numbers
//
// One invocation owns four numbers.
// Twin: cpu() of peakCopyKernel in peak.ts.

override WORKGROUP: u32 = 256;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  y[i] = x[i];
}
