// batch_norm_backward_sums: Σ g and Σ g · x̂ of each channel, over each share of the rows
//
// Behind ReLU (relu is 1) g is d_y where y > 0, behind ReLU6 (2) where 0 < y < 6, and 0 elsewhere; else g is d_y and nothing
// of y is read.
// x̂ = (x − mean) / √(variance + epsilon)
//
// x, y, d_y: [rows, C]
// mean, variance: [C]
// partial: [shares, 2, C]; added up over the shares they are d_bias and d_weight
//
// One invocation owns one channel of one share.
// Twin: cpu() of batchNormBackwardSumsKernel in batch_norm_backward.ts.

override WORKGROUP: u32 = 64;

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

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.shares * params.channels) { return; }
  let c = i % params.channels;
  let share = i / params.channels;
  let size = (params.rows + params.shares - 1u) / params.shares;
  let start = min(share * size, params.rows);
  let end = min(start + size, params.rows);
  let centre = mean[c];
  var sum = 0.0;
  var products = 0.0;
  for (var row = start; row < end; row++) {
    let at = row * params.channels + c;
    var upstream = d_y[at];
    if (params.relu > 0u) {
      let out = y[at];
      if (out <= 0.0 || (params.relu == RELU6 && out >= 6.0)) { upstream = 0.0; }
    }
    sum += upstream;
    products += upstream * (x[at] - centre);
  }
  partial[share * 2u * params.channels + c] = sum;
  partial[(share * 2u + 1u) * params.channels + c] = products / sqrt(variance[c] + params.epsilon);
}
