// conv2d_backward_input, placeholder.
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

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  let pixel = id.y;
  if (i >= params.in_channels || pixel >= params.batch * params.in_height * params.in_width) { return; }
  let ix = pixel % params.in_width;
  let iy = (pixel / params.in_width) % params.in_height;
  let n = pixel / (params.in_width * params.in_height);
  let inputs = params.in_channels / params.groups;
  let outputs = params.out_channels / params.groups;
  let first = i / inputs * outputs;
  var sum = 0.0;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    let ty = iy + params.padding - ky;
    if (iy + params.padding < ky || ty % params.stride != 0u || ty / params.stride >= params.out_height) { continue; }
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let tx = ix + params.padding - kx;
      if (ix + params.padding < kx || tx % params.stride != 0u || tx / params.stride >= params.out_width) { continue; }
      for (var o = first; o < first + outputs; o++) {
        sum += d_y[((n * params.out_height + ty / params.stride) * params.out_width + tx / params.stride) * params.out_channels + o] *
          weight[((ky * params.kernel_width + kx) * inputs + i % inputs) * params.out_channels + o];
      }
    }
  }
  d_x[pixel * params.in_channels + i] = sum;
}
