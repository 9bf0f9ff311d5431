// softmax_backward_workgroup, for rows of some length on real GPUs: d_x = y * (d_y - sum(d_y * y)), or for the logarithm
// d_x = d_y - exp(y) * sum(d_y).
//
// y: [outer, size], the forward's output; d_y, d_x: the same shape; inner is 1
//
// One workgroup owns one row, each invocation every WORKGROUP-th element of it; the sum is a tree in workgroup memory.
// Twin: cpu() in softmax.ts.

override WORKGROUP: u32 = 256; // a power of two

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

var<workgroup> parts: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.x + group.y * groups.x;
  let first = min(number, params.outer - 1u) * params.size; // groups too many work along and write nothing
  var sum = 0.0;
  for (var i = first + lane; i < first + params.size; i += WORKGROUP) {
    sum += select(d_y[i] * y[params.y_offset + i], d_y[i], params.logarithm == 1u);
  }
  parts[lane] = sum;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] += parts[lane + half]; }
    workgroupBarrier();
  }
  sum = parts[0];
  let end = first + select(0u, params.size, number < params.outer);
  for (var i = first + lane; i < end; i += WORKGROUP) {
    let out = y[params.y_offset + i];
    d_x[i] = select(out * (d_y[i] - sum), d_y[i] - exp(out) * sum, params.logarithm == 1u);
  }
}
