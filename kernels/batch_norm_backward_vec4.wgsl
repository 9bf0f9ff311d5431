// batch_norm_backward, four channels at a time: d_x = weight / σ · (g − (Σ g + x̂ · Σ g x̂) / rows), with σ = √(variance + epsilon)
//
// Where training is 0 the mean and variance are constants, and d_x = weight / σ · g.
// Behind ReLU (relu is 1) g is d_y where y > 0, behind ReLU6 (2) where 0 < y < 6, and 0 elsewhere; else g is d_y and nothing
// of y is read.
// x̂ = (x − mean) / σ
//
// x, y, d_y, d_x: [rows, C], C a multiple of 4
// mean, variance, weight: [C]
// sums: [2, C], Σ g and Σ g x̂
//
// One invocation owns four elements of a row.
// Twin: cpu() of batchNormBackwardKernel in batch_norm_backward.ts.

override WORKGROUP: u32 = 64;

const RELU6 = 2u; // of params.relu; 1 is ReLU, 0 neither

struct Params {
  rows: u32,
  channels: u32,
  relu: u32,
  training: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(4) var<storage, read> mean: array<vec4f>;
@group(0) @binding(5) var<storage, read> variance: array<vec4f>;
@group(0) @binding(6) var<storage, read> weight: array<vec4f>;
@group(0) @binding(7) var<storage, read> sums: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> d_x: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let fours = params.channels / 4u;
  if (i >= params.rows * fours) { return; }
  let c = i % fours;
  var upstream = d_y[i];
  if (params.relu > 0u) {
    let out = y[i];
    upstream = select(upstream, vec4f(), out <= vec4f());
    if (params.relu == RELU6) { upstream = select(upstream, vec4f(), out >= vec4f(6.0)); }
  }
  let inverse = 1.0 / sqrt(variance[c] + params.epsilon);
  if (params.training == 1u) {
    let normalised = (x[i] - mean[c]) * inverse;
    upstream -= (sums[c] + normalised * sums[fours + c]) / f32(params.rows);
  }
  d_x[i] = weight[c] * inverse * upstream;
}
