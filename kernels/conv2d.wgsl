// conv2d: y = x ⋆ weight + bias, then ReLU (relu is 1) or ReLU6 (2)
//
// x: [batch, in_height, in_width, in_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// bias: [out_channels], added when use_bias is 1
// y: [batch, out_height, out_width, out_channels]
//
// One invocation computes one element of y; neighbours are neighbouring channels. The formula as it is, for what
// the faster programs do not cover: small shapes, and real GPUs with few channels in a group.
// Twin: cpu() in conv2d.ts.

const RELU6 = 2u; // of params.relu; 1 is ReLU, 0 neither

struct Params {
  batch: u32,
  in_height: u32,
  in_width: u32,
  in_channels: u32,
  out_height: u32,
  out_width: u32,
  out_channels: u32,
  kernel_height: u32,
  kernel_width: u32,
  stride: u32,
  padding: u32,
  groups: u32,
  use_bias: u32,
  relu: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * 64u;
  let pixel = index / params.out_channels;
  let o = index % params.out_channels;
  if (pixel >= params.batch * params.out_height * params.out_width) { return; }
  let ox = pixel % params.out_width;
  let oy = pixel / params.out_width % params.out_height;
  let image = pixel / (params.out_width * params.out_height) * params.in_height;
  let inputs = params.in_channels / params.groups;
  let first = o / (params.out_channels / params.groups) * inputs; // the group's first input channel
  var sum = 0.0;
  if (params.use_bias == 1u) { sum = bias[o]; }
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let iy = oy * params.stride + ky - params.padding; // below zero is above everything
      let ix = ox * params.stride + kx - params.padding;
      if (iy >= params.in_height || ix >= params.in_width) { continue; }
      let at = ((image + iy) * params.in_width + ix) * params.in_channels + first;
      let row = (ky * params.kernel_width + kx) * inputs;
      for (var i = 0u; i < inputs; i++) { sum += x[at + i] * weight[(row + i) * params.out_channels + o]; }
    }
  }
  if (params.relu > 0u) { sum = select(sum, 0.0, sum < 0.0); } // NaN stays NaN
  if (params.relu == RELU6) { sum = select(sum, 6.0, sum > 6.0); }
  y[index] = sum;
}
