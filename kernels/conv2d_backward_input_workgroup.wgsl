// conv2d_backward_input, for real GPUs: each element of d_x gathers from the outputs that it reached
//
// d_y: [batch, out_height, out_width, out_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// d_x: [batch, in_height, in_width, in_channels]
//
// A matrix product without the matrix: rows are pixels of d_x, columns its channels, and a step is one channel of d_y
// under one tap. With a stride s only every s-th tap reaches a pixel: pixels whose row and column leave the same
// remainders have the same taps, and each of these s · s classes and each group of channels is a product of its own.
// One workgroup of 16 × 16 invocations computes a tile of 64·R × 64·R, one invocation 4·R × 4·R of it in registers.
// Blocks of 16 steps lie in workgroup memory, and while one is multiplied the next is already on its way into
// registers, as in matmul_workgroup.wgsl. The first 64·R invocations carry d_y, the next ones weight.
//
// ALIGNED: out_channels / groups is a multiple of 4, so that four steps are one load.
// Twin: cpu() in conv2d_backward_input.ts.

override R: u32 = 2; // 1 or 2
override ALIGNED: bool = true;

const BLOCK = 16u; // steps
const NOWHERE = 0xffffffffu;

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
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

var<workgroup> a_tile: array<vec4f, 512>; // [16 steps, 16·R vec4s of rows]
var<workgroup> b_tile: array<vec4f, 512>; // [16 steps, 16·R vec4s of columns]
// Constant indices only, which keeps these in registers: hence helpers called four times instead of loops.
var<private> next: array<vec4f, 4>; // this invocation's part of the next block
var<private> sum: array<vec4f, 16>; // [8 rows, 2 vec4s of columns]
var<private> line: vec4u; // of the four pixels that this invocation carries, in their class
var<private> column: vec4u;
var<private> image: vec4u; // rows of d_y before the pixel's image
var<private> steps: u32; // taps of the class times channels of d_y
var<private> taps: u32; // in one row of the window
var<private> padded: vec2u; // where the class begins, counted from the padding's corner
var<private> first_x: u32; // the tile's first input channel in its group
var<private> first_y: u32; // the group's first output channel

// The tap (x, y) of a step.
fn tap_of(step: u32) -> vec2u {
  let tap = step / (params.out_channels / params.groups);
  return padded % params.stride + params.stride * vec2u(tap % taps, tap / taps);
}

// Address in d_y of what pixel r gets in a step.
fn output_of(r: u32, step: u32) -> u32 {
  let moved = vec2i(padded) - vec2i(tap_of(step));
  let ox = column[r] + u32(moved.x / i32(params.stride)); // exact; below zero is above everything
  let oy = line[r] + u32(moved.y / i32(params.stride));
  if (step >= steps || ox >= params.out_width || oy >= params.out_height) { return NOWHERE; }
  let channel = first_y + step % (params.out_channels / params.groups);
  return ((image[r] + oy) * params.out_width + ox) * params.out_channels + channel;
}

fn one_of(r: u32, step: u32) -> f32 {
  let i = output_of(r, step);
  if (i == NOWHERE) { return 0.0; }
  return d_y[i / 4u][i % 4u];
}

// Four pixels, four steps.
fn fetch_a_one(r: u32, part: u32, k0: u32) {
  let k = k0 + part % 4u * 4u;
  if (ALIGNED) {
    let i = output_of(r, k);
    next[r] = select(d_y[i / 4u], vec4f(), i == NOWHERE);
  } else {
    var value = vec4f(); // in a loop: of four copies some compilers (Subzero) make minutes of work
    for (var e = 0u; e < 4u; e++) { value = vec4f(value.yzw, one_of(r, k + e)); }
    next[r] = value;
  }
}

fn fetch_a(part: u32, k0: u32) {
  fetch_a_one(0u, part, k0);
  fetch_a_one(1u, part, k0);
  fetch_a_one(2u, part, k0);
  fetch_a_one(3u, part, k0);
}

// Address in weight of input channel `channel` in a step.
fn weight_of(channel: u32, step: u32) -> u32 {
  let tap = tap_of(step);
  let row = (tap.y * params.kernel_width + tap.x) * (params.in_channels / params.groups) + channel;
  return row * params.out_channels + first_y + step % (params.out_channels / params.groups);
}

fn weight_at(channel: u32, step: u32) -> f32 {
  if (step >= steps) { return 0.0; }
  let j = weight_of(channel, step);
  return weight[j / 4u][j % 4u];
}

// Four input channels, four steps.
fn fetch_b_one(r: u32, part: u32, k0: u32) {
  let k = k0 + part % 4u * 4u;
  let channel = first_x + part / 4u * 4u + r;
  if (ALIGNED) {
    next[r] = select(vec4f(), weight[weight_of(channel, k) / 4u], k < steps);
  } else {
    var value = vec4f();
    for (var e = 0u; e < 4u; e++) { value = vec4f(value.yzw, weight_at(channel, k + e)); }
    next[r] = value;
  }
}

fn fetch_b(part: u32, k0: u32) {
  fetch_b_one(0u, part, k0);
  fetch_b_one(1u, part, k0);
  fetch_b_one(2u, part, k0);
  fetch_b_one(3u, part, k0);
}

// One step of what was fetched along the steps.
fn turned(step: u32) -> vec4f {
  return vec4f(next[0][step], next[1][step], next[2][step], next[3][step]);
}

fn put_a_one(r: u32, part: u32) {
  a_tile[(part % 4u * 4u + r) * 16u * R + part / 4u] = turned(r);
}

fn put_a(part: u32) {
  put_a_one(0u, part);
  put_a_one(1u, part);
  put_a_one(2u, part);
  put_a_one(3u, part);
}

