// matmul, for small products: c[M, N] = op(a)[M, K] · op(b)[K, N] + bias[N] + beta · c, then ReLU (relu is 1) or ReLU6 (2)
//
// a: rows of lda elements: [M, K], or [K, M] when transpose_a is 1
// b: rows of ldb elements: [K, N], or [N, K] when transpose_b is 1
// bias: [N], added to every row when use_bias is 1
// c: [M, N], rows of ldc elements
//
// One workgroup computes a tile of 16 × 16 elements of c, one invocation one of them. Both matrices come through
// workgroup memory in blocks of 16 steps of K, so that each element is loaded once for 16 products.
// Twin: cpu() in matmul.ts. Larger products: matmul_workgroup.wgsl and matmul_slices.wgsl; software adapters:
// matmul_registers.wgsl.

const TILE = 16u;
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

var<workgroup> a_tile: array<array<f32, 17>, 16>; // [rows, steps of K]; one more spreads the banks
var<workgroup> b_tile: array<array<f32, 17>, 16>; // [columns, steps of K]

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let m0 = group.y * TILE;
  let n0 = group.x * TILE;
  let first_a = params.offset_a + group.z * params.stride_a;
  let first_b = params.offset_b + group.z * params.stride_b;
  let m = m0 + local.y;
  let n = n0 + local.x;
  var sum = 0.0;
  for (var k0 = 0u; k0 < params.K; k0 += TILE) {
    // Neighbours in x load neighbours in memory, whichever way the matrix is stored.
    var value = 0.0;
    if (params.transpose_a == 1u) {
      if (m0 + local.x < params.M && k0 + local.y < params.K) {
        value = a[first_a + (k0 + local.y) * params.lda + m0 + local.x];
      }
      a_tile[local.x][local.y] = value;
    } else {
      if (m < params.M && k0 + local.x < params.K) { value = a[first_a + m * params.lda + k0 + local.x]; }
      a_tile[local.y][local.x] = value;
    }
    value = 0.0;
    if (params.transpose_b == 1u) {
      if (n0 + local.y < params.N && k0 + local.x < params.K) {
        value = b[first_b + (n0 + local.y) * params.ldb + k0 + local.x];
      }
      b_tile[local.y][local.x] = value;
    } else {
      if (n < params.N && k0 + local.y < params.K) { value = b[first_b + (k0 + local.y) * params.ldb + n]; }
      b_tile[local.x][local.y] = value;
    }
    workgroupBarrier();
    for (var k = 0u; k < TILE; k++) { sum = fma(a_tile[local.y][k], b_tile[local.x][k], sum); }
    workgroupBarrier();
  }
  if (m >= params.M || n >= params.N) { return; }
  let at = params.offset_c + group.z * params.stride_c + m * params.ldc + n;
  if (params.use_bias == 1u) { sum += bias[n]; }
  if (params.beta == 1u) { sum += c[at]; }
  if (params.relu > 0u) { sum = select(sum, 0.0, sum < 0.0); } // NaN stays NaN
  if (params.relu == RELU6) { sum = select(sum, 6.0, sum > 6.0); }
  c[at] = sum;
}
