// matmul, for software adapters: c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c, then ReLU (relu is 1) or ReLU6 (2)
//
// a: rows of lda elements: [M, K], or [K, M] when TRANSPOSE_A
// b: rows of ldb elements: [K, N], or [N, K] when TRANSPOSE_B
// bias: [N], added to every row when use_bias is 1
// c: [M, N], rows of ldc elements
//
// One invocation computes ROWS × (4 · COLUMNS4) elements of c in registers, four steps of K at a time. The 8
// invocations of a workgroup lie side by side along N; workgroups next to each other lie along M, so that a panel
// of b stays in the cache. Nothing is shared and there are no barriers: where a CPU plays the GPU, arithmetic is
// cheap, every load is a loop over the lanes, and a vec4 costs little more than a scalar.
//
// ALIGNED_A: K and the offset, row length and stride of a are multiples of 4, so that a vec4 is one load; else it
// is put together from two. ALIGNED_B likewise. ALIGNED_C: the same of c, and N instead of K; else c is written
// one component at a time. Twin: cpu() in matmul.ts.

override ROWS: u32 = 16; // 4, 8 or 16
override COLUMNS4: u32 = 4; // 2 or 4
override TRANSPOSE_A: bool = false;
override TRANSPOSE_B: bool = false;
override ALIGNED_A: bool = true;
override ALIGNED_B: bool = true;
override ALIGNED_C: bool = true;

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
@group(0) @binding(4) var<storage, read_write> c: array<vec4f>;

// All indices into these are constants once the functions are inlined, which keeps them in registers. Loops
// over the rows of the tile would not be unrolled: hence the helpers that do four at a time.
var<private> sum: array<vec4f, 64>; // [16 rows, 4]
var<private> b_tile: array<vec4f, 16>; // [4 steps of K, 4]
var<private> inside: vec4<bool>; // which of the four steps are below K
var<private> first_c: u32; // address of c[0, 0]

// The four elements that begin `shift` elements into low.
fn window(low: vec4f, high: vec4f, shift: u32) -> vec4f {
  let two = (shift & 2u) != 0u;
  let first = select(low, vec4f(low.zw, high.xy), two);
  let last = select(high.x, high.z, two);
  return select(first, vec4f(first.yzw, last), (shift & 1u) != 0u);
}

// a[i], a[i + 1], a[i + 2], a[i + 3]
fn load_a(i: u32) -> vec4f {
  if (ALIGNED_A) { return a[i / 4u]; }
  return window(a[i / 4u], a[i / 4u + 1u], i % 4u);
}

// The same of b.
fn load_b(j: u32) -> vec4f {
  if (ALIGNED_B) { return b[j / 4u]; }
  return window(b[j / 4u], b[j / 4u + 1u], j % 4u);
}

// One row of b, or nothing beyond K, whatever the memory there holds.
fn load_b_row(step: u32, j: u32) {
  let at = 4u * step;
  if (ALIGNED_B) {
    b_tile[at] = select(vec4f(), b[j / 4u], inside[step]);
    b_tile[at + 1u] = select(vec4f(), b[j / 4u + 1u], inside[step]);
    if (COLUMNS4 == 4u) {
      b_tile[at + 2u] = select(vec4f(), b[j / 4u + 2u], inside[step]);
      b_tile[at + 3u] = select(vec4f(), b[j / 4u + 3u], inside[step]);
    }
    return;
  }
  let shift = j % 4u;
  let p = select(vec4f(), b[j / 4u], inside[step]);
  let q = select(vec4f(), b[j / 4u + 1u], inside[step]);
  let r = select(vec4f(), b[j / 4u + 2u], inside[step]);
  b_tile[at] = window(p, q, shift);
  b_tile[at + 1u] = window(q, r, shift);
  if (COLUMNS4 == 4u) {
    let s = select(vec4f(), b[j / 4u + 3u], inside[step]);
    let t = select(vec4f(), b[j / 4u + 4u], inside[step]);
    b_tile[at + 2u] = window(r, s, shift);
    b_tile[at + 3u] = window(s, t, shift);
  }
}

// Four columns of op(b) from four rows of b stored transposed.
fn load_b_columns(v: u32, j: u32) {
  let p = select(vec4f(), load_b(j), inside);
  let q = select(vec4f(), load_b(j + params.ldb), inside);
  let r = select(vec4f(), load_b(j + 2u * params.ldb), inside);
  let s = select(vec4f(), load_b(j + 3u * params.ldb), inside);
  b_tile[v] = vec4f(p.x, q.x, r.x, s.x);
  b_tile[4u + v] = vec4f(p.y, q.y, r.y, s.y);
  b_tile[8u + v] = vec4f(p.z, q.z, r.z, s.z);
  b_tile[12u + v] = vec4f(p.w, q.w, r.w, s.w);
}

fn load_b_tile(j: u32) {
  if (TRANSPOSE_B) {
    load_b_columns(0u, j);
    load_b_columns(1u, j + 4u * params.ldb);
    if (COLUMNS4 == 4u) {
      load_b_columns(2u, j + 8u * params.ldb);
      load_b_columns(3u, j + 12u * params.ldb);
    }
    return;
  }
  load_b_row(0u, j);
  load_b_row(1u, j + params.ldb);
  if (!TRANSPOSE_A) {
    load_b_row(2u, j + 2u * params.ldb);
    load_b_row(3u, j + 3u * params.ldb);
  }
}

