// matmul_slices, for products with few tiles on real GPUs: c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c, then
// ReLU (relu is 1) or ReLU6 (2)
//
// a: rows of lda elements: [M, K], or [K, M] when TRANSPOSE_A
// b: rows of ldb elements: [K, N], or [N, K] when TRANSPOSE_B
// bias: [N], added to every row when use_bias is 1
// c: [M, N], rows of ldc elements
//
// One workgroup computes a small tile, 4·ROWS4 × 4·COLUMNS4 elements of c, so that a product of 32 rows still makes
// enough workgroups for a card. Its 256 invocations split K between them: ROWS4 · COLUMNS4 make a slice, each with
// 4 × 4 sums of the tile over every 256 / (ROWS4 · COLUMNS4)-th step of K, and at the end the slices are added up in
// workgroup memory, in order: the same result each time. BLOCK steps of K lie in workgroup memory, k-major; the steps
// 4k + r of a block are kept at r · BLOCK / 4 + k, and rows are a vec4 longer than need be, so that neighbours write
// to different banks. While a block is multiplied the next one is already on its way into registers.
//
// ALIGNED: the offsets, row lengths and strides of a and b are multiples of 4, so that a vec4 is one load; else it
// is put together from two. (ROWS4 + COLUMNS4 + 2) · BLOCK is at most 1024, and BLOCK a multiple of 4 and of the
// slices. Twin: cpu() in matmul.ts.

override ROWS4: u32 = 4;
override COLUMNS4: u32 = 4;
override BLOCK: u32 = 96;
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override ALIGNED: bool = true;

const RELU6 = 2u; // of params.relu; 1 is ReLU, 0 neither

struct Params {
  M: u32,
  N: u32,
  K: u32,
  batch: u32,
  lda: u32,
  ldb: u32,
  ldc: u32,
  offset_a: u32,
  offset_b: u32,
  offset_c: u32,
  stride_a: u32,
  stride_b: u32,
  stride_c: u32,
  transpose_a: u32,
  transpose_b: u32,
  beta: u32,
  use_bias: u32,
  relu: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

// First [BLOCK steps of K, ROWS4 + 1] of a and [BLOCK, COLUMNS4 + 1] of b, then [4, 256 invocations] of sums.
var<workgroup> tile: array<vec4f, 1024>;
// Constant indices only, which keeps these in registers: hence helpers called four times instead of loops.
var<private> next: array<vec4f, 4>; // this invocation's part of the next block
var<private> sum: array<vec4f, 4>; // of four rows

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

// a[i], a[i + 1], a[i + 2], a[i + 3]
fn load_a(i: u32) -> vec4f {
  if (ALIGNED) { return a[i / 4u]; }
  return window(a[i / 4u], a[i / 4u + 1u], i % 4u);
}

// The same of b.
fn load_b(j: u32) -> vec4f {
  if (ALIGNED) { return b[j / 4u]; }
  return window(b[j / 4u], b[j / 4u + 1u], j % 4u);
}

// Stored along K, an invocation carries 4 rows × 4 steps and turns them; stored along the rows, a vec4 of each of 4
// steps. Beyond K everything is zero.
fn fetch_a(r: u32, first: u32, m: u32, k: u32) {
  if (TRANSPOSE_A) {
    next[r] = select(vec4f(), load_a(first + (k + r) * params.lda + m), k + r < params.K);
  } else {
    let inside = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(params.K);
    next[r] = select(vec4f(), load_a(first + (m + r) * params.lda + k), inside);
  }
}

fn fetch_b(r: u32, first: u32, n: u32, k: u32) {
  if (TRANSPOSE_B) {
    let inside = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(params.K);
    next[r] = select(vec4f(), load_b(first + (n + r) * params.ldb + k), inside);
  } else {
    next[r] = select(vec4f(), load_b(first + (k + r) * params.ldb + n), k + r < params.K);
  }
}

// One step of K of what was fetched, `along` K or not.
fn put(r: u32, along: bool, at: u32) {
  tile[at] = select(next[r], vec4f(next[0][r], next[1][r], next[2][r], next[3][r]), along);
}

fn store(at: u32, n: u32, value: f32) {
  if (n >= params.N) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += bias[n]; }
  if (params.beta == 1u) { total += c[at]; }
  if (params.relu > 0u) { total = select(total, 0.0, total < 0.0); } // NaN stays NaN
  if (params.relu == RELU6) { total = select(total, 6.0, total > 6.0); }
  c[at] = total;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m0 = group.y * 4u * ROWS4;
  let n0 = group.x * 4u * COLUMNS4;
  let first_a = params.offset_a + group.z * params.stride_a;
  let first_b = params.offset_b + group.z * params.stride_b;
  let quarter = BLOCK / 4u;
  let a_pitch = ROWS4 + 1u;
  let b_pitch = COLUMNS4 + 1u;
  let b_tile = BLOCK * a_pitch;

