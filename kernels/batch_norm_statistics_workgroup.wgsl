// batch_norm_statistics_workgroup, for real GPUs: mean and Σ (x − mean)² of each channel, over each share of the rows
//
// x: [rows, C]
// partial: [shares, 2, C], means and then sums of squares
//
// One workgroup owns 32 channels of one share: 32 invocations side by side, eight times, each with every eighth row. They
// walk down twice, first for the mean; the second time the rows lie in a cache.
// Twin: cpu() of batchNormStatisticsKernel in batch_norm.ts.

const COLUMNS = 32u;
const LANES = 8u; // down the rows

struct Params {
  rows: u32,
  channels: u32,
  shares: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;

var<workgroup> parts: array<vec2f, 256>; // [LANES, COLUMNS]

// The sum of what the eight invocations of a channel have.
fn total_of(i: u32, value: vec2f) -> vec2f {
  workgroupBarrier(); // the parts before have been read
  parts[i] = value;
  workgroupBarrier();
  var total = vec2f();
  for (var lane = 0u; lane < LANES; lane++) { total += parts[lane * COLUMNS + i % COLUMNS]; }
  return total;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let across = (params.channels + COLUMNS - 1u) / COLUMNS;
  let number = group.x + group.y * groups.x;
  let share = number / across;
  let c = number % across * COLUMNS + i % COLUMNS;
  let size = (params.rows + params.shares - 1u) / params.shares;
  let start = min(share * size, params.rows);
  let end = select(start, min(start + size, params.rows), c < params.channels && share < params.shares);
  let count = f32(max(end - start, 1u));

  var sum = 0.0;
  for (var row = start + i / COLUMNS; row < end; row += LANES) { sum += x[row * params.channels + c]; }
  let mean = total_of(i, vec2f(sum, 0.0)).x / count;
  var squares = 0.0;
  var left = 0.0;
  for (var row = start + i / COLUMNS; row < end; row += LANES) {
    let difference = x[row * params.channels + c] - mean;
    squares += difference * difference;
    left += difference;
  }
  let totals = total_of(i, vec2f(squares, left));
  if (i >= COLUMNS || c >= params.channels || share >= params.shares) { return; }
  // Where the mean is large its sum has lost digits: what is left over brings them back.
  let shift = totals.y / count;
  partial[share * 2u * params.channels + c] = mean + shift;
  partial[(share * 2u + 1u) * params.channels + c] = totals.x - shift * totals.y;
}
