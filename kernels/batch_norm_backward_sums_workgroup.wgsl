// batch_norm_backward_sums_workgroup, for real GPUs: Σ g and Σ g · x̂ of each channel, over each share of the rows
//
// Behind ReLU (relu is 1) g is d_y where y > 0, behind ReLU6 (2) where 0 < y < 6, and 0 elsewhere; else g is d_y and nothing
// of y is read.
// x̂ = (x − mean) / √(variance + epsilon)
//
// x, y, d_y: [rows, C]
// mean, variance: [C]
// partial: [shares, 2, C]; added up over the shares they are d_bias and d_weight
//
// One workgroup owns 32 channels of one share: 32 invocations side by side, eight times, each with every eighth row. The
// eight are added up in order.
// Twin: cpu() of batchNormBackwardSumsKernel in batch_norm_backward.ts.

const COLUMNS = 32u;
const LANES = 8u; // down the rows
const RELU6 = 2u; // of params.relu; 1 is ReLU, 0 neither

struct Params {
  rows: u32,
  channels: u32,
  shares: u32,
  relu: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> d_y: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> partial: array<f32>;

var<workgroup> parts: array<vec2f, 256>; // [LANES, COLUMNS]

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
  let inside = c < params.channels && share < params.shares;
  let size = (params.rows + params.shares - 1u) / params.shares;
  let start = min(share * size, params.rows);
  let end = select(start, min(start + size, params.rows), inside);
  let centre = mean[min(c, params.channels - 1u)];
  var sums = vec2f();
  for (var row = start + i / COLUMNS; row < end; row += LANES) {
    let at = row * params.channels + c;
    var upstream = d_y[at];
    if (params.relu > 0u) {
      let out = y[at];
      if (out <= 0.0 || (params.relu == RELU6 && out >= 6.0)) { upstream = 0.0; }
    }
    sums += vec2f(upstream, upstream * (x[at] - centre));
  }
  parts[i] = sums;
  workgroupBarrier();
  if (i >= COLUMNS || !inside) { return; }
  for (var lane = 1u; lane < LANES; lane++) { sums += parts[lane * COLUMNS + i]; }
  partial[share * 2u * params.channels + c] = sums.x;
  partial[(share * 2u + 1u) * params.channels + c] = sums.y / sqrt(variance[c] + params.epsilon);
}
