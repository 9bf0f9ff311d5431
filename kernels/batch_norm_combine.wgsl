// batch_norm_combine: the mean and variance of each channel from those of its shares, and the running ones
//
// partial: [shares, 2, C] from batch_norm_statistics.wgsl
// mean, variance: [C], the variance divided by rows
// running_mean, running_variance: [C], moved towards the batch's by momentum; the variance divided by rows − 1
//
// One invocation owns one channel. Method: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
// computing sample variances", 1979.
// Twin: cpu() of batchNormCombineKernel in batch_norm.ts.

override WORKGROUP: u32 = 64;

struct Params {
  rows: u32,
  channels: u32,
  shares: u32,
  momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<f32>;

// Rows in one share.
fn rows_of(share: u32) -> f32 {
  let size = (params.rows + params.shares - 1u) / params.shares;
  let start = min(share * size, params.rows);
  return f32(min(size, params.rows - start));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c >= params.channels) { return; }
  // Distances from the first share's mean are small: their sum keeps its digits.
  let origin = partial[c];
  var sum = 0.0;
  for (var share = 1u; share < params.shares; share++) {
    sum += rows_of(share) * (partial[share * 2u * params.channels + c] - origin);
  }
  let rows = f32(params.rows);
  let centre = origin + sum / rows;
  var squares = 0.0;
  for (var share = 0u; share < params.shares; share++) {
    let difference = partial[share * 2u * params.channels + c] - centre;
    squares += partial[(share * 2u + 1u) * params.channels + c] + rows_of(share) * difference * difference;
  }
  mean[c] = centre;
  variance[c] = squares / rows;
  running_mean[c] += params.momentum * (centre - running_mean[c]);
  running_variance[c] += params.momentum * (squares / (rows - 1.0) - running_variance[c]);
}