// Four sums of row m, each touched once for all its steps.
fn add(m: u32, v: u32, x: vec4f) {
  var total = fma(vec4f(x.x), b_tile[v], sum[4u * m + v]);
  total = fma(vec4f(x.y), b_tile[4u + v], total);
  if (!TRANSPOSE_A || TRANSPOSE_B) {
    total = fma(vec4f(x.z), b_tile[8u + v], total);
    total = fma(vec4f(x.w), b_tile[12u + v], total);
  }
  sum[4u * m + v] = total;
}

fn add_row(m: u32, x: vec4f) {
  add(m, 0u, x);
  add(m, 1u, x);
  if (COLUMNS4 == 4u) {
    add(m, 2u, x);
    add(m, 3u, x);
  }
}

fn add_four_rows(m: u32, first: u32) {
  if (!TRANSPOSE_A) {
    let i = first + m * params.lda;
    add_row(m, select(vec4f(), load_a(i), inside));
    add_row(m + 1u, select(vec4f(), load_a(i + params.lda), inside));
    add_row(m + 2u, select(vec4f(), load_a(i + 2u * params.lda), inside));
    add_row(m + 3u, select(vec4f(), load_a(i + 3u * params.lda), inside));
    return;
  }
  let i = first + m;
  let p = load_a(i);
  let q = select(vec4f(), load_a(i + params.lda), inside.y);
  var r = vec4f();
  var s = vec4f();
  if (TRANSPOSE_B) {
    r = select(vec4f(), load_a(i + 2u * params.lda), inside.z);
    s = select(vec4f(), load_a(i + 3u * params.lda), inside.w);
  }
  add_row(m, vec4f(p.x, q.x, r.x, s.x));
  add_row(m + 1u, vec4f(p.y, q.y, r.y, s.y));
  add_row(m + 2u, vec4f(p.z, q.z, r.z, s.z));
  add_row(m + 3u, vec4f(p.w, q.w, r.w, s.w));
}

fn store_one(at: u32, n: u32, value: f32) {
  if (n >= params.N) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += bias[n]; }
  if (params.beta == 1u) { total += c[at / 4u][at % 4u]; }
  if (params.relu > 0u) { total = select(total, 0.0, total < 0.0); } // NaN stays NaN
  if (params.relu == RELU6) { total = select(total, 6.0, total > 6.0); }
  c[at / 4u][at % 4u] = total;
}

fn store_four(at: u32, n: u32, value: vec4f) {
  if (!ALIGNED_C) {
    store_one(at, n, value.x);
    store_one(at + 1u, n + 1u, value.y);
    store_one(at + 2u, n + 2u, value.z);
    store_one(at + 3u, n + 3u, value.w);
    return;
  }
  if (n >= params.N) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += vec4f(bias[n], bias[n + 1u], bias[n + 2u], bias[n + 3u]); }
  if (params.beta == 1u) { total += c[at / 4u]; }
  if (params.relu > 0u) { total = select(total, vec4f(), total < vec4f()); } // NaN stays NaN
  if (params.relu == RELU6) { total = select(total, vec4f(6.0), total > vec4f(6.0)); }
  c[at / 4u] = total;
}

// Row r of the tile into row m + r of c, from column n.
fn store_row(r: u32, m: u32, n: u32) {
  if (m + r >= params.M) { return; }
  let at = first_c + (m + r) * params.ldc + n;
  store_four(at, n, sum[4u * r]);
  store_four(at + 4u, n + 4u, sum[4u * r + 1u]);
  if (COLUMNS4 == 4u) {
    store_four(at + 8u, n + 8u, sum[4u * r + 2u]);
    store_four(at + 12u, n + 12u, sum[4u * r + 3u]);
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
  let m0 = group.x * ROWS;
  let n0 = (group.y * 8u + lane) * COLUMNS4 * 4u;
  if (n0 >= params.N) { return; }
  let steps = select(4u, 2u, TRANSPOSE_A && !TRANSPOSE_B); // of K in one turn: code that fits the cache
  var i = params.offset_a + group.z * params.stride_a + m0 * select(params.lda, 1u, TRANSPOSE_A);
  var j = params.offset_b + group.z * params.stride_b + n0 * select(1u, params.ldb, TRANSPOSE_B);

  for (var k = 0u; k < params.K; k += steps) {
    inside = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(params.K);
    load_b_tile(j);
    add_four_rows(0u, i);
    if (ROWS > 4u) { add_four_rows(4u, i); }
    if (ROWS > 8u) {
      add_four_rows(8u, i);
      add_four_rows(12u, i);
    }
    i += steps * select(1u, params.lda, TRANSPOSE_A);
    j += steps * select(params.ldb, 1u, TRANSPOSE_B);
  }

  first_c = params.offset_c + group.z * params.stride_c;
  for (var m = m0; m < m0 + ROWS; m += 4u) {
    store_row(0u, m, n0);
    store_row(1u, m, n0);
    store_row(2u, m, n0);
    store_row(3u, m, n0);
    shift_rows();
  }
}