  // The first invocations carry a, the next ones b.
  let carries_a = lane < ROWS4 * quarter;
  let carries_b = !carries_a && lane < (ROWS4 + COLUMNS4) * quarter;
  let part = select(lane - ROWS4 * quarter, lane, carries_a);
  let along = select(TRANSPOSE_B, !TRANSPOSE_A, carries_a);
  let width = select(COLUMNS4, ROWS4, carries_a);
  let k4 = select(part / width, part % quarter, along);
  let x4 = select(part % width, part / quarter, along);
  let put_at = select(b_tile, 0u, carries_a) + k4 * (width + 1u) + x4;
  let put_step = quarter * (width + 1u);
  let m_carried = m0 + 4u * x4;
  let n_carried = n0 + 4u * x4;

  // What it multiplies.
  let slice_size = ROWS4 * COLUMNS4;
  let slices = 256u / slice_size;
  let slice = lane / slice_size;
  let row4 = lane % slice_size / COLUMNS4;
  let column4 = lane % COLUMNS4;

  let blocks = (params.K + BLOCK - 1u) / BLOCK;
  for (var block = 0u; block <= blocks; block++) { // loads one block and multiplies the one before
    if (block > 0u) {
      workgroupBarrier(); // the block before is done with
      if (carries_a || carries_b) {
        put(0u, along, put_at);
        put(1u, along, put_at + put_step);
        put(2u, along, put_at + 2u * put_step);
        put(3u, along, put_at + 3u * put_step);
      }
      workgroupBarrier();
    }
    let k = block * BLOCK + 4u * k4;
    if (carries_a && block < blocks) {
      fetch_a(0u, first_a, m_carried, k);
      fetch_a(1u, first_a, m_carried, k);
      fetch_a(2u, first_a, m_carried, k);
      fetch_a(3u, first_a, m_carried, k);
    }
    if (carries_b && block < blocks) {
      fetch_b(0u, first_b, n_carried, k);
      fetch_b(1u, first_b, n_carried, k);
      fetch_b(2u, first_b, n_carried, k);
      fetch_b(3u, first_b, n_carried, k);
    }
    if (block > 0u) {
      for (var i = 0u; i < BLOCK / slices; i++) { // a constant number of times
        let step = slice + i * slices;
        let x = tile[step * a_pitch + row4];
        let y = tile[b_tile + step * b_pitch + column4];
        sum[0] = fma(vec4f(x.x), y, sum[0]);
        sum[1] = fma(vec4f(x.y), y, sum[1]);
        sum[2] = fma(vec4f(x.z), y, sum[2]);
        sum[3] = fma(vec4f(x.w), y, sum[3]);
      }
    }
  }

  workgroupBarrier();
  tile[lane] = sum[0];
  tile[256u + lane] = sum[1];
  tile[512u + lane] = sum[2];
  tile[768u + lane] = sum[3];
  workgroupBarrier();
  if (lane >= 4u * slice_size) { return; }
  let place = lane % slice_size;
  let row = lane / slice_size; // of the four
  var total = vec4f();
  for (var s = 0u; s < slices; s++) { total += tile[256u * row + s * slice_size + place]; }
  let m = m0 + place / COLUMNS4 * 4u + row;
  let n = n0 + place % COLUMNS4 * 4u;
  if (m >= params.M) { return; }
  let at = params.offset_c + group.z * params.stride_c + m * params.ldc + n;
  store(at, n, total.x);
  store(at + 1u, n + 1u, total.y);
  store(at + 2u, n + 2u, total.z);
  store(at + 3u, n + 3u, total.w);
}
