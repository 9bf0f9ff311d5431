// batch_norm_statistics: mean and Σ (x − mean)² of each channel, over each share of the rows
//
// x: [rows, C]
// partial: [shares, 2, C], means and then sums of squares
//
// One invocation owns one channel of one share and walks down its rows twice, first for the mean: in one pass,
// mean(x²) − mean(x)² loses all its digits where the mean is large. batch_norm_combine.wgsl puts shares together.
// Twin: cpu() of batchNormStatisticsKernel in batch_norm.ts.

override WORKGROUP: u32 = 64;

struct Params {
  rows: u32,
  channels: u32,
  shares: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.shares * params.channels) { return; }
  let c = i % params.channels;
  let share = i / params.channels;
  let size = (params.rows + params.shares - 1u) / params.shares;
  let start = min(share * size, params.rows);
  let end = min(start + size, params.rows);
  var sum = 0.0;
  for (var row = start; row < end; row++) { sum += x[row * params.channels + c]; }
  let count = f32(max(end - start, 1u));
  let mean = sum / count;
  var squares = 0.0;
  var left = 0.0;
  for (var row = start; row < end; row++) {
    let difference = x[row * params.channels + c] - mean;
    squares += difference * difference;
    left += difference;
  }
  // Where the mean is large its sum has lost digits: what is left over brings them back.
  let shift = left / count;
  partial[share * 2u * params.channels + c] = mean + shift;
  partial[(share * 2u + 1u) * params.channels + c] = squares - shift * left;
}
