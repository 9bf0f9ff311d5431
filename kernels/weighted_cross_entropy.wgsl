// weighted_cross_entropy: loss = sum of weights * row_loss / number of targets that are not the ignored id.
//
// row_loss, targets, weights: [N]
// loss:                       [2]: the mean, and 1 / count, which the gradient needs
//
// One invocation sums all rows, in order, in blocks of 64 so that f32 stays accurate: N is a batch's words.
// Twin: cpu() in weighted_cross_entropy.ts. Where every target is ignored the mean is NaN.

struct Params {
  N: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_loss: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  var count = 0u;
  for (var block = 0u; block < params.N; block += 64u) {
    var sum = 0.0;
    for (var n = block; n < min(block + 64u, params.N); n++) {
      if (targets[n] != params.ignored) {
        sum += weights[n] * row_loss[n];
        count++;
      }
    }
    total += sum;
  }
  loss[0] = total / f32(count);
  loss[1] = 1.0 / f32(count);
}
