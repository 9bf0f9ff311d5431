// conv2d_backward_weight, for real GPUs: d_weight = Σ over pixels of (inputs of the pixel) · (d_y there)
//
// x: [batch, in_height, in_width, in_channels]
// d_y: [batch, out_height, out_width, out_channels]
// d_weight: [splits, kernel_height, kernel_width, in_channels / groups, out_channels]: sums over shares of the pixels
//
// A matrix product without the matrix: rows are the inputs of a window in the order of d_weight, columns the channels
// of d_y, and a step is one pixel. Each share and each group of channels is a product of its own. The order of every
// sum is fixed: the same gradient each time.
// One workgroup of 16 × 16 invocations computes a tile of 64·R × 64·R, one invocation 4·R × 4·R of it in registers.
// Blocks of 16 steps lie in workgroup memory, and while one is multiplied the next is already on its way into
// registers, as in matmul_workgroup.wgsl. The first 64·R invocations carry x, the next ones d_y.
//
// ALIGNED_X: in_channels / groups is a multiple of 4, so that four rows are one load. ALIGNED_Y: out_channels and
// out_channels / groups are, so that four columns are. Twin: cpu() in conv2d_backward_weight.ts.

override R: u32 = 2; // 1 or 2
override ALIGNED_X: bool = true;
override ALIGNED_Y: bool = true;

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
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_weight: array<f32>;

var<workgroup> a_tile: array<vec4f, 512>; // [16 steps, 16·R vec4s of rows]
var<workgroup> b_tile: array<vec4f, 512>; // [16 steps, 16·R vec4s of columns]
// Constant indices only, which keeps these in registers: hence helpers called four times instead of loops.
var<private> next: array<vec4f, 4>; // this invocation's part of the next block
var<private> sum: array<vec4f, 16>; // [8 rows, 2 vec4s of columns]
var<private> steps: u32; // pixels of the share
var<private> start: u32; // its first pixel
var<private> rows: u32; // inputs of a window
var<private> first_row: u32; // of the tile
var<private> first_x: u32; // the group's first input channel
var<private> first_y: u32; // the tile's first output channel

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

// Address in x of input `row` of the window of a pixel, or NOWHERE.
fn input_of(row: u32, step: u32) -> u32 {
  let inputs = params.in_channels / params.groups;
  let tap = row / inputs;
  let pixel = start + step;
  let line = pixel / params.out_width;
  let iy = line % params.out_height * params.stride + tap / params.kernel_width - params.padding;
  let ix = pixel % params.out_width * params.stride + tap % params.kernel_width - params.padding;
  if (step >= steps || row >= rows || iy >= params.in_height || ix >= params.in_width) { return NOWHERE; }
  let image = line / params.out_height * params.in_height;
  return ((image + iy) * params.in_width + ix) * params.in_channels + first_x + row % inputs;
}

fn one_of(row: u32, step: u32) -> f32 {
  let i = input_of(row, step);
  if (i == NOWHERE) { return 0.0; }
  return x[i / 4u][i % 4u];
}

// Four rows of four steps.
fn fetch_a_one(r: u32, part: u32, k0: u32) {
  let row = first_row + part % (16u * R) * 4u;
  let k = k0 + part / (16u * R) + 4u * r;
  if (ALIGNED_X) {
    let i = input_of(row, k);
    next[r] = select(x[i / 4u], vec4f(), i == NOWHERE);
  } else {
    var value = vec4f(); // in a loop: of four copies some compilers (Subzero) make minutes of work
    for (var e = 0u; e < 4u; e++) { value = vec4f(value.yzw, one_of(row + e, k)); }
    next[r] = value;
  }
}

fn fetch_a(part: u32, k0: u32) {
  fetch_a_one(0u, part, k0);
  fetch_a_one(1u, part, k0);
  fetch_a_one(2u, part, k0);
  fetch_a_one(3u, part, k0);
}

// Four columns of four steps.
fn fetch_b_one(r: u32, part: u32, k0: u32) {
  let k = k0 + part / (16u * R) + 4u * r;
  let j = (start + k) * params.out_channels + first_y + part % (16u * R) * 4u;
  var value = d_y[j / 4u];
  if (!ALIGNED_Y) { value = window(value, d_y[j / 4u + 1u], j % 4u); }
  next[r] = select(vec4f(), value, k < steps);
}

fn fetch_b(part: u32, k0: u32) {
  fetch_b_one(0u, part, k0);
  fetch_b_one(1u, part, k0);
  fetch_b_one(2u, part, k0);
  fetch_b_one(3u, part, k0);
}

fn put_a_one(r: u32, part: u32) {
  a_tile[part + 64u * R * r] = next[r];
}

fn put_a(part: u32) {
  put_a_one(0u, part);
  put_a_one(1u, part);
  put_a_one(2u, part);
  put_a_one(3u, part);
}

fn put_b_one(r: u32, part: u32) {
  b_tile[part + 64u * R * r] = next[r];
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

// Channels o to o + 3 of the row at address `at`.
fn store_four(at: u32, o: u32, last: u32, value: vec4f) {
  if (o < last) { d_weight[at + o] = value.x; }
  if (o + 1u < last) { d_weight[at + o + 1u] = value.y; }
  if (o + 2u < last) { d_weight[at + o + 2u] = value.z; }
  if (o + 3u < last) { d_weight[at + o + 3u] = value.w; }
}

// A row of the tile, from channel o up to `last`.
fn store_row(row: u32, m: u32, split: u32, o: u32, last: u32) {
  if (m >= rows) { return; }
  let at = (split * rows + m) * params.out_channels;
  store_four(at, o, last, sum[2u * row]);
  if (R > 1u) { store_four(at, o + 64u, last, sum[2u * row + 1u]); }
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
  let split = group.z / params.groups;
  let part = lane % (64u * R);
  let carries_a = lane < 64u * R;
  let carries_b = !carries_a && lane < 128u * R;
  rows = params.kernel_height * params.kernel_width * inputs;
  first_row = group.x * 64u * R;
  first_x = channels * inputs;
  first_y = channels * outputs + group.y * 64u * R;
  let pixels = params.batch * params.out_height * params.out_width;
  let share = (pixels + params.splits - 1u) / params.splits;
  let begin = min(pixels, split * share);
  let count = min(pixels, begin + share) - begin;
  start = begin;
  steps = count;

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

  let o = first_y + 4u * local.x;
  store_row(0u, first_row + 4u * local.y, split, o, (channels + 1u) * outputs);
  store_row(1u, first_row + 4u * local.y + 1u, split, o, (channels + 1u) * outputs);
  store_row(2u, first_row + 4u * local.y + 2u, split, o, (channels + 1u) * outputs);
  store_row(3u, first_row + 4u * local.y + 3u, split, o, (channels + 1u) * outputs);
  if (R > 1u) {
    store_row(4u, first_row + 64u + 4u * local.y, split, o, (channels + 1u) * outputs);
    store_row(5u, first_row + 65u + 4u * local.y, split, o, (channels + 1u) * outputs);
    store_row(6u, first_row + 66u + 4u * local.y, split, o, (channels + 1u) * outputs);
    store_row(7u, first_row + 67u + 4u * local.y, split, o, (channels + 1u) * outputs);
  }
}
