// weighted_cross_entropy_workgroup, for real GPUs: loss = sum of weights * row_loss / number of targets that are not the
// ignored id.
//
// row_loss, targets, weights: [N]
// loss:                       [2]: the mean, and 1 / count, which the gradient needs
//
// One workgroup sums all rows, each invocation every 256th, and then as a tree: the same order each time.
// Twin: cpu() in weighted_cross_entropy.ts. Where every target is ignored the mean is NaN.

const WORKGROUP = 256u;

struct Params {
  N: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_loss: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

var<workgroup> parts: array<f32, 256>;
var<workgroup> counts: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  var count = 0u;
  for (var n = lane; n < params.N; n += WORKGROUP) {
    if (targets[n] != params.ignored) {
      sum += weights[n] * row_loss[n];
      count++;
    }
  }
  parts[lane] = sum;
  counts[lane] = count;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      parts[lane] += parts[lane + half];
      counts[lane] += counts[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    loss[0] = parts[0] / f32(counts[0]);
    loss[1] = 1.0 / f32(counts[0]);
  }
}
