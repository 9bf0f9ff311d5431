// matmul, for software adapters: c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c
//
// a: rows of lda elements: [M, K], or [K, M] when TRANSPOSE_A
// b: rows of ldb elements: [K, N], or [N, K] when TRANSPOSE_B
// bias: [N], added to every row when use_bias is 1
// c: [M, N], rows of ldc elements
//
// One invocation computes ROWS × (4 · COLUMNS4) elements of c in registers. The 8
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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<vec4f>;

// All indices into these are constants once the functions are inlined, which keeps them in registers. Loops over
// a tile would not be unrolled: hence the helpers that do four rows at a time.
var<private> sum: array<vec4f, 64>; // [16 rows, 4]
var<private> a_rows: array<vec4f, 16>; // [16 rows], four steps of K each, unless TRANSPOSE_A
var<private> b_columns: array<vec4f, 16>; // [16 columns], four steps of K each, if TRANSPOSE_B
var<private> b_row: array<vec4f, 4>; // 16 columns, the current step of K

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

// Rows m to m + 3 of op(a), four steps of K.
fn load_a_rows(m: u32, first: u32, inside: vec4<bool>) {
  let i = first + m * params.lda;
  a_rows[m] = select(vec4f(), load_a(i), inside);
  a_rows[m + 1u] = select(vec4f(), load_a(i + params.lda), inside);
  a_rows[m + 2u] = select(vec4f(), load_a(i + 2u * params.lda), inside);
  a_rows[m + 3u] = select(vec4f(), load_a(i + 3u * params.lda), inside);
}

// Columns n to n + 3 of op(b), four steps of K.
fn load_b_columns(n: u32, first: u32, inside: vec4<bool>) {
  let j = first + n * params.ldb;
  b_columns[n] = select(vec4f(), load_b(j), inside);
  b_columns[n + 1u] = select(vec4f(), load_b(j + params.ldb), inside);
  b_columns[n + 2u] = select(vec4f(), load_b(j + 2u * params.ldb), inside);
  b_columns[n + 3u] = select(vec4f(), load_b(j + 3u * params.ldb), inside);
}

fn pick_b(v: u32, step: u32) {
  let n = 4u * v;
  b_row[v] = vec4f(b_columns[n][step], b_columns[n + 1u][step], b_columns[n + 2u][step], b_columns[n + 3u][step]);
}

// One step of K of b: all columns of the tile.
fn load_b_row(j: u32) {
  let p = b[j / 4u];
  let q = b[j / 4u + 1u];
  if (ALIGNED_B) {
    b_row[0] = p;
    b_row[1] = q;
    if (COLUMNS4 == 4u) {
      b_row[2] = b[j / 4u + 2u];
      b_row[3] = b[j / 4u + 3u];
    }
    return;
  }
  let r = b[j / 4u + 2u];
  b_row[0] = window(p, q, j % 4u);
  b_row[1] = window(q, r, j % 4u);
  if (COLUMNS4 == 4u) {
    let s = b[j / 4u + 3u];
    b_row[2] = window(r, s, j % 4u);
    b_row[3] = window(s, b[j / 4u + 4u], j % 4u);
  }
}

fn add_row(m: u32, x: f32) {
  sum[4u * m] = fma(vec4f(x), b_row[0], sum[4u * m]);
  sum[4u * m + 1u] = fma(vec4f(x), b_row[1], sum[4u * m + 1u]);
  if (COLUMNS4 == 4u) {
    sum[4u * m + 2u] = fma(vec4f(x), b_row[2], sum[4u * m + 2u]);
    sum[4u * m + 3u] = fma(vec4f(x), b_row[3], sum[4u * m + 3u]);
  }
}

// One step of K of rows m to m + 3.
fn add_four_rows(m: u32, i: u32, step: u32) {
  var x: vec4f;
  if (TRANSPOSE_A) {
    x = load_a(i + m);
  } else {
    x = vec4f(a_rows[m][step], a_rows[m + 1u][step], a_rows[m + 2u][step], a_rows[m + 3u][step]);
  }
  add_row(m, x.x);
  add_row(m + 1u, x.y);
  add_row(m + 2u, x.z);
  add_row(m + 3u, x.w);
}

fn store_one(at: u32, n: u32, value: f32) {
  if (n >= params.N) { return; }
  var total = value;
  if (params.use_bias == 1u) { total += bias[n]; }
  if (params.beta == 1u) { total += c[at / 4u][at % 4u]; }
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
  c[at / 4u] = total;
}

// Row m of the tile, whose first element is (row 0, column n) of c at address `first`.
fn store_row(m: u32, m0: u32, n: u32, first: u32) {
  if (m0 + m >= params.M) { return; }
  let at = first + m * params.ldc;
  store_four(at, n, sum[4u * m]);
  store_four(at + 4u, n + 4u, sum[4u * m + 1u]);
  if (COLUMNS4 == 4u) {
    store_four(at + 8u, n + 8u, sum[4u * m + 2u]);
    store_four(at + 12u, n + 12u, sum[4u * m + 3u]);
  }
}

fn store_four_rows(m: u32, m0: u32, n: u32, first: u32) {
  store_row(m, m0, n, first);
  store_row(m + 1u, m0, n, first);
  store_row(m + 2u, m0, n, first);
  store_row(m + 3u, m0, n, first);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m0 = group.x * ROWS;
  let n0 = (group.y * 8u + lane) * COLUMNS4 * 4u;
  if (n0 >= params.N) { return; }
  var i = params.offset_a + group.z * params.stride_a + m0 * select(params.lda, 1u, TRANSPOSE_A);
  var j = params.offset_b + group.z * params.stride_b + n0 * select(1u, params.ldb, TRANSPOSE_B);

  for (var k = 0u; k < params.K; k += 4u) {
    let inside = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(params.K);
    if (!TRANSPOSE_A) {
      load_a_rows(0u, i, inside);
      if (ROWS > 4u) { load_a_rows(4u, i, inside); }
      if (ROWS > 8u) {
        load_a_rows(8u, i, inside);
        load_a_rows(12u, i, inside);
      }
      i += 4u;
    }
    if (TRANSPOSE_B) {
      load_b_columns(0u, j, inside);
      load_b_columns(4u, j, inside);
      if (COLUMNS4 == 4u) {
        load_b_columns(8u, j, inside);
        load_b_columns(12u, j, inside);
      }
      j += 4u;
    }
    let steps = min(4u, params.K - k);
    for (var step = 0u; step < steps; step++) {
      if (TRANSPOSE_B) {
        pick_b(0u, step);
        pick_b(1u, step);
        if (COLUMNS4 == 4u) {
          pick_b(2u, step);
          pick_b(3u, step);
        }
      } else {
        load_b_row(j);
        j += params.ldb;
      }
      add_four_rows(0u, i, step);
      if (ROWS > 4u) { add_four_rows(4u, i, step); }
      if (ROWS > 8u) {
        add_four_rows(8u, i, step);
        add_four_rows(12u, i, step);
      }
      if (TRANSPOSE_A) { i += params.lda; }
    }
  }

  let at = params.offset_c + group.z * params.stride_c + m0 * params.ldc + n0;
  store_four_rows(0u, m0, n0, at);
  if (ROWS > 4u) { store_four_rows(4u, m0, n0, at); }
  if (ROWS > 8u) {
    store_four_rows(8u, m0, n0, at);
    store_four_rows(12u, m0, n0, at);
  }
}
