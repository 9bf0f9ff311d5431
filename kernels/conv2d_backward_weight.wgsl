// conv2d_backward_weight, placeholder.
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

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let o = id.x;
  let row = id.y;
  let inputs = params.in_channels / params.groups;
  let rows = params.kernel_height * params.kernel_width * inputs;
  if (o >= params.out_channels || row >= rows) { return; }
  let i = row % inputs;
  let kx = (row / inputs) % params.kernel_width;
  let ky = row / (inputs * params.kernel_width);
  let channel = o / (params.out_channels / params.groups) * inputs + i;
  let pixels = params.batch * params.out_height * params.out_width;
  let share = (pixels + params.splits - 1u) / params.splits;
  var sum = 0.0;
  for (var pixel = id.z * share; pixel < min(pixels, (id.z + 1u) * share); pixel++) {
    let ox = pixel % params.out_width;
    let oy = (pixel / params.out_width) % params.out_height;
    let n = pixel / (params.out_width * params.out_height);
    let iy = oy * params.stride + ky - params.padding;
    let ix = ox * params.stride + kx - params.padding;
    if (iy >= params.in_height || ix >= params.in_width) { continue; }
    sum += x[((n * params.in_height + iy) * params.in_width + ix) * params.in_channels + channel] *
      d_y[pixel * params.out_channels + o];
  }
  d_weight[(id.z * rows + row) * params.out_channels + o] = sum;
}
