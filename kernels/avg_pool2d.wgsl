// avg_pool2d: y[b, oy, ox, c] = the mean of x[b, iy, ix, c] over the window at (oy, ox); padding counts as zeros
//
// x: [B, ih, iw, C]
// y: [B, oh, ow, C]
//
// One invocation owns one element of y; neighbours are neighbouring channels.
// Twin: cpu() of avgPool2dKernel in avg_pool2d.ts.

override WORKGROUP: u32 = 64;

struct Params {
  batch: u32,
  in_height: u32,
  in_width: u32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  kernel: u32,
  stride: u32,
  padding: u32,
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
  var sum = 0.0;
  for (var ky = 0u; ky < params.kernel; ky++) {
    let iy = oy * params.stride + ky - params.padding; // above the picture it wraps to a huge number
    if (iy >= params.in_height) { continue; }
    for (var kx = 0u; kx < params.kernel; kx++) {
      let ix = ox * params.stride + kx - params.padding;
      if (ix >= params.in_width) { continue; }
      sum += x[((b * params.in_height + iy) * params.in_width + ix) * params.channels + c];
    }
  }
  let i = (b * params.out_height + id.y) * params.out_width * params.channels + id.x;
  y[i] = sum / f32(params.kernel * params.kernel);
}
