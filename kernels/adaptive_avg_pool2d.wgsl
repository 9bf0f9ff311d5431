// adaptive_avg_pool2d: y[b, oy, ox, c] = the mean of x over rows ⌊oy · ih / oh⌋ to ⌈(oy + 1) · ih / oh⌉ − 1, columns alike
//
// x: [B, ih, iw, C]
// y: [B, oh, ow, C]
//
// One invocation owns one element of y; neighbours are neighbouring channels.
// Twin: cpu() of adaptiveAvgPool2dKernel in adaptive_avg_pool2d.ts.

override WORKGROUP: u32 = 64;

struct Params {
  batch: u32,
  in_height: u32,
  in_width: u32,
  channels: u32,
  out_height: u32,
  out_width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.out_width * params.channels) { return; }
  let b = id.z;
  let oy = id.y;
  let ox = id.x / params.channels;
  let c = id.x - ox * params.channels;
  let top = oy * params.in_height / params.out_height;
  let bottom = ((oy + 1u) * params.in_height + params.out_height - 1u) / params.out_height;
  let left = ox * params.in_width / params.out_width;
  let right = ((ox + 1u) * params.in_width + params.out_width - 1u) / params.out_width;
  var sum = 0.0;
  for (var iy = top; iy < bottom; iy++) {
    for (var ix = left; ix < right; ix++) {
      sum += x[((b * params.in_height + iy) * params.in_width + ix) * params.channels + c];
    }
  }
  let i = (b * params.out_height + id.y) * params.out_width * params.channels + id.x;
  y[i] = sum / f32((bottom - top) * (right - left));
}
