// conv2d, depthwise, 3 × 3: every channel of y sees one channel of x; then ReLU (relu is 1) or ReLU6 (2)
//
// x: [batch, in_height, in_width, channels], channels a multiple of 4
// weight: [3, 3, 1, channels]
// bias: [channels], added when use_bias is 1
// y: [batch, out_height, out_width, channels]
//
// One invocation computes 8 neighbouring pixels of a row × 4 channels: in each of the three rows of the window
// neighbours share what they load. Neighbouring invocations are neighbouring channels. Twin: cpu() in conv2d.ts.

override STRIDE: u32 = 1; // 1 or 2: params.stride

const RELU6 = 2u; // of params.relu; 1 is ReLU, 0 neither

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
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// Constant indices only, which keeps these in registers.
var<private> sum: array<vec4f, 8>;
var<private> row: array<vec4f, 17>; // what one row of the window needs for 8 pixels
var<private> taps: array<vec4f, 3>; // one row of weight

fn load(i: u32, channel4: u32, at: u32, left: u32, inside: bool) {
  let ix = left + i; // below zero is above everything
  let value = x[(at + ix) * (params.in_channels / 4u) + channel4];
  row[i] = select(vec4f(), value, inside && ix < params.in_width);
}

// Row of x at pixel `at`, from column `left`.
fn load_row(channel4: u32, at: u32, left: u32, inside: bool) {
  load(0u, channel4, at, left, inside);
  load(1u, channel4, at, left, inside);
  load(2u, channel4, at, left, inside);
  load(3u, channel4, at, left, inside);
  load(4u, channel4, at, left, inside);
  load(5u, channel4, at, left, inside);
  load(6u, channel4, at, left, inside);
  load(7u, channel4, at, left, inside);
  load(8u, channel4, at, left, inside);
  load(9u, channel4, at, left, inside);
  if (STRIDE == 2u) {
    load(10u, channel4, at, left, inside);
    load(11u, channel4, at, left, inside);
    load(12u, channel4, at, left, inside);
    load(13u, channel4, at, left, inside);
    load(14u, channel4, at, left, inside);
    load(15u, channel4, at, left, inside);
    load(16u, channel4, at, left, inside);
  }
}

fn add(p: u32) {
  let first = p * STRIDE;
  sum[p] = fma(taps[0], row[first], fma(taps[1], row[first + 1u], fma(taps[2], row[first + 2u], sum[p])));
}

fn store(p: u32, at: u32, ox: u32, channel4: u32) {
  if (ox >= params.out_width) { return; }
  var total = sum[p];
  if (params.relu > 0u) { total = select(total, vec4f(), total < vec4f()); } // NaN stays NaN
  if (params.relu == RELU6) { total = select(total, vec4f(6.0), total > vec4f(6.0)); }
  y[(at + ox) * (params.out_channels / 4u) + channel4] = total;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let channels4 = params.in_channels / 4u;
  let strips = (params.out_width + 7u) / 8u; // in a row of y
  let index = id.x + id.y * groups.x * 64u;
  let channel4 = index % channels4;
  let strip = index / channels4 % strips;
  let line = index / (channels4 * strips); // of all images
  if (line >= params.batch * params.out_height) { return; }

  let top = line % params.out_height * STRIDE - params.padding;
  let left = strip * 8u * STRIDE - params.padding;
  for (var ky = 0u; ky < 3u; ky++) {
    let iy = top + ky;
    taps[0] = weight[3u * ky * channels4 + channel4];
    taps[1] = weight[(3u * ky + 1u) * channels4 + channel4];
    taps[2] = weight[(3u * ky + 2u) * channels4 + channel4];
    let at = (line / params.out_height * params.in_height + iy) * params.in_width;
    load_row(channel4, at, left, iy < params.in_height);
    add(0u);
    add(1u);
    add(2u);
    add(3u);
    add(4u);
    add(5u);
    add(6u);
    add(7u);
  }

  if (params.use_bias == 1u) {
    let o = 4u * channel4;
    let start = vec4f(bias[o], bias[o + 1u], bias[o + 2u], bias[o + 3u]);
    sum[0] += start;
    sum[1] += start;
    sum[2] += start;
    sum[3] += start;
    sum[4] += start;
    sum[5] += start;
    sum[6] += start;
    sum[7] += start;
  }
  let at = line * params.out_width;
  store(0u, at, strip * 8u + 0u, channel4);
  store(1u, at, strip * 8u + 1u, channel4);
  store(2u, at, strip * 8u + 2u, channel4);
  store(3u, at, strip * 8u + 3u, channel4);
  store(4u, at, strip * 8u + 4u, channel4);
  store(5u, at, strip * 8u + 5u, channel4);
  store(6u, at, strip * 8u + 6u, channel4);
  store(7u, at, strip * 8u + 7u, channel4);
}
