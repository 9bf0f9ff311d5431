// conv2d, for software adapters: y = x ⋆ weight + bias, then ReLU (relu is 1) or ReLU6 (2)
//
// x: [batch, in_height, in_width, in_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// bias: [out_channels], added when use_bias is 1
// y: [batch, out_height, out_width, out_channels]
//
// One invocation computes PIXELS neighbouring pixels × (4 · CHANNELS4) channels of y in registers, four inputs at a
// time. Of the 8 invocations of a workgroup LANES lie side by side along the channels, the others along the pixels.
// Nothing is shared and there are no barriers; see matmul_registers.wgsl for the reasons. In one row of a window
// the taps and their channels follow one another in x and in weight alike: with one group they are one run of
// kernel_width · in_channels inputs, with several a run is one tap.
//
// ALIGNED_X: in_channels / groups is a multiple of 4, so that a vec4 is one load; else it is put together from two.
// ALIGNED_Y: the same of out_channels / groups, for weight and y. Twin: cpu() in conv2d.ts.

override PIXELS: u32 = 16; // 8 or 16
override CHANNELS4: u32 = 4; // 2 or 4
override LANES: u32 = 8; // 1, 2, 4 or 8
override ALIGNED_X: bool = true;
override ALIGNED_Y: bool = true;

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

// All indices into these are constants once the functions are inlined, which keeps them in registers.
var<private> sum: array<vec4f, 64>; // [16 pixels, 4]
var<private> run: array<vec4f, 16>; // [4 inputs, 4] of weight
var<private> top: array<u32, 16>; // the first input row of each pixel, below zero in the padding
var<private> left: array<u32, 16>; // the first input in that row, below zero in the padding
var<private> image: array<u32, 16>; // rows of the images before
var<private> row: array<i32, 16>; // address in x of the row that each pixel reads
var<private> padded: array<bool, 16>; // whether that row lies outside the image

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

fn load_x(i: i32) -> vec4f {
  if (ALIGNED_X) { return x[i >> 2u]; }
  return window(x[i >> 2u], x[(i >> 2u) + 1], u32(i) % 4u);
}

// Row `input` of the run in weight, or nothing beyond its end.
fn load_weight(input: u32, j: u32, inside: bool) {
  let at = 4u * input;
  let shift = select(j % 4u, 0u, ALIGNED_Y);
  let p = select(vec4f(), weight[j / 4u], inside);
  let q = select(vec4f(), weight[j / 4u + 1u], inside);
  var r = vec4f();
  if (!ALIGNED_Y || CHANNELS4 == 4u) { r = select(vec4f(), weight[j / 4u + 2u], inside); }
  run[at] = window(p, q, shift);
  run[at + 1u] = window(q, r, shift);
  if (CHANNELS4 == 4u) {
    let s = select(vec4f(), weight[j / 4u + 3u], inside);
    var t = vec4f();
    if (!ALIGNED_Y) { t = select(vec4f(), weight[j / 4u + 4u], inside); }
    run[at + 2u] = window(r, s, shift);
    run[at + 3u] = window(s, t, shift);
  }
}

fn add(m: u32, v: u32, value: vec4f) {
  var total = fma(vec4f(value.x), run[v], sum[4u * m + v]);
  total = fma(vec4f(value.y), run[4u + v], total);
  total = fma(vec4f(value.z), run[8u + v], total);
  sum[4u * m + v] = fma(vec4f(value.w), run[12u + v], total);
}

// Four inputs of pixel m, `offset` inputs after its first one in the row, of which `inside` belong to the run.
fn add_pixel(m: u32, offset: u32, inside: vec4<bool>) {
  let width = params.in_width * params.in_channels;
  let i = left[m] + offset; // in the row: below zero is above everything
  var value = load_x(row[m] + i32(i));
  if (ALIGNED_X) {
    value = select(value, vec4f(), padded[m] || i >= width);
  } else {
    let real = vec4u(i, i + 1u, i + 2u, i + 3u) < vec4u(width);
    value = select(vec4f(), value, real & inside & vec4<bool>(!padded[m]));
  }
  add(m, 0u, value);
  add(m, 1u, value);
  if (CHANNELS4 == 4u) {
    add(m, 2u, value);
    add(m, 3u, value);
  }
}

fn add_four_pixels(m: u32, offset: u32, inside: vec4<bool>) {
  add_pixel(m, offset, inside);
  add_pixel(m + 1u, offset, inside);
  add_pixel(m + 2u, offset, inside);
  add_pixel(m + 3u, offset, inside);
}

// Where pixel m reads. Returns the pixel after it: divisions are slow.
fn place_pixel(m: u32, pixel: vec3u) -> vec3u {
  left[m] = (pixel.x * params.stride - params.padding) * params.in_channels;
  top[m] = pixel.y * params.stride - params.padding;
  image[m] = pixel.z * params.in_height;
  var after = vec3u(pixel.x + 1u, pixel.yz);
  if (after.x == params.out_width) { after = vec3u(0u, pixel.y + 1u, pixel.z); }
  if (after.y == params.out_height) { after = vec3u(after.x, 0u, pixel.z + 1u); }
  return after;
}

