// resize_axis: y[o, i, n] = Σ_j w(i, j) · x[o, j, n] / Σ_j w(i, j), the antialiased triangle filter along one axis
//
// x: [outer, in_size, inner]
// y: [outer, out_size, inner]
//
// With r = in_size / out_size and s = max(r, 1): w(i, j) = max(0, 1 − |j + ½ − r · (i + ½)| / s). Times
// 2 · max(in_size, out_size) every weight is a whole number, so weights are exact and agree on every device.
// One invocation owns one element of y.
// Twin: cpu() of resizeAxisKernel in resize_axis.ts.

override WORKGROUP: u32 = 64;

struct Params {
  outer: u32,
  in_size: u32,
  out_size: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.outer * params.out_size * params.inner) { return; }
  let n = i % params.inner;
  let at = i32(i / params.inner % params.out_size);
  let first = i / (params.inner * params.out_size) * params.in_size * params.inner + n;
  let in_size = i32(params.in_size);
  let out_size = i32(params.out_size);
  let reach = 2 * max(in_size, out_size);
  let centre = (2 * at + 1) * in_size;
  let start = max(0, (centre - reach) / (2 * out_size));
  let end = min(in_size, (centre + reach) / (2 * out_size) + 1);
  var sum = 0.0;
  var total = 0;
  for (var j = start; j < end; j++) {
    let weight = reach - abs((2 * j + 1) * out_size - centre);
    if (weight <= 0) { continue; }
    sum += f32(weight) * x[first + u32(j) * params.inner];
    total += weight;
  }
  y[i] = sum / f32(total);
}
