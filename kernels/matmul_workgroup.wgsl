// matmul, for large products on real GPUs: c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c,
// then ReLU (relu is 1) or ReLU6 (2)
//
// a: rows of lda elements: [M, K], or [K, M] when TRANSPOSE_A
// b: rows of ldb elements: [K, N], or [N, K] when TRANSPOSE_B
// bias: [N], added to every row when use_bias is 1
// c: [M, N], rows of ldc elements
//
// One workgroup of 16 × 16 invocations computes a tile of 64·R × 64·R elements of c, one invocation 4·R × 4·R of
// them in registers: R vec4s of rows, 64 rows apart, and R vec4s of columns, 64 columns apart. Blocks of 16 steps
// of K lie in workgroup memory, k-major, so that a step of K is R loads of a vec4 from each for 16·R·R products.
// While a block is multiplied the next one is already on its way into registers. What is fetched along K arrives turned:
// neighbours write to different steps, so those keep their columns in orders that lie in different banks.
//
// ALIGNED: the offsets, row lengths and strides of a and b are multiples of 4, so that a vec4 is one load; else it
// is put together from two. Twin: cpu() in matmul.ts.

override R: u32 = 2; // 1 or 2
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override ALIGNED: bool = true;

const BLOCK = 16u; // steps of K
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

var<workgroup> a_tile: array<vec4f, 512>; // [16 steps of K, 16·R vec4s of rows]
var<workgroup> b_tile: array<vec4f, 512>; // [16 steps of K, 16·R vec4s of columns]
// Constant indices only, which keeps these in registers: hence helpers called four times instead of loops.
var<private> next: array<vec4f, 4>; // this invocation's part of the next block
var<private> sum: array<vec4f, 16>; // [8 rows, 2 vec4s of columns]

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

// The first 64·R invocations carry a, the next b. Stored along K ("rows"), one carries 4 rows × 4 steps and turns
// them; stored along the rows ("columns"), one carries a vec4 of each of 4 steps. Beyond K everything is zero.
fn fetch_a_one(r: u32, part: u32, first: u32, m0: u32, k0: u32) {
  if (TRANSPOSE_A) {
    let k = k0 + part / (16u * R) + 4u * r;
    next[r] = select(vec4f(), load_a(first + k * params.lda + m0 + part % (16u * R) * 4u), k < params.K);
    return;
  }
  let k = k0 + part % 4u * 4u;
  let inside = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(params.K);
  next[r] = select(vec4f(), load_a(first + (m0 + part / 4u * 4u + r) * params.lda + k), inside);
}

fn fetch_a(part: u32, first: u32, m0: u32, k0: u32) {
  fetch_a_one(0u, part, first, m0, k0);
  fetch_a_one(1u, part, first, m0, k0);
  fetch_a_one(2u, part, first, m0, k0);
  fetch_a_one(3u, part, first, m0, k0);
}

fn fetch_b_one(r: u32, part: u32, first: u32, n0: u32, k0: u32) {
  if (!TRANSPOSE_B) {
    let k = k0 + part / (16u * R) + 4u * r;
    next[r] = select(vec4f(), load_b(first + k * params.ldb + n0 + part % (16u * R) * 4u), k < params.K);
    return;
  }
  let k = k0 + part % 4u * 4u;
  let inside = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(params.K);
  next[r] = select(vec4f(), load_b(first + (n0 + part / 4u * 4u + r) * params.ldb + k), inside);
}

fn fetch_b(part: u32, first: u32, n0: u32, k0: u32) {
  fetch_b_one(0u, part, first, n0, k0);
  fetch_b_one(1u, part, first, n0, k0);
  fetch_b_one(2u, part, first, n0, k0);
  fetch_b_one(3u, part, first, n0, k0);
}

// One step of K of what was fetched along K.
fn turned(step: u32) -> vec4f {
  return vec4f(next[0][step], next[1][step], next[2][step], next[3][step]);
}

// What a column's number is combined with at a step, where it was fetched along K: for four neighbours' steps, 4 apart,
// this spreads two columns each over all eight places of a vec4 in the banks.
fn shuffle(step: u32, along: bool) -> u32 { return select(0u, step / 4u * 2u, along); }

fn put_a_one(r: u32, part: u32) {
  if (TRANSPOSE_A) {
    a_tile[part + 64u * R * r] = next[r];
  } else {
    let step = part % 4u * 4u + r;
    a_tile[step * 16u * R + ((part / 4u) ^ shuffle(step, true))] = turned(r);
  }
}

