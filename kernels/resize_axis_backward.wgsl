// resize_axis_backward: d_x[o, j, n] = Σ_i w(i, j) · d_y[o, i, n] / Σ_k w(i, k)
//
// d_y: [outer, out_size, inner]
// d_x: [outer, in_size, inner]
//
// The weights w are those of resize_axis.wgsl, in whole numbers.
// One invocation owns one element of d_x and gathers from the outputs that it reached.
// Twin: cpu() of resizeAxisBackwardKernel in resize_axis.ts.

override WORKGROUP: u32 = 64;

struct Params {
  outer: u32,
  in_size: u32,
  out_size: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;

// Σ_k w(at, k): the sum of weights that output `at` was divided by.
fn total_weight(at: i32, in_size: i32, out_size: i32, reach: i32) -> i32 {
  let centre = (2 * at + 1) * in_size;
  let start = max(0, (centre - reach) / (2 * out_size));
  let end = min(in_size, (centre + reach) / (2 * out_size) + 1);
  var total = 0;
  for (var k = start; k < end; k++) {
    total += max(0, reach - abs((2 * k + 1) * out_size - centre));
  }
  return total;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.outer * params.in_size * params.inner) { return; }
  let n = i % params.inner;
  let j = i32(i / params.inner % params.in_size);
  let first = i / (params.inner * params.in_size) * params.out_size * params.inner + n;
  let in_size = i32(params.in_size);
  let out_size = i32(params.out_size);
  let reach = 2 * max(in_size, out_size);
  let centre = (2 * j + 1) * out_size;
  let start = max(0, (centre - reach) / (2 * in_size));
  let end = min(out_size, (centre + reach) / (2 * in_size) + 1);
  var sum = 0.0;
  for (var at = start; at < end; at++) {
    let weight = reach - abs((2 * at + 1) * in_size - centre);
    if (weight <= 0) { continue; }
    sum += f32(weight) * d_y[first + u32(at) * params.inner] /
      f32(total_weight(at, in_size, out_size, reach));
  }
  d_x[i] = sum;
}
