// batch_norm_combine_workgroup, for real GPUs: the mean and variance of each channel from those of its shares, and the
// running ones
//
// partial: [shares, 2, C] from batch_norm_statistics.wgsl
// mean, variance: [C], the variance divided by rows
// running_mean, running_variance: [C], moved towards the batch's by momentum; the variance divided by rows − 1
//
// One workgroup owns 8 channels: 8 invocations side by side, 32 times, each with every 32nd share; what they have is
// added up in order. Method: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
// variances", 1979.
// Twin: cpu() of batchNormCombineKernel in batch_norm.ts.

const COLUMNS = 8u;
const LANES = 32u; // over the shares

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

var<workgroup> parts: array<f32, 256>; // [LANES, COLUMNS]

// Rows in one share.
fn rows_of(share: u32) -> f32 {
  let size = (params.rows + params.shares - 1u) / params.shares;
  let start = min(share * size, params.rows);
  return f32(min(size, params.rows - start));
}

// The sum of what the invocations of a channel have.
fn total_of(i: u32, value: f32) -> f32 {
  workgroupBarrier(); // the parts before have been read
  parts[i] = value;
  workgroupBarrier();
  var total = 0.0;
  for (var lane = 0u; lane < LANES; lane++) { total += parts[lane * COLUMNS + i % COLUMNS]; }
  return total;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) i: u32) {
  let c = group.x * COLUMNS + i % COLUMNS;
  let column = min(c, params.channels - 1u);
  // Distances from the first share's mean are small: their sum keeps its digits.
  let origin = partial[column];
  var sum = 0.0;
  for (var share = i / COLUMNS; share < params.shares; share += LANES) {
    sum += rows_of(share) * (partial[share * 2u * params.channels + column] - origin);
  }
  let rows = f32(params.rows);
  let centre = origin + total_of(i, sum) / rows;
  var part = 0.0;
  for (var share = i / COLUMNS; share < params.shares; share += LANES) {
    let difference = partial[share * 2u * params.channels + column] - centre;
    part += partial[(share * 2u + 1u) * params.channels + column] + rows_of(share) * difference * difference;
  }
  let squares = total_of(i, part);
  if (i >= COLUMNS || c >= params.channels) { return; }
  mean[c] = centre;
  variance[c] = squares / rows;
  running_mean[c] += params.momentum * (centre - running_mean[c]);
  running_variance[c] += params.momentum * (squares / (rows - 1.0) - running_variance[c]);
}
