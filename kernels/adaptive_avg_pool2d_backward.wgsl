// adaptive_avg_pool2d_backward: d_x[b, iy, ix, c] = Σ d_y / (size of the window) over the windows that hold (iy, ix)
//
// d_y: [B, oh, ow, C]
// d_x: [B, ih, iw, C]
//
// One invocation owns one element of d_x and gathers. The windows that hold row iy are ⌊iy · oh / ih⌋ to
// ⌈(iy + 1) · oh / ih⌉ − 1: the formula of the forward pass with the sizes swapped.
// Twin: cpu() of adaptiveAvgPool2dBackwardKernel in adaptive_avg_pool2d.ts.

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
@group(0) @binding(1) var<storage, read> d_y: array<f32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;

// First position of window i of m over n positions, and the one after its last.
fn window_start(i: u32, n: u32, m: u32) -> u32 {
  return i * n / m;
}
fn window_end(i: u32, n: u32, m: u32) -> u32 {
  return ((i + 1u) * n + m - 1u) / m;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.in_width * params.channels) { return; }
  let b = id.z;
  let iy = id.y;
  let ix = id.x / params.channels;
  let c = id.x - ix * params.channels;
  let last_y = window_end(iy, params.out_height, params.in_height);
  let last_x = window_end(ix, params.out_width, params.in_width);
  var sum = 0.0;
  for (var oy = window_start(iy, params.out_height, params.in_height); oy < last_y; oy++) {
    let rows = window_end(oy, params.in_height, params.out_height) -
      window_start(oy, params.in_height, params.out_height);
    for (var ox = window_start(ix, params.out_width, params.in_width); ox < last_x; ox++) {
      let columns = window_end(ox, params.in_width, params.out_width) -
        window_start(ox, params.in_width, params.out_width);
      sum += d_y[((b * params.out_height + oy) * params.out_width + ox) * params.channels + c] /
        f32(rows * columns);
    }
  }
  let i = (b * params.in_height + id.y) * params.in_width * params.channels + id.x;
  d_x[i] = sum;
}
