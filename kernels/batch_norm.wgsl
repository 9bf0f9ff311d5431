// batch_norm: y = weight · (x − mean) / √(variance + epsilon) + bias per channel, then ReLU (relu is 1) or ReLU6 (2)
//
// x, y: [rows, C]
// mean, variance, weight, bias: [C]
//
// One invocation owns one element.
// Twin: cpu() of batchNormKernel in batch_norm.ts.

override WORKGROUP: u32 = 64;

const RELU6 = 2u; // of params.relu; 1 is ReLU, 0 neither

struct Params {
  rows: u32,
  channels: u32,
  relu: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.rows * params.channels) { return; }
  let c = i % params.channels;
  let scale = weight[c] / sqrt(variance[c] + params.epsilon);
  var value = (x[i] - mean[c]) * scale + bias[c];
  if (params.relu > 0u) { value = select(value, 0.0, value < 0.0); } // NaN stays NaN
  if (params.relu == RELU6) { value = select(value, 6.0, value > 6.0); }
  y[i] = value;
}
