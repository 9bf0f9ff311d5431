// conv2d_backward_input, for software adapters: each element of d_x gathers from the outputs that it reached
//
// d_y: [batch, out_height, out_width, out_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// d_x: [batch, in_height, in_width, in_channels]
//
// With a stride s only every s-th tap reaches a pixel. Pixels whose row and column leave the same remainders have
// the same taps: they form one of s · s classes, and a workgroup stays within a class and a group of channels.
// One invocation computes PIXELS pixels that are neighbours in the class × (4 · CHANNELS4) channels of d_x in
// registers, tap by tap, four channels of d_y at a time. Of the 8 invocations of a workgroup LANES lie side by side
// along the channels, the others along the pixels; see matmul_registers.wgsl for the reasons.
//
// ALIGNED_Y: out_channels / groups is a multiple of 4, so that a vec4 is one load; else it is put together from two.
// ALIGNED_X: the same of in_channels / groups, for d_x. Twin: cpu() in conv2d_backward_input.ts.

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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_x: array<vec4f>;

const NOWHERE = 0xffffffffu;

// All indices into these are constants once the functions are inlined, which keeps them in registers.
var<private> sum: array<vec4f, 64>; // [16 pixels, 4]
var<private> tap: array<vec4f, 16>; // [4 channels of d_y, 4]
var<private> column: array<u32, 16>; // each pixel's place in its class
var<private> line: array<u32, 16>;
var<private> image: array<u32, 16>; // rows of d_y before the pixel's image
var<private> place: array<u32, 16>; // address in d_x, or NOWHERE
var<private> address: array<u32, 16>; // of the output that the pixel reaches by the current tap, in d_y
var<private> missed: array<bool, 16>; // whether there is none

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

fn load_d_y(i: u32) -> vec4f {
  if (ALIGNED_Y) { return d_y[i / 4u]; }
  return window(d_y[i / 4u], d_y[i / 4u + 1u], i % 4u);
}

fn load_weight(j: u32) -> vec4f {
  if (ALIGNED_Y) { return weight[j / 4u]; }
  return window(weight[j / 4u], weight[j / 4u + 1u], j % 4u);
}

// The weights of four input channels, for four channels of d_y.
fn load_tap(v: u32, j: u32, inside: vec4<bool>) {
  let p = select(vec4f(), load_weight(j), inside);
  let q = select(vec4f(), load_weight(j + params.out_channels), inside);
  let r = select(vec4f(), load_weight(j + 2u * params.out_channels), inside);
  let s = select(vec4f(), load_weight(j + 3u * params.out_channels), inside);
  tap[v] = vec4f(p.x, q.x, r.x, s.x);
  tap[4u + v] = vec4f(p.y, q.y, r.y, s.y);
  tap[8u + v] = vec4f(p.z, q.z, r.z, s.z);
  tap[12u + v] = vec4f(p.w, q.w, r.w, s.w);
}

fn add(m: u32, v: u32, value: vec4f) {
  var total = fma(vec4f(value.x), tap[v], sum[4u * m + v]);
  total = fma(vec4f(value.y), tap[4u + v], total);
  total = fma(vec4f(value.z), tap[8u + v], total);
  sum[4u * m + v] = fma(vec4f(value.w), tap[12u + v], total);
}

