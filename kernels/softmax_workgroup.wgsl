// softmax_workgroup, for rows of some length on real GPUs: y = exp(x - max x) / sum exp(x - max x), or its logarithm.
//
// x, y: [outer, size]; inner is 1
//
// One workgroup owns one row, each invocation every WORKGROUP-th element of it, so that neighbours read neighbours;
// maximum and sum are trees in workgroup memory, in the same order each time.
// Twin: cpu() in softmax.ts.

override WORKGROUP: u32 = 256; // a power of two

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

var<workgroup> parts: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.x + group.y * groups.x;
  let row = min(number, params.outer - 1u); // groups too many work along and write nothing
  let first = params.x_offset + row * params.size;

  var largest = x[first];
  for (var i = lane; i < params.size; i += WORKGROUP) { largest = max(largest, x[first + i]); }
  parts[lane] = largest;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] = max(parts[lane], parts[lane + half]); }
    workgroupBarrier();
  }
  largest = parts[0];
  workgroupBarrier(); // all have read it

  var sum = 0.0;
  for (var i = lane; i < params.size; i += WORKGROUP) { sum += exp(x[first + i] - largest); }
  parts[lane] = sum;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] += parts[lane + half]; }
    workgroupBarrier();
  }
  sum = parts[0];

  let log_sum = log(sum);
  let end = select(0u, params.size, number < params.outer);
  for (var i = lane; i < end; i += WORKGROUP) {
    let shifted = x[first + i] - largest;
    y[params.y_offset + row * params.size + i] =
      select(exp(shifted) / sum, shifted - log_sum, params.logarithm == 1u);
  }
}
