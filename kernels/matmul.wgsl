// matmul: c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c, placeholder.
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let m = id.y;
  let n = id.x;
  if (m >= params.M || n >= params.N) { return; }
  var sum = 0.0;
  if (params.use_bias == 1u) { sum = bias[n]; }
  for (var k = 0u; k < params.K; k++) {
    let i = params.offset_a + id.z * params.stride_a + select(m * params.lda + k, k * params.lda + m, params.transpose_a == 1u);
    let j = params.offset_b + id.z * params.stride_b + select(k * params.ldb + n, n * params.ldb + k, params.transpose_b == 1u);
    sum += a[i] * b[j];
  }
  let at = params.offset_c + id.z * params.stride_c + m * params.ldc + n;
  if (params.beta == 1u) { sum += c[at]; }
  c[at] = sum;
}
