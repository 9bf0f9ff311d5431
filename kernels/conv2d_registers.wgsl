// conv2d, for software adapters: y = x ⋆ weight + bias, then ReLU where relu is 1
//
// x: [batch, in_height, in_width, in_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// bias: [out_channels], added when use_bias is 1
// y: [batch, out_height, out_width, out_channels]
//
// One invocation computes PIXELS neighbouring pixels × (4 · CHANNELS4) channels of y in registers, tap by tap, four
// input channels at a time. Of the 8 invocations of a workgroup LANES lie side by side along the channels, the
// others along the pixels. Nothing is shared and there are no barriers; see matmul_registers.wgsl for the reasons.
//
// ALIGNED_X: in_channels / groups is a multiple of 4, so that a vec4 is one load; else it is put together from two.
// ALIGNED_Y: the same of out_channels / groups, for weight and y. Twin: cpu() in conv2d.ts.

override PIXELS: u32 = 16; // 8 or 16
override CHANNELS4: u32 = 4; // 2 or 4
override LANES: u32 = 8; // 1, 2, 4 or 8
override ALIGNED_X: bool = true;
override ALIGNED_Y: bool = true;

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
var<private> tap: array<vec4f, 16>; // [4 input channels, 4] of weight
var<private> top: array<u32, 16>; // the first input row of each pixel, below zero in the padding
var<private> left: array<u32, 16>; // the first input column
var<private> image: array<u32, 16>; // rows of the images before
var<private> address: array<u32, 16>; // of the pixel's input under the current tap, in x
var<private> padded: array<bool, 16>; // whether that lies outside the image

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

fn load_x(i: u32) -> vec4f {
  if (ALIGNED_X) { return x[i / 4u]; }
  return window(x[i / 4u], x[i / 4u + 1u], i % 4u);
}

// One input channel of the current tap, or nothing beyond the last one.
fn load_tap(channel: u32, j: u32, inside: bool) {
  let at = 4u * channel;
  let shift = select(j % 4u, 0u, ALIGNED_Y);
  let p = select(vec4f(), weight[j / 4u], inside);
  let q = select(vec4f(), weight[j / 4u + 1u], inside);
  var r = vec4f();
  if (!ALIGNED_Y || CHANNELS4 == 4u) { r = select(vec4f(), weight[j / 4u + 2u], inside); }
  tap[at] = window(p, q, shift);
  tap[at + 1u] = window(q, r, shift);
  if (CHANNELS4 == 4u) {
    let s = select(vec4f(), weight[j / 4u + 3u], inside);
    var t = vec4f();
    if (!ALIGNED_Y) { t = select(vec4f(), weight[j / 4u + 4u], inside); }
    tap[at + 2u] = window(r, s, shift);
    tap[at + 3u] = window(s, t, shift);
  }
}

fn add(m: u32, v: u32, value: vec4f) {
  var total = fma(vec4f(value.x), tap[v], sum[4u * m + v]);
  total = fma(vec4f(value.y), tap[4u + v], total);
  total = fma(vec4f(value.z), tap[8u + v], total);
  sum[4u * m + v] = fma(vec4f(value.w), tap[12u + v], total);
}

// Four input channels of pixel m.
fn add_pixel(m: u32, channel: u32, inside: vec4<bool>) {
  var value = select(load_x(address[m] + channel), vec4f(), padded[m]);
  if (!ALIGNED_X) { value = select(vec4f(), value, inside); }
  add(m, 0u, value);
  add(m, 1u, value);
  if (CHANNELS4 == 4u) {
    add(m, 2u, value);
    add(m, 3u, value);
  }
}

fn add_four_pixels(m: u32, channel: u32, inside: vec4<bool>) {
  add_pixel(m, channel, inside);
  add_pixel(m + 1u, channel, inside);
  add_pixel(m + 2u, channel, inside);
  add_pixel(m + 3u, channel, inside);
}

// Where pixel m reads. Steps from one pixel to the next: divisions are slow.
fn place_pixel(m: u32, pixel: vec3u) -> vec3u {
  left[m] = pixel.x * params.stride - params.padding;
  top[m] = pixel.y * params.stride - params.padding;
  image[m] = pixel.z * params.in_height;
  var next = vec3u(pixel.x + 1u, pixel.yz);
  if (next.x == params.out_width) { next = vec3u(0u, pixel.y + 1u, pixel.z); }
  if (next.y == params.out_height) { next = vec3u(next.x, 0u, pixel.z + 1u); }
  return next;
}

fn place_four_pixels(m: u32, pixel: vec3u) -> vec3u {
  return place_pixel(m + 3u, place_pixel(m + 2u, place_pixel(m + 1u, place_pixel(m, pixel))));
}

fn move_pixel(m: u32, ky: u32, kx: u32, first: u32) {
  let iy = top[m] + ky;
  let ix = left[m] + kx;
  padded[m] = iy >= params.in_height || ix >= params.in_width; // below zero is above everything
  address[m] = ((image[m] + iy) * params.in_width + ix) * params.in_channels + first;
}

fn move_four_pixels(m: u32, ky: u32, kx: u32, first: u32) {
  move_pixel(m, ky, kx, first);
  move_pixel(m + 1u, ky, kx, first);
  move_pixel(m + 2u, ky, kx, first);
  move_pixel(m + 3u, ky, kx, first);
}

fn store_four(at: u32, o: u32, last: u32, value: vec4f) {
  if (o >= last) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += vec4f(bias[o], bias[o + 1u], bias[o + 2u], bias[o + 3u]); }
  if (params.relu == 1u) { total = select(total, vec4f(), total < vec4f()); } // NaN stays NaN
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

  let row = first / params.out_width;
  var pixel = vec3u(first % params.out_width, row % params.out_height, row / params.out_height);
  pixel = place_four_pixels(0u, pixel);
  pixel = place_four_pixels(4u, pixel);
  if (PIXELS > 8u) {
    pixel = place_four_pixels(8u, pixel);
    pixel = place_four_pixels(12u, pixel);
  }

  var j = group.z * outputs + o; // in weight: taps and input channels come in its order
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      move_four_pixels(0u, ky, kx, group.z * inputs);
      move_four_pixels(4u, ky, kx, group.z * inputs);
      if (PIXELS > 8u) {
        move_four_pixels(8u, ky, kx, group.z * inputs);
        move_four_pixels(12u, ky, kx, group.z * inputs);
      }
      for (var channel = 0u; channel < inputs; channel += 4u) {
        let inside = vec4u(channel, channel + 1u, channel + 2u, channel + 3u) < vec4u(inputs);
        load_tap(0u, j, true);
        load_tap(1u, j + params.out_channels, inside.y);
        load_tap(2u, j + 2u * params.out_channels, inside.z);
        load_tap(3u, j + 3u * params.out_channels, inside.w);
        j += min(4u, inputs - channel) * params.out_channels;
        add_four_pixels(0u, channel, inside);
        add_four_pixels(4u, channel, inside);
        if (PIXELS > 8u) {
          add_four_pixels(8u, channel, inside);
          add_four_pixels(12u, channel, inside);
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
