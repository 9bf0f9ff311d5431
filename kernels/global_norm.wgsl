// global_norm: norm = sqrt(sum of partials) / loss_scale; factor = min(1, max_norm / (norm + 1e-6)) / loss_scale,
// or -1 where the norm is not finite.
//
// partials:   [count], of gradients that are loss_scale times too large
// loss_scale: [1] at least
// norm:       [1], of the true gradients
// factor:     [1], what brings the gradients back and clips them; -1: take no step
//
// One workgroup: each invocation sums every WORKGROUP-th slot, the first adds up their sums, in order.
// Twin: cpu() in adam.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  max_norm: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read> loss_scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;
@group(0) @binding(4) var<storage, read_write> factor: array<f32>;

var<workgroup> sums: array<f32, WORKGROUP>;

// WGSL compilers may assume that no value is NaN: look at the bits. All exponent bits set is infinity or NaN.
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += WORKGROUP) {
    sum += partials[i];
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < WORKGROUP; i++) {
      total += sums[i];
    }
    let length = sqrt(total) / loss_scale[0];
    norm[0] = length;
    let clip = min(1.0, params.max_norm / (length + 1e-6));
    factor[0] = select(-1.0, clip / loss_scale[0], is_finite(length));
  }
}
