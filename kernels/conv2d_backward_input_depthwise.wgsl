// conv2d_backward_input, depthwise, 3 × 3: every channel of d_x gathers from one channel of d_y
//
// d_y: [batch, out_height, out_width, channels], channels a multiple of 4
// weight: [3, 3, 1, channels]
// d_x: [batch, in_height, in_width, channels]
//
// One invocation computes 8 neighbouring pixels of a row × 4 channels: in each of the rows of d_y that reach it
// neighbours share what they load. With STRIDE 2 the padding is 1: even columns are reached by the middle tap, odd
// ones by the outer two. Neighbouring invocations are neighbouring channels.
// Twin: cpu() in conv2d_backward_input.ts.

override STRIDE: u32 = 1; // 1 or 2: params.stride

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
@group(0) @binding(1) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>;

// Constant indices only, which keeps these in registers.
var<private> sum: array<vec4f, 8>;
var<private> row: array<vec4f, 10>; // what one row of d_y holds for 8 pixels
var<private> taps: array<vec4f, 3>; // one row of weight

fn load(i: u32, channel4: u32, at: u32, left: u32) {
  let ox = left + i; // below zero is above everything
  let value = d_y[(at + ox) * (params.out_channels / 4u) + channel4];
  row[i] = select(vec4f(), value, ox < params.out_width);
}

// Row of d_y at pixel `at`, from column `left`.
fn load_row(channel4: u32, at: u32, left: u32) {
  load(0u, channel4, at, left);
  load(1u, channel4, at, left);
  load(2u, channel4, at, left);
  load(3u, channel4, at, left);
  load(4u, channel4, at, left);
  if (STRIDE == 1u) {
    load(5u, channel4, at, left);
    load(6u, channel4, at, left);
    load(7u, channel4, at, left);
    load(8u, channel4, at, left);
    load(9u, channel4, at, left);
  }
}

fn add(p: u32) {
  if (STRIDE == 1u) {
    sum[p] = fma(taps[2], row[p], fma(taps[1], row[p + 1u], fma(taps[0], row[p + 2u], sum[p])));
  } else if (p % 2u == 0u) {
    sum[p] = fma(taps[1], row[p / 2u], sum[p]);
  } else {
    sum[p] = fma(taps[2], row[p / 2u], fma(taps[0], row[p / 2u + 1u], sum[p]));
  }
}

fn store(p: u32, at: u32, ix: u32, channel4: u32) {
  if (ix < params.in_width) { d_x[(at + ix) * (params.in_channels / 4u) + channel4] = sum[p]; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let channels4 = params.in_channels / 4u;
  let strips = (params.in_width + 7u) / 8u; // in a row of d_x
  let index = id.x + id.y * groups.x * 64u;
  let channel4 = index % channels4;
  let strip = index / channels4 % strips;
  let line = index / (channels4 * strips); // of all images
  if (line >= params.batch * params.in_height) { return; }

  var left = strip * 4u; // STRIDE 2
  if (STRIDE == 1u) { left = strip * 8u + params.padding - 2u; }
  for (var ky = 0u; ky < 3u; ky++) {
    let reach = line % params.in_height + params.padding - ky;
    let oy = reach / STRIDE; // below zero is above everything
    if (reach % STRIDE != 0u || oy >= params.out_height) { continue; }
    taps[0] = weight[3u * ky * channels4 + channel4];
    taps[1] = weight[(3u * ky + 1u) * channels4 + channel4];
    taps[2] = weight[(3u * ky + 2u) * channels4 + channel4];
    load_row(channel4, (line / params.in_height * params.out_height + oy) * params.out_width, left);
    add(0u);
    add(1u);
    add(2u);
    add(3u);
    add(4u);
    add(5u);
    add(6u);
    add(7u);
  }

  let at = line * params.in_width;
  store(0u, at, strip * 8u + 0u, channel4);
  store(1u, at, strip * 8u + 1u, channel4);
  store(2u, at, strip * 8u + 2u, channel4);
  store(3u, at, strip * 8u + 3u, channel4);
  store(4u, at, strip * 8u + 4u, channel4);
  store(5u, at, strip * 8u + 5u, channel4);
  store(6u, at, strip * 8u + 6u, channel4);
  store(7u, at, strip * 8u + 7u, channel4);
}
