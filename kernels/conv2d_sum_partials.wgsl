// conv2d_sum_partials: total[i] = Σ_s partial[s · length + i]
//
// partial: [splits, length], the shares of a weight gradient
// total: [length]
//
// One invocation sums one element, in the order of s: the same result each time.
// Twin: cpu() in conv2d_sum_partials.ts.

struct Params {
  length: u32,
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= params.length) { return; }
  var sum = 0.0;
  for (var s = 0u; s < params.splits; s++) { sum += partial[s * params.length + i]; }
  total[i] = sum;
}
