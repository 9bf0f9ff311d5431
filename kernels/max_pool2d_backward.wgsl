// max_pool2d_backward: d_x[b, iy, ix, c] = Σ d_y over the windows whose maximum lies at (iy, ix)
//
// d_y, place: [B, oh, ow, C], with place from max_pool2d.wgsl
// d_x: [B, ih, iw, C]
//
// One invocation owns one element of d_x and gathers from the windows that hold it, so nothing is added atomically.
// Twin: cpu() of maxPool2dBackwardKernel in max_pool2d.ts.

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
@group(0) @binding(1) var<storage, read> place: array<u32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

// a / b, rounded down, for a row or column a: exact below 2²⁰, and software adapters divide integers slowly.
fn quotient(a: u32, b: u32) -> u32 {
  return u32((f32(a) + 0.5) / f32(b));
}

// The first window of a row or column that holds position `at` (counted with padding).
fn first_window(at: u32) -> u32 {
  if (at < params.kernel) { return 0u; }
  return quotient(at - params.kernel, params.stride) + 1u;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.in_width * params.channels) { return; }
  let b = id.z;
  let ix = id.x / params.channels;
  let c = id.x - ix * params.channels;
  let px = ix + params.padding;
  let py = id.y + params.padding;
  let last_y = min(quotient(py, params.stride) + 1u, params.out_height);
  let last_x = min(quotient(px, params.stride) + 1u, params.out_width);
  let first_x = first_window(px);
  var sum = 0.0;
  for (var oy = first_window(py); oy < last_y; oy++) {
    for (var ox = first_x; ox < last_x; ox++) {
      let window = ((b * params.out_height + oy) * params.out_width + ox) * params.channels + c;
      let here = (py - oy * params.stride) * params.kernel + px - ox * params.stride;
      if (place[window] == here) { sum += d_y[window]; }
    }
  }
  let i = (b * params.in_height + id.y) * params.in_width * params.channels + id.x;
  d_x[i] = sum;
}