fn put_b_one(r: u32, part: u32) {
  b_tile[(part % 4u * 4u + r) * 16u * R + part / 4u] = turned(r);
}

fn put_b(part: u32) {
  put_b_one(0u, part);
  put_b_one(1u, part);
  put_b_one(2u, part);
  put_b_one(3u, part);
}

// One step for four rows of the tile.
fn add_rows(row: u32, value: vec4f, p: vec4f, q: vec4f) {
  sum[2u * row] = fma(vec4f(value.x), p, sum[2u * row]);
  sum[2u * row + 2u] = fma(vec4f(value.y), p, sum[2u * row + 2u]);
  sum[2u * row + 4u] = fma(vec4f(value.z), p, sum[2u * row + 4u]);
  sum[2u * row + 6u] = fma(vec4f(value.w), p, sum[2u * row + 6u]);
  if (R > 1u) {
    sum[2u * row + 1u] = fma(vec4f(value.x), q, sum[2u * row + 1u]);
    sum[2u * row + 3u] = fma(vec4f(value.y), q, sum[2u * row + 3u]);
    sum[2u * row + 5u] = fma(vec4f(value.z), q, sum[2u * row + 5u]);
    sum[2u * row + 7u] = fma(vec4f(value.w), q, sum[2u * row + 7u]);
  }
}

// The block that lies in workgroup memory.
fn add_block(local: vec3u) {
  for (var k = 0u; k < BLOCK; k++) {
    let p = b_tile[k * 16u * R + local.x];
    var q = vec4f();
    if (R > 1u) { q = b_tile[k * 32u + 16u + local.x]; }
    add_rows(0u, a_tile[k * 16u * R + local.y], p, q);
    if (R > 1u) { add_rows(4u, a_tile[k * 32u + 16u + local.y], p, q); }
  }
}

// Channels i to i + 3 of the group that begins at address `at`.
fn store_four(at: u32, i: u32, value: vec4f) {
  let inputs = params.in_channels / params.groups;
  if (i < inputs) { d_x[at + i] = value.x; }
  if (i + 1u < inputs) { d_x[at + i + 1u] = value.y; }
  if (i + 2u < inputs) { d_x[at + i + 2u] = value.z; }
  if (i + 3u < inputs) { d_x[at + i + 3u] = value.w; }
}

// A row of the tile: a pixel of the class, from channel `i` of the group whose channels begin at `first`.
fn store_row(row: u32, pixel: u32, i: u32, first: u32, size: vec2u, class_at: vec2u) {
  if (pixel >= params.batch * size.x * size.y) { return; }
  let at = vec2u(pixel % size.x, pixel / size.x % size.y) * params.stride + class_at;
  let place = (pixel / (size.x * size.y) * params.in_height + at.y) * params.in_width + at.x;
  let to = place * params.in_channels + first;
  store_four(to, i, sum[2u * row]);
  if (R > 1u) { store_four(to, i + 64u, sum[2u * row + 1u]); }
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let inputs = params.in_channels / params.groups;
  let outputs = params.out_channels / params.groups;
  let channels = group.z % params.groups; // which group of channels
  let class_id = group.z / params.groups;
  let class_at = vec2u(class_id % params.stride, class_id / params.stride);
  let size = (vec2u(params.in_width, params.in_height) + params.stride - 1u - class_at) / params.stride;
  let part = lane % (64u * R);
  let carries_a = lane < 64u * R;
  let carries_b = !carries_a && lane < 128u * R;
  let corner = class_at + params.padding;
  padded = corner;
  let kernel = vec2u(params.kernel_width, params.kernel_height);
  let reached = (max(kernel, corner % params.stride) - corner % params.stride + params.stride - 1u) / params.stride;
  taps = max(reached.x, 1u);
  let count = reached.x * reached.y * outputs;
  steps = count;
  first_x = group.y * 64u * R;
  first_y = channels * outputs;
  let pixels = group.x * 64u * R;

  // A class can be empty when the image is smaller than the stride.
  let pixel = vec4u(pixels + part / 4u * 4u) + vec4u(0u, 1u, 2u, 3u);
  let row_of = pixel / max(size.x, 1u);
  column = pixel % max(size.x, 1u);
  line = row_of % max(size.y, 1u);
  image = row_of / max(size.y, 1u) * params.out_height;

  if (carries_a) { fetch_a(part, 0u); }
  if (carries_b) { fetch_b(part, 0u); }
  // `steps` would not do: barriers want a loop whose end is seen to be uniform.
  for (var k0 = 0u; k0 < count; k0 += BLOCK) {
    workgroupBarrier(); // the block before is done with
    if (carries_a) { put_a(part); }
    if (carries_b) { put_b(part); }
    workgroupBarrier();
    if (carries_a) { fetch_a(part, k0 + BLOCK); }
    if (carries_b) { fetch_b(part, k0 + BLOCK); }
    add_block(local);
  }

  let i = first_x + 4u * local.x;
  store_row(0u, pixels + 4u * local.y, i, channels * inputs, size, class_at);
  store_row(1u, pixels + 4u * local.y + 1u, i, channels * inputs, size, class_at);
  store_row(2u, pixels + 4u * local.y + 2u, i, channels * inputs, size, class_at);
  store_row(3u, pixels + 4u * local.y + 3u, i, channels * inputs, size, class_at);
  if (R > 1u) {
    store_row(4u, pixels + 64u + 4u * local.y, i, channels * inputs, size, class_at);
    store_row(5u, pixels + 65u + 4u * local.y, i, channels * inputs, size, class_at);
    store_row(6u, pixels + 66u + 4u * local.y, i, channels * inputs, size, class_at);
    store_row(7u, pixels + 67u + 4u * local.y, i, channels * inputs, size, class_at);
  }
}