// Four channels of d_y for pixel m.
fn add_pixel(m: u32, channel: u32, inside: vec4<bool>) {
  var value = select(load_d_y(address[m] + channel), vec4f(), missed[m]);
  if (!ALIGNED_Y) { value = select(vec4f(), value, inside); }
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

// Notes where pixel m is. Returns the one after it in the class of `size` columns and lines.
fn place_pixel(m: u32, pixel: vec3u, size: vec2u, class_at: vec2u) -> vec3u {
  column[m] = pixel.x;
  line[m] = pixel.y;
  image[m] = pixel.z * params.out_height;
  let ix = pixel.x * params.stride + class_at.x;
  let iy = pixel.y * params.stride + class_at.y;
  let at = ((pixel.z * params.in_height + iy) * params.in_width + ix) * params.in_channels;
  place[m] = select(at, NOWHERE, pixel.z >= params.batch);
  var after = vec3u(pixel.x + 1u, pixel.yz);
  if (after.x == size.x) { after = vec3u(0u, pixel.y + 1u, pixel.z); }
  if (after.y == size.y) { after = vec3u(after.x, 0u, pixel.z + 1u); }
  return after;
}

fn place_four_pixels(m: u32, pixel: vec3u, size: vec2u, class_at: vec2u) -> vec3u {
  var after = place_pixel(m, pixel, size, class_at);
  after = place_pixel(m + 1u, after, size, class_at);
  after = place_pixel(m + 2u, after, size, class_at);
  return place_pixel(m + 3u, after, size, class_at);
}

fn move_pixel(m: u32, dx: u32, dy: u32, first: u32) {
  let ox = column[m] + dx; // below zero is above everything
  let oy = line[m] + dy;
  missed[m] = ox >= params.out_width || oy >= params.out_height;
  address[m] = ((image[m] + oy) * params.out_width + ox) * params.out_channels + first;
}

fn move_four_pixels(m: u32, dx: u32, dy: u32, first: u32) {
  move_pixel(m, dx, dy, first);
  move_pixel(m + 1u, dx, dy, first);
  move_pixel(m + 2u, dx, dy, first);
  move_pixel(m + 3u, dx, dy, first);
}

fn store_four(at: u32, i: u32, inputs: u32, value: vec4f) {
  if (i >= inputs) { return; }
  if (ALIGNED_X) {
    d_x[at / 4u] = value;
    return;
  }
  d_x[at / 4u][at % 4u] = value.x;
  if (i + 1u < inputs) { d_x[(at + 1u) / 4u][(at + 1u) % 4u] = value.y; }
  if (i + 2u < inputs) { d_x[(at + 2u) / 4u][(at + 2u) % 4u] = value.z; }
  if (i + 3u < inputs) { d_x[(at + 3u) / 4u][(at + 3u) % 4u] = value.w; }
}

// Row r of the tile, from channel i of the group whose channels begin at `first`.
fn store_pixel(r: u32, i: u32, first: u32, inputs: u32) {
  if (place[r] == NOWHERE) { return; }
  let at = place[r] + first + i;
  store_four(at, i, inputs, sum[4u * r]);
  store_four(at + 4u, i + 4u, inputs, sum[4u * r + 1u]);
  if (CHANNELS4 == 4u) {
    store_four(at + 8u, i + 8u, inputs, sum[4u * r + 2u]);
    store_four(at + 12u, i + 12u, inputs, sum[4u * r + 3u]);
  }
}

fn shift_row(m: u32) {
  sum[4u * m] = sum[4u * m + 16u];
  sum[4u * m + 1u] = sum[4u * m + 17u];
  sum[4u * m + 2u] = sum[4u * m + 18u];
  sum[4u * m + 3u] = sum[4u * m + 19u];
  place[m] = place[m + 4u];
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
  let channels = group.z % params.groups; // which group of channels
  let class_id = group.z / params.groups;
  let class_at = vec2u(class_id % params.stride, class_id / params.stride);
  let size = (vec2u(params.in_width, params.in_height) + params.stride - 1u - class_at) / params.stride;
  let first = (group.x * (8u / LANES) + lane / LANES) * PIXELS;
  let i = (group.y * LANES + lane % LANES) * CHANNELS4 * 4u; // within the group of channels
  if (first >= params.batch * size.x * size.y || i >= inputs) { return; }

  let row = first / size.x;
  var pixel = vec3u(first % size.x, row % size.y, row / size.y);
  pixel = place_four_pixels(0u, pixel, size, class_at);
  pixel = place_four_pixels(4u, pixel, size, class_at);
  if (PIXELS > 8u) {
    pixel = place_four_pixels(8u, pixel, size, class_at);
    pixel = place_four_pixels(12u, pixel, size, class_at);
  }

  let padded = class_at + params.padding;
  for (var ky = padded.y % params.stride; ky < params.kernel_height; ky += params.stride) {
    for (var kx = padded.x % params.stride; kx < params.kernel_width; kx += params.stride) {
      let dx = u32((i32(padded.x) - i32(kx)) / i32(params.stride)); // exact
      let dy = u32((i32(padded.y) - i32(ky)) / i32(params.stride));
      move_four_pixels(0u, dx, dy, channels * outputs);
      move_four_pixels(4u, dx, dy, channels * outputs);
      if (PIXELS > 8u) {
        move_four_pixels(8u, dx, dy, channels * outputs);
        move_four_pixels(12u, dx, dy, channels * outputs);
      }
      let j = ((ky * params.kernel_width + kx) * inputs + i) * params.out_channels + channels * outputs;
      for (var channel = 0u; channel < outputs; channel += 4u) {
        let inside = vec4u(channel, channel + 1u, channel + 2u, channel + 3u) < vec4u(outputs);
        load_tap(0u, j + channel, inside);
        load_tap(1u, j + channel + 4u * params.out_channels, inside);
        if (CHANNELS4 == 4u) {
          load_tap(2u, j + channel + 8u * params.out_channels, inside);
          load_tap(3u, j + channel + 12u * params.out_channels, inside);
        }
        add_four_pixels(0u, channel, inside);
        add_four_pixels(4u, channel, inside);
        if (PIXELS > 8u) {
          add_four_pixels(8u, channel, inside);
          add_four_pixels(12u, channel, inside);
        }
      }
    }
  }

  for (var m = 0u; m < PIXELS; m += 4u) {
    store_pixel(0u, i, channels * inputs, inputs);
    store_pixel(1u, i, channels * inputs, inputs);
    store_pixel(2u, i, channels * inputs, inputs);
    store_pixel(3u, i, channels * inputs, inputs);
    shift_rows();
  }
}
