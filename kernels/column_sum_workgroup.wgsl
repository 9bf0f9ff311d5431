// column_sum_workgroup, for real GPUs: y[b, r, n] = scale · Σ_k x_b[r + k · shares, n] (+ y[b, r, n] where beta is 1)
//
// x: `batch` matrices [M, N]; element (b, m, n) is x[offset + b · stride + m · ld + n]
// y: [batch, shares, N]; with one share, the sums of whole columns
//
// One workgroup owns 32 columns of one share: 32 invocations side by side, eight times, each with every eighth row of the
// share, so that few columns make enough loads at once. The eight are added up in order.
// Twin: cpu() of columnSumKernel in column_sum.ts.

const COLUMNS = 32u;
const LANES = 8u; // down the rows

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

var<workgroup> parts: array<f32, 256>; // [LANES, COLUMNS]

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let across = (params.N + COLUMNS - 1u) / COLUMNS;
  let number = group.x + group.y * groups.x;
  let share = number / across; // of all matrices'
  let n = number % across * COLUMNS + i % COLUMNS;
  let first = params.offset + share / params.shares * params.stride + n;
  let inside = n < params.N && share < params.batch * params.shares;
  var sum = 0.0;
  if (inside) {
    for (var m = share % params.shares + i / COLUMNS * params.shares; m < params.M; m += LANES * params.shares) {
      sum += x[first + m * params.ld];
    }
  }
  parts[i] = sum;
  workgroupBarrier();
  if (i >= COLUMNS || !inside) { return; }
  for (var lane = 1u; lane < LANES; lane++) { sum += parts[lane * COLUMNS + i]; }
  sum *= params.scale;
  let at = share * params.N + n;
  if (params.beta == 1u) { sum += y[at]; }
  y[at] = sum;
}
