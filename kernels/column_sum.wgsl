// column_sum: y[b, r, n] = scale · Σ_k x_b[r + k · shares, n] (+ y[b, r, n] where beta is 1)
//
// x: `batch` matrices [M, N]; element (b, m, n) is x[offset + b · stride + m · ld + n]
// y: [batch, shares, N]; with one share, the sums of whole columns
//
// One invocation owns one element of y and walks down its column: neighbours read neighbours. It adds up blocks of
// BLOCK rows and then the blocks, so that the rounding error grows with M / BLOCK and not with M. A long column
// is split into shares, which a second run adds up.
// Twin: cpu() of columnSumKernel in column_sum.ts.

override WORKGROUP: u32 = 64;

struct Params {
  batch: u32,
  M: u32,
  N: u32,
  ld: u32,
  offset: u32,
  stride: u32,
  shares: u32,
  beta: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const BLOCK = 32u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.batch * params.shares * params.N) { return; }
  let n = i % params.N;
  let r = (i / params.N) % params.shares;
  let first = params.offset + i / (params.N * params.shares) * params.stride + n;
  var sum = 0.0;
  for (var start = r; start < params.M; start += BLOCK * params.shares) {
    let end = min(start + BLOCK * params.shares, params.M);
    var block = 0.0;
    for (var m = start; m < end; m += params.shares) { block += x[first + m * params.ld]; }
    sum += block;
  }
  sum *= params.scale;
  if (params.beta == 1) { sum += y[i]; }
  y[i] = sum;
}
