// conv2d, for real GPUs: y = x ⋆ weight + bias, then ReLU (relu is 1) or ReLU6 (2)
//
// x: [batch, in_height, in_width, in_channels]
// weight: [kernel_height, kernel_width, in_channels / groups, out_channels]
// bias: [out_channels], added when use_bias is 1
// y: [batch, out_height, out_width, out_channels]
//
// A matrix product without the matrix: rows are pixels of y, columns its channels, and a step is one input of a
// window, in the order of weight. Each group of channels is a product of its own.
// One workgroup of 16 × 16 invocations computes a tile of 64·R × 64·R, one invocation 4·R × 4·R of it in registers.
// Blocks of 16 steps lie in workgroup memory, and while one is multiplied the next is already on its way into
// registers, as in matmul_workgroup.wgsl. The first 64·R invocations carry x, the next ones weight.
//
// ALIGNED_X: in_channels / groups is a multiple of 4, so that four steps are one load. ALIGNED_Y: out_channels and
// out_channels / groups are, so that four columns are. Twin: cpu() in conv2d.ts.

override R: u32 = 2; // 1 or 2
override ALIGNED_X: bool = true;
override ALIGNED_Y: bool = true;

const BLOCK = 16u; // steps
const NOWHERE = 0xffffffffu;
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
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

var<workgroup> a_tile: array<vec4f, 512>; // [16 steps, 16·R vec4s of rows]
var<workgroup> b_tile: array<vec4f, 512>; // [16 steps, 16·R vec4s of columns]
// Constant indices only, which keeps these in registers: hence helpers called four times instead of loops.
var<private> next: array<vec4f, 4>; // this invocation's part of the next block
var<private> sum: array<vec4f, 16>; // [8 rows, 2 vec4s of columns]
var<private> top: vec4u; // first input row of the four pixels that this invocation carries
var<private> left: vec4u; // first input column
var<private> image: vec4u; // rows of the images before
var<private> steps: u32; // inputs of a window
var<private> first_x: u32; // the group's first input channel
var<private> first_y: u32; // the tile's first output channel

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

// Input `step` of the window of pixel r: its address in x, or NOWHERE.
fn input_of(r: u32, step: u32) -> u32 {
  let inputs = params.in_channels / params.groups;
  let tap = step / inputs;
  let iy = top[r] + tap / params.kernel_width;
  let ix = left[r] + tap % params.kernel_width;
  if (step >= steps || iy >= params.in_height || ix >= params.in_width) { return NOWHERE; }
  return ((image[r] + iy) * params.in_width + ix) * params.in_channels + first_x + step % inputs;
}

fn one_of(r: u32, step: u32) -> f32 {
  let i = input_of(r, step);
  if (i == NOWHERE) { return 0.0; }
  return x[i / 4u][i % 4u];
}

// Four pixels, four steps.
fn fetch_a_one(r: u32, part: u32, k0: u32) {
  let k = k0 + part % 4u * 4u;
  if (ALIGNED_X) {
    let i = input_of(r, k);
    next[r] = select(x[i / 4u], vec4f(), i == NOWHERE);
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

// Four columns of four steps.
fn fetch_b_one(r: u32, part: u32, k0: u32) {
  let k = k0 + part / (16u * R) + 4u * r;
  let j = k * params.out_channels + first_y + part % (16u * R) * 4u;
  var value = weight[j / 4u];
  if (!ALIGNED_Y) { value = window(value, weight[j / 4u + 1u], j % 4u); }
  next[r] = select(vec4f(), value, k < steps);
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

fn store(at: u32, o: u32, last: u32, value: f32) {
  if (o >= last) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += bias[o]; }
  if (params.relu > 0u) { total = select(total, 0.0, total < 0.0); } // NaN stays NaN
  if (params.relu == RELU6) { total = select(total, 6.0, total > 6.0); }
  y[at + o] = total;
}

fn store_four(at: u32, o: u32, last: u32, value: vec4f) {
  store(at, o, last, value.x);
  store(at, o + 1u, last, value.y);
  store(at, o + 2u, last, value.z);
  store(at, o + 3u, last, value.w);
}

// A row of the tile: one pixel, from channel o up to `last`.
fn store_row(row: u32, pixel: u32, o: u32, last: u32) {
  if (pixel >= params.batch * params.out_height * params.out_width) { return; }
  let at = pixel * params.out_channels;
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
  let part = lane % (64u * R);
  let carries_a = lane < 64u * R;
  let carries_b = !carries_a && lane < 128u * R;
  let count = params.kernel_height * params.kernel_width * inputs;
  steps = count;
  first_x = group.z * inputs;
  first_y = group.z * outputs + group.y * 64u * R;
  let pixels = group.x * 64u * R;

  let pixel = vec4u(pixels + part / 4u * 4u) + vec4u(0u, 1u, 2u, 3u);
  let line = pixel / params.out_width;
  left = pixel % params.out_width * params.stride - params.padding; // below zero is above everything
  top = line % params.out_height * params.stride - params.padding;
  image = line / params.out_height * params.in_height;

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
  store_row(0u, pixels + 4u * local.y, o, (group.z + 1u) * outputs);
  store_row(1u, pixels + 4u * local.y + 1u, o, (group.z + 1u) * outputs);
  store_row(2u, pixels + 4u * local.y + 2u, o, (group.z + 1u) * outputs);
  store_row(3u, pixels + 4u * local.y + 3u, o, (group.z + 1u) * outputs);
  if (R > 1u) {
    store_row(4u, pixels + 64u + 4u * local.y, o, (group.z + 1u) * outputs);
    store_row(5u, pixels + 65u + 4u * local.y, o, (group.z + 1u) * outputs);
    store_row(6u, pixels + 66u + 4u * local.y, o, (group.z + 1u) * outputs);
    store_row(7u, pixels + 67u + 4u * local.y, o, (group.z + 1u) * outputs);
  }
}