fn place_four_pixels(m: u32, pixel: vec3u) -> vec3u {
  return place_pixel(m + 3u, place_pixel(m + 2u, place_pixel(m + 1u, place_pixel(m, pixel))));
}

fn move_pixel(m: u32, ky: u32) {
  let iy = top[m] + ky;
  padded[m] = iy >= params.in_height;
  row[m] = i32((image[m] + iy) * params.in_width * params.in_channels);
}

fn move_four_pixels(m: u32, ky: u32) {
  move_pixel(m, ky);
  move_pixel(m + 1u, ky);
  move_pixel(m + 2u, ky);
  move_pixel(m + 3u, ky);
}

fn store_four(at: u32, o: u32, last: u32, value: vec4f) {
  if (o >= last) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += vec4f(bias[o], bias[o + 1u], bias[o + 2u], bias[o + 3u]); }
  if (params.relu > 0u) { total = select(total, vec4f(), total < vec4f()); } // NaN stays NaN
  if (params.relu == RELU6) { total = select(total, vec4f(6.0), total > vec4f(6.0)); }
  if (ALIGNED_Y) {
    y[at / 4u] = total;
    return;
  }
  y[at / 4u][at % 4u] = total.x;
  if (o + 1u < last) { y[(at + 1u) / 4u][(at + 1u) % 4u] = total.y; }
  if (o + 2u < last) { y[(at + 2u) / 4u][(at + 2u) % 4u] = total.z; }
  if (o + 3u < last) { y[(at + 3u) / 4u][(at + 3u) % 4u] = total.w; }
}

// Row r of the tile into a pixel of y, from channel o up to `last`.
fn store_pixel(r: u32, pixel: u32, o: u32, last: u32) {
  if (pixel >= params.batch * params.out_height * params.out_width) { return; }
  let at = pixel * params.out_channels + o;
  store_four(at, o, last, sum[4u * r]);
  store_four(at + 4u, o + 4u, last, sum[4u * r + 1u]);
  if (CHANNELS4 == 4u) {
    store_four(at + 8u, o + 8u, last, sum[4u * r + 2u]);
    store_four(at + 12u, o + 12u, last, sum[4u * r + 3u]);
  }
}

fn shift_row(m: u32) {
  sum[4u * m] = sum[4u * m + 16u];
  sum[4u * m + 1u] = sum[4u * m + 17u];
  sum[4u * m + 2u] = sum[4u * m + 18u];
  sum[4u * m + 3u] = sum[4u * m + 19u];
}

// Moves all rows of the tile up by four, so that the code that stores four exists once: with sixteen copies the
// compiler takes ten times as long.
fn shift_rows() {
  shift_row(0u);
  shift_row(1u);
  shift_row(2u);
  shift_row(3u);
  shift_row(4u);
  shift_row(5u);
  shift_row(6u);
  shift_row(7u);
  shift_row(8u);
  shift_row(9u);
  shift_row(10u);
  shift_row(11u);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let inputs = params.in_channels / params.groups;
  let outputs = params.out_channels / params.groups;
  let first = (group.x * (8u / LANES) + lane / LANES) * PIXELS;
  let o = (group.y * LANES + lane % LANES) * CHANNELS4 * 4u; // within the group of channels
  if (first >= params.batch * params.out_height * params.out_width || o >= outputs) { return; }

  let line = first / params.out_width;
  var pixel = vec3u(first % params.out_width, line % params.out_height, line / params.out_height);
  pixel = place_four_pixels(0u, pixel);
  pixel = place_four_pixels(4u, pixel);
  if (PIXELS > 8u) {
    pixel = place_four_pixels(8u, pixel);
    pixel = place_four_pixels(12u, pixel);
  }

  let runs = select(params.kernel_width, 1u, params.groups == 1u);
  let length = params.kernel_width / runs * inputs;
  var j = group.z * outputs + o; // address in weight, whose rows come in the order of the loops
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    move_four_pixels(0u, ky);
    move_four_pixels(4u, ky);
    if (PIXELS > 8u) {
      move_four_pixels(8u, ky);
      move_four_pixels(12u, ky);
    }
    for (var kx = 0u; kx < runs; kx++) {
      for (var input = 0u; input < length; input += 4u) {
        let inside = vec4u(input, input + 1u, input + 2u, input + 3u) < vec4u(length);
        load_weight(0u, j, true);
        load_weight(1u, j + params.out_channels, inside.y);
        load_weight(2u, j + 2u * params.out_channels, inside.z);
        load_weight(3u, j + 3u * params.out_channels, inside.w);
        j += min(4u, length - input) * params.out_channels;
        let offset = kx * params.in_channels + group.z * inputs + input;
        add_four_pixels(0u, offset, inside);
        add_four_pixels(4u, offset, inside);
        if (PIXELS > 8u) {
          add_four_pixels(8u, offset, inside);
          add_four_pixels(12u, offset, inside);
        }
      }
    }
  }

  let last = (group.z + 1u) * outputs;
  for (var m = first; m < first + PIXELS; m += 4u) {
    store_pixel(0u, m, group.z * outputs + o, last);
    store_pixel(1u, m + 1u, group.z * outputs + o, last);
    store_pixel(2u, m + 2u, group.z * outputs + o, last);
    store_pixel(3u, m + 3u, group.z * outputs + o, last);
    shift_rows();
  }
}
