// sum_squares_workgroup, for real GPUs: partials[slot] = a part of the sum of x * x.
//
// x:        [count]
// partials: at offset, CHUNKS slots
//
// One workgroup owns one slot, so that a large tensor keeps a card busy: CHUNKS · 256 invocations side by side, each with
// every CHUNKS · 256-th element. Their sums are added up as a tree: the same order on every run.
// Twin: cpu() in adam.ts, which puts other elements into a slot; only the sum over the slots means anything.

override CHUNKS: u32 = 256;

const WORKGROUP = 256u;

struct Params {
  count: u32,
  offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = group.x * WORKGROUP + lane; i < params.count; i += CHUNKS * WORKGROUP) { sum += x[i] * x[i]; }
  parts[lane] = sum;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] += parts[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { partials[params.offset + group.x] = parts[0]; }
}
