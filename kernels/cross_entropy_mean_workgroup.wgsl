// cross_entropy_mean_workgroup, for real GPUs: loss = sums of row_loss / number of targets that are not the ignored id.
//
// row_loss: [2, N]: what is minimised, and the cross entropy
// targets:  [N]
// loss:     [3]: the mean of the first, 1 / count, which the gradient needs, and the mean of the second
//
// One workgroup sums all rows, each invocation every 256th, and then as a tree: the same order each time.
// Twin: cpu() in cross_entropy.ts. Where every target is ignored the mean is NaN, as in PyTorch.

const WORKGROUP = 256u;

struct Params {
  N: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_loss: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

var<workgroup> parts: array<vec2f, 256>; // of both losses
var<workgroup> counts: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sums = vec2f();
  var count = 0u;
  for (var n = lane; n < params.N; n += WORKGROUP) {
    sums += vec2f(row_loss[n], row_loss[params.N + n]);
    count += select(1u, 0u, targets[n] == params.ignored);
  }
  parts[lane] = sums;
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
    let rows = f32(counts[0]);
    loss[0] = parts[0].x / rows;
    loss[1] = 1.0 / rows;
    loss[2] = parts[0].y / rows;
  }
}