fn put_a(part: u32) {
  put_a_one(0u, part);
  put_a_one(1u, part);
  put_a_one(2u, part);
  put_a_one(3u, part);
}

fn put_b_one(r: u32, part: u32) {
  if (TRANSPOSE_B) {
    let step = part % 4u * 4u + r;
    b_tile[step * 16u * R + ((part / 4u) ^ shuffle(step, true))] = turned(r);
  } else {
    b_tile[part + 64u * R * r] = next[r];
  }
}

fn put_b(part: u32) {
  put_b_one(0u, part);
  put_b_one(1u, part);
  put_b_one(2u, part);
  put_b_one(3u, part);
}

// One step of K for four rows of the tile.
fn add_rows(row: u32, x: vec4f, p: vec4f, q: vec4f) {
  sum[2u * row] = fma(vec4f(x.x), p, sum[2u * row]);
  sum[2u * row + 2u] = fma(vec4f(x.y), p, sum[2u * row + 2u]);
  sum[2u * row + 4u] = fma(vec4f(x.z), p, sum[2u * row + 4u]);
  sum[2u * row + 6u] = fma(vec4f(x.w), p, sum[2u * row + 6u]);
  if (R > 1u) {
    sum[2u * row + 1u] = fma(vec4f(x.x), q, sum[2u * row + 1u]);
    sum[2u * row + 3u] = fma(vec4f(x.y), q, sum[2u * row + 3u]);
    sum[2u * row + 5u] = fma(vec4f(x.z), q, sum[2u * row + 5u]);
    sum[2u * row + 7u] = fma(vec4f(x.w), q, sum[2u * row + 7u]);
  }
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

fn store_four(at: u32, n: u32, value: vec4f) {
  store(at, n, value.x);
  store(at + 1u, n + 1u, value.y);
  store(at + 2u, n + 2u, value.z);
  store(at + 3u, n + 3u, value.w);
}

fn store_row(first: u32, m: u32, n: u32, row: u32) {
  if (m >= params.M) { return; }
  let at = first + m * params.ldc + n;
  store_four(at, n, sum[2u * row]);
  if (R > 1u) { store_four(at + 64u, n + 64u, sum[2u * row + 1u]); }
}

fn store_rows(first: u32, m: u32, n: u32, row: u32) {
  store_row(first, m, n, row);
  store_row(first, m + 1u, n, row + 1u);
  store_row(first, m + 2u, n, row + 2u);
  store_row(first, m + 3u, n, row + 3u);
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let m0 = group.y * 64u * R;
  let n0 = group.x * 64u * R;
  let first_a = params.offset_a + group.z * params.stride_a;
  let first_b = params.offset_b + group.z * params.stride_b;
  let part = lane % (64u * R);
  let carries_a = lane < 64u * R;
  let carries_b = !carries_a && lane < 128u * R;

  if (carries_a) { fetch_a(part, first_a, m0, 0u); }
  if (carries_b) { fetch_b(part, first_b, n0, 0u); }
  for (var k0 = 0u; k0 < params.K; k0 += BLOCK) {
    workgroupBarrier(); // the block before is done with
    if (carries_a) { put_a(part); }
    if (carries_b) { put_b(part); }
    workgroupBarrier();
    if (carries_a) { fetch_a(part, first_a, m0, k0 + BLOCK); }
    if (carries_b) { fetch_b(part, first_b, n0, k0 + BLOCK); }
    for (var k = 0u; k < BLOCK; k++) {
      let row4 = local.y ^ shuffle(k, !TRANSPOSE_A);
      let column4 = local.x ^ shuffle(k, TRANSPOSE_B);
      let p = b_tile[k * 16u * R + column4];
      var q = vec4f();
      if (R > 1u) { q = b_tile[k * 32u + 16u + column4]; }
      add_rows(0u, a_tile[k * 16u * R + row4], p, q);
      if (R > 1u) { add_rows(4u, a_tile[k * 32u + 16u + row4], p, q); }
    }
  }

  let first_c = params.offset_c + group.z * params.stride_c;
  store_rows(first_c, m0 + 4u * local.y, n0 + 4u * local.x, 0u);
  if (R > 1u) { store_rows(first_c, m0 + 64u + 4u * local.y, n0 + 4u * local.x, 4u); }
}
