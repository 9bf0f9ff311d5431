// conv2d_backward_weight, depthwise, 3 × 3: d_weight = Σ over pixels of (inputs of the pixel) · (d_y there)
//
// x: [batch, in_height, in_width, channels], channels a multiple of 4
// d_y: [batch, out_height, out_width, channels]
// d_weight: [splits, 3, 3, 1, channels]: sums over shares of the pixels
//
// One invocation computes all nine taps × 4 channels of one share. Neighbouring invocations are neighbouring
// channels. The order of every sum is fixed: the same gradient each time.
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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_weight: array<vec4f>;

var<private> sum: array<vec4f, 9>; // constant indices only, which keeps it in registers

fn add(tap: u32, at: u32, ix: u32, inside: bool, channel4: u32, value: vec4f) {
  let input = x[(at + ix) * (params.in_channels / 4u) + channel4];
  sum[tap] = fma(select(vec4f(), input, inside && ix < params.in_width), value, sum[tap]);
}

// Row ky of the window of the pixel (x, y, image).
fn add_row(ky: u32, pixel: vec3u, channel4: u32, value: vec4f) {
  let iy = pixel.y * params.stride + ky - params.padding; // below zero is above everything
  let ix = pixel.x * params.stride - params.padding;
  let at = (pixel.z * params.in_height + iy) * params.in_width;
  add(3u * ky, at, ix, iy < params.in_height, channel4, value);
  add(3u * ky + 1u, at, ix + 1u, iy < params.in_height, channel4, value);
  add(3u * ky + 2u, at, ix + 2u, iy < params.in_height, channel4, value);
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let channels4 = params.in_channels / 4u;
  let channel4 = id.x;
  if (channel4 >= channels4) { return; }
  let pixels = params.batch * params.out_height * params.out_width;
  let share = (pixels + params.splits - 1u) / params.splits;
  let start = id.y * share;
  let line = start / params.out_width;
  var pixel = vec3u(start % params.out_width, line % params.out_height, line / params.out_height);
  for (var p = start; p < min(pixels, start + share); p++) {
    let value = d_y[p * channels4 + channel4];
    add_row(0u, pixel, channel4, value);
    add_row(1u, pixel, channel4, value);
    add_row(2u, pixel, channel4, value);
    pixel.x++;
    if (pixel.x == params.out_width) { pixel = vec3u(0u, pixel.y + 1u, pixel.z); }
    if (pixel.y == params.out_height) { pixel = vec3u(pixel.x, 0u, pixel.z + 1u); }
  }
  let at = id.y * 9u * channels4 + channel4;
  d_weight[at + 0u * channels4] = sum[0];
  d_weight[at + 1u * channels4] = sum[1];
  d_weight[at + 2u * channels4] = sum[2];
  d_weight[at + 3u * channels4] = sum[3];
  d_weight[at + 4u * channels4] = sum[4];
  d_weight[at + 5u * channels4] = sum[5];
  d_weight[at + 6u * channels4] = sum[6];
  d_weight[at + 7u * channels4] = sum[7];
  d_weight[at + 8u * channels4] = sum[8];
}
