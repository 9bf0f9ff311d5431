// conv2d, placeholder: one invocation, one element of y.
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

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let o = id.x;
  let pixel = id.y;
  if (o >= params.out_channels || pixel >= params.batch * params.out_height * params.out_width) { return; }
  let ox = pixel % params.out_width;
  let oy = (pixel / params.out_width) % params.out_height;
  let n = pixel / (params.out_width * params.out_height);
  let inputs = params.in_channels / params.groups;
  let first = o / (params.out_channels / params.groups) * inputs;
  var sum = 0.0;
  if (params.use_bias == 1u) { sum = bias[o]; }
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    let iy = oy * params.stride + ky - params.padding;
    if (iy >= params.in_height) { continue; }
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let ix = ox * params.stride + kx - params.padding;
      if (ix >= params.in_width) { continue; }
      for (var i = 0u; i < inputs; i++) {
        sum += x[((n * params.in_height + iy) * params.in_width + ix) * params.in_channels + first + i] *
          weight[((ky * params.kernel_width + kx) * inputs + i) * params.out_channels + o];
      }
    }
  }
  y[pixel * params.out_channels + o] = select(sum, max(sum, 0.0), params.relu == 1u);
}
