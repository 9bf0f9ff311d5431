// conv2d_backward_input: each element of d_x gathers from the outputs that it reached
//
// d_y: [batch, out_height, out_width, out_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// d_x: [batch, in_height, in_width, in_channels]
//
// One invocation computes one element of d_x; neighbours are neighbouring channels. The formula as it is, for what
// the faster programs do not cover: small shapes, and real GPUs with few channels in a group.
// Twin: cpu() in conv2d_backward_input.ts.

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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * 64u;
  let pixel = index / params.in_channels;
  let i = index % params.in_channels;
  if (pixel >= params.batch * params.in_height * params.in_width) { return; }
  let ix = pixel % params.in_width;
  let iy = pixel / params.in_width % params.in_height;
  let image = pixel / (params.in_width * params.in_height) * params.out_height;
  let inputs = params.in_channels / params.groups;
  let outputs = params.out_channels / params.groups;
  let first = i / inputs * outputs; // the group's first output channel
  var sum = 0.0;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let ty = iy + params.padding - ky; // below zero is above everything
      let tx = ix + params.padding - kx;
      if (ty % params.stride != 0u || tx % params.stride != 0u) { continue; }
      let oy = ty / params.stride;
      let ox = tx / params.stride;
      if (oy >= params.out_height || ox >= params.out_width) { continue; }
      let at = ((image + oy) * params.out_width + ox) * params.out_channels + first;
      let row = ((ky * params.kernel_width + kx) * inputs + i % inputs) * params.out_channels + first;
      for (var o = 0u; o < outputs; o++) { sum += d_y[at + o] * weight[row + o]; }
    }
  }
  d_x[index] = sum;
}
