// softmax_backward: d_x = y * (d_y - sum(d_y * y)), or for the logarithm d_x = d_y - exp(y) * sum(d_y).
//
// y: [outer, size, inner], the forward's output; d_y, d_x: the same shape
//
// One invocation owns one row (outer, inner).
// Twin: cpu() in softmax.ts.

override WORKGROUP: u32 = 64;

struct Params {
  outer: u32,
  size: u32,
  inner: u32,
  y_offset: u32, // elements before the first row of y; d_y and d_x start at their first element
  logarithm: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * WORKGROUP;
  if (row >= params.outer * params.inner) { return; }
  let first = (row / params.inner) * params.size * params.inner + row % params.inner;
  var sum = 0.0;
  for (var i = 0u; i < params.size; i++) {
    let at = first + i * params.inner;
    sum += select(d_y[at] * y[params.y_offset + at], d_y[at], params.logarithm == 1);
  }
  for (var i = 0u; i < params.size; i++) {
    let at = first + i * params.inner;
    let out = y[params.y_offset + at];
    d_x[at] = select(out * (d_y[at] - sum), d_y[at] - exp(out) * sum, params.logarithm == 1);
  }
}
