// conv2d_backward_weight: d_weight = Σ over pixels of (inputs of the pixel) · (d_y there)
//
// x: [batch, in_height, in_width, in_channels]
// d_y: [batch, out_height, out_width, out_channels]
// d_weight: [splits, kernel_height, kernel_width, in_channels / groups, out_channels]: sums over shares of the pixels
//
// One invocation computes one element of one share; neighbours are neighbouring channels. The formula as it is, for
// what the faster programs do not cover: small shapes, and real GPUs with few channels in a group.
// Twin: cpu() in conv2d_backward_weight.ts.

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
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_weight: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * 64u;
  let inputs = params.in_channels / params.groups;
  let rows = params.kernel_height * params.kernel_width * inputs;
  let o = index % params.out_channels;
  let row = index / params.out_channels % rows;
  let split = index / (params.out_channels * rows);
  if (split >= params.splits) { return; }
  let tap = row / inputs;
  let channel = o / (params.out_channels / params.groups) * inputs + row % inputs;
  let pixels = params.batch * params.out_height * params.out_width;
  let share = (pixels + params.splits - 1u) / params.splits;
  var sum = 0.0;
  for (var pixel = split * share; pixel < min(pixels, (split + 1u) * share); pixel++) {
    let line = pixel / params.out_width;
    let iy = line % params.out_height * params.stride + tap / params.kernel_width - params.padding;
    let ix = pixel % params.out_width * params.stride + tap % params.kernel_width - params.padding;
    if (iy >= params.in_height || ix >= params.in_width) { continue; } // below zero is above everything
    let at = ((line / params.out_height * params.in_height + iy) * params.in_width + ix) * params.in_channels;
    sum += x[at + channel] * d_y[pixel * params.out_channels + o];
  }
  d_weight[index] = sum;
}
