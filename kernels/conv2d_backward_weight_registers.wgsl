// conv2d_backward_weight, for software adapters: d_weight = Σ over pixels of (inputs of the pixel) · (d_y there)
//
// x: [batch, in_height, in_width, in_channels]
// d_y: [batch, out_height, out_width, out_channels]
// d_weight: [splits, kernel_height, kernel_width, in_channels / groups, out_channels]: sums over shares of the pixels
//
// In one row of a window the taps and their channels follow one another in x and in d_weight alike: with one group
// they are one run of kernel_width · in_channels inputs, with several a run is one tap. One invocation computes ROWS
// inputs of a run × (4 · CHANNELS4) channels of one share in registers, two pixels at a time. Of the 8 invocations of
// a workgroup LANES lie side by side along the channels, the others along the inputs; see matmul_registers.wgsl for
// the reasons. The order of every sum is fixed: the same gradient each time.
//
// ALIGNED_X: in_channels / groups is a multiple of 4, so that a vec4 is one load; else it is put together from two.
// ALIGNED_Y: the same of out_channels / groups, for d_y and d_weight. Twin: cpu() in conv2d_backward_weight.ts.

override ROWS: u32 = 16; // 8 or 16
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
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> d_y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> d_weight: array<vec4f>;

// All indices into these are constants once the functions are inlined, which keeps them in registers.
var<private> sum: array<vec4f, 64>; // [16 inputs, 4]
var<private> inputs_at: array<vec4f, 8>; // [2 pixels, 16 inputs]
var<private> outputs_at: array<vec4f, 8>; // [2 pixels, 16 channels of d_y]

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

fn load_d_y(j: u32) -> vec4f {
  if (ALIGNED_Y) { return d_y[j / 4u]; }
  return window(d_y[j / 4u], d_y[j / 4u + 1u], j % 4u);
}

// Four inputs that begin at input i of the row of x at address `row`, or zeros outside the image.
fn load_inputs(at: u32, row: i32, i: u32, inside: bool) {
  let width = params.in_width * params.in_channels;
  let value = load_x(row + i32(i));
  if (ALIGNED_X) {
    inputs_at[at] = select(vec4f(), value, inside && i < width); // below zero is above everything
  } else {
    let real = vec4u(i, i + 1u, i + 2u, i + 3u) < vec4u(width);
    inputs_at[at] = select(vec4f(), value, real & vec4<bool>(inside));
  }
}

// Pixel (x, y, image): its inputs from `offset` in the run of window row ky, its channels of d_y from address j.
fn load_pixel(step: u32, pixel: vec3u, ky: u32, offset: u32, j: u32, inside: bool) {
  let iy = pixel.y * params.stride + ky - params.padding;
  let row = i32((pixel.z * params.in_height + iy) * params.in_width * params.in_channels);
  let i = (pixel.x * params.stride - params.padding) * params.in_channels + offset;
  let real = inside && iy < params.in_height;
  load_inputs(4u * step, row, i, real);
  load_inputs(4u * step + 1u, row, i + 4u, real);
  if (ROWS > 8u) {
    load_inputs(4u * step + 2u, row, i + 8u, real);
    load_inputs(4u * step + 3u, row, i + 12u, real);
  }
  outputs_at[4u * step] = select(vec4f(), load_d_y(j), inside);
  outputs_at[4u * step + 1u] = select(vec4f(), load_d_y(j + 4u), inside);
  if (CHANNELS4 == 4u) {
    outputs_at[4u * step + 2u] = select(vec4f(), load_d_y(j + 8u), inside);
    outputs_at[4u * step + 3u] = select(vec4f(), load_d_y(j + 12u), inside);
  }
}

fn next_pixel(pixel: vec3u) -> vec3u {
  var after = vec3u(pixel.x + 1u, pixel.yz);
  if (after.x == params.out_width) { after = vec3u(0u, pixel.y + 1u, pixel.z); }
  if (after.y == params.out_height) { after = vec3u(after.x, 0u, pixel.z + 1u); }
  return after;
}

fn add(m: u32, v: u32, first: f32, second: f32) {
  let total = fma(vec4f(first), outputs_at[v], sum[4u * m + v]);
  sum[4u * m + v] = fma(vec4f(second), outputs_at[4u + v], total);
}

