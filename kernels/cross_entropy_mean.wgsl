// cross_entropy_mean: loss = sums of row_loss / number of targets that are not the ignored id.
//
// row_loss: [2, N]: what is minimised, and the cross entropy
// targets:  [N]
// loss:     [3]: the mean of the first, 1 / count, which the gradient needs, and the mean of the second
//
// One invocation sums all rows, in order, in blocks of 64 so that f32 stays accurate: N is a batch's words.
// Twin: cpu() in cross_entropy.ts. Where every target is ignored the mean is NaN, as in PyTorch.

struct Params {
  N: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_loss: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  var entropy = 0.0;
  var count = 0u;
  for (var block = 0u; block < params.N; block += 64u) {
    var sum = 0.0;
    var entropies = 0.0;
    for (var n = block; n < min(block + 64u, params.N); n++) {
      sum += row_loss[n];
      entropies += row_loss[params.N + n];
      count += select(1u, 0u, targets[n] == params.ignored);
    }
    total += sum;
    entropy += entropies;
  }
  loss[0] = total / f32(count);
  loss[1] = 1.0 / f32(count);
  loss[2] = entropy / f32(count);
}
