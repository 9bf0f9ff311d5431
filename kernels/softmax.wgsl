// softmax: y = exp(x - max x) / sum exp(x - max x) along the middle axis, or its logarithm.
//
// x, y: [outer, size, inner]; rows of a matrix have inner = 1
//
// One invocation owns one row (outer, inner): on software adapters a row in one invocation beats a tree with
// barriers 7 times, and the rows here (positions, words) are many and short.
// Twin: cpu() in softmax.ts. The row's maximum is subtracted first, so exp never overflows.

override WORKGROUP: u32 = 64;

struct Params {
  outer: u32,
  size: u32,
  inner: u32,
  x_offset: u32, // elements before the first row of x
  y_offset: u32,
  logarithm: u32, // 1: log-softmax
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * WORKGROUP;
  if (row >= params.outer * params.inner) { return; }
  let first = (row / params.inner) * params.size * params.inner + row % params.inner;
  var largest = x[params.x_offset + first];
  for (var i = 1u; i < params.size; i++) {
    largest = max(largest, x[params.x_offset + first + i * params.inner]);
  }
  var sum = 0.0;
  for (var i = 0u; i < params.size; i++) {
    sum += exp(x[params.x_offset + first + i * params.inner] - largest);
  }
  let log_sum = log(sum);
  for (var i = 0u; i < params.size; i++) {
    let at = first + i * params.inner;
    let shifted = x[params.x_offset + at] - largest;
    y[params.y_offset + at] = select(exp(shifted) / sum, shifted - log_sum, params.logarithm == 1);
  }
}
