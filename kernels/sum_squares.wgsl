// sum_squares: partials[slot] = a part of the sum of x * x.
//
// x:        [count]
// partials: at offset, CHUNKS slots
//
// One invocation owns one slot: every CHUNKS-th element. The order of the sum is the same on every run.
// Twin: cpu() in adam.ts.

override CHUNKS: u32 = 256;

struct Params {
  count: u32,
  offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= CHUNKS) { return; }
  var sum = 0.0;
  for (var i = id.x; i < params.count; i += CHUNKS) {
    sum += x[i] * x[i];
  }
  partials[params.offset + id.x] = sum;
}