fn add_row(m: u32, first: f32, second: f32) {
  add(m, 0u, first, second);
  add(m, 1u, first, second);
  if (CHANNELS4 == 4u) {
    add(m, 2u, first, second);
    add(m, 3u, first, second);
  }
}

// Both pixels, four inputs.
fn add_four_rows(q: u32) {
  let first = inputs_at[q];
  let second = inputs_at[4u + q];
  add_row(4u * q, first.x, second.x);
  add_row(4u * q + 1u, first.y, second.y);
  add_row(4u * q + 2u, first.z, second.z);
  add_row(4u * q + 3u, first.w, second.w);
}

fn store_four(at: u32, o: u32, outputs: u32, value: vec4f) {
  if (o >= outputs) { return; }
  if (ALIGNED_Y) {
    d_weight[at / 4u] = value;
    return;
  }
  d_weight[at / 4u][at % 4u] = value.x;
  if (o + 1u < outputs) { d_weight[(at + 1u) / 4u][(at + 1u) % 4u] = value.y; }
  if (o + 2u < outputs) { d_weight[(at + 2u) / 4u][(at + 2u) % 4u] = value.z; }
  if (o + 3u < outputs) { d_weight[(at + 3u) / 4u][(at + 3u) % 4u] = value.w; }
}

// Row r of the tile at address `at`, from channel o of its group.
fn store_row(r: u32, at: u32, o: u32, outputs: u32) {
  store_four(at, o, outputs, sum[4u * r]);
  store_four(at + 4u, o + 4u, outputs, sum[4u * r + 1u]);
  if (CHANNELS4 == 4u) {
    store_four(at + 8u, o + 8u, outputs, sum[4u * r + 2u]);
    store_four(at + 12u, o + 12u, outputs, sum[4u * r + 3u]);
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
  let channels = group.z % params.groups; // which group of channels
  let split = group.z / params.groups;
  let runs = select(params.kernel_width, 1u, params.groups == 1u); // in one row of the window
  let length = params.kernel_width / runs * inputs;
  let tiles = (length + ROWS - 1u) / ROWS; // in one run
  let tile = group.x * (8u / LANES) + lane / LANES;
  let run = tile / tiles;
  let first = tile % tiles * ROWS; // in the run
  let o = (group.y * LANES + lane % LANES) * CHANNELS4 * 4u; // within the group of channels
  if (run >= params.kernel_height * runs || o >= outputs) { return; }

  let ky = run / runs;
  let offset = run % runs * params.in_channels + channels * inputs + first;
  let pixels = params.batch * params.out_height * params.out_width;
  let share = (pixels + params.splits - 1u) / params.splits;
  let start = split * share;
  let line = start / params.out_width;
  var pixel = vec3u(start % params.out_width, line % params.out_height, line / params.out_height);
  var j = start * params.out_channels + channels * outputs + o;
  for (var p = start; p < min(pixels, start + share); p += 2u) {
    load_pixel(0u, pixel, ky, offset, j, true);
    pixel = next_pixel(pixel);
    load_pixel(1u, pixel, ky, offset, j + params.out_channels, p + 1u < min(pixels, start + share));
    pixel = next_pixel(pixel);
    j += 2u * params.out_channels;
    add_four_rows(0u);
    add_four_rows(1u);
    if (ROWS > 8u) {
      add_four_rows(2u);
      add_four_rows(3u);
    }
  }

  let rows = params.kernel_height * params.kernel_width * inputs;
  let at = (split * rows + run * length) * params.out_channels + channels * outputs + o;
  for (var m = first; m < first + ROWS; m += 4u) {
    if (m < length) { store_row(0u, at + m * params.out_channels, o, outputs); }
    if (m + 1u < length) { store_row(1u, at + (m + 1u) * params.out_channels, o, outputs); }
    if (m + 2u < length) { store_row(2u, at + (m + 2u) * params.out_channels, o, outputs); }
    if (m + 3u < length) { store_row(3u, at + (m + 3u) * params.out_channels, o, outputs); }
    shift_rows();
  }
}
