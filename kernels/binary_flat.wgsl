// binary_flat: y[i] = a[i] ∘ b[i mod period], one of a + b, a − b, a · b and a / b
//
// a, y: [count]
// b: [period]: as long as a, or a's last axes alone (a bias), or one number
//
// One invocation owns one element of y. The bindings are those of binary.wgsl, which serves any broadcasting.
// Twin: cpu() of binaryKernel in binary.ts.

override WORKGROUP: u32 = 64;

struct Params {
  operation: u32, // ADD …
  count: u32,     // elements of y
  period: u32,    // elements of b
  size_0: u32, // from here on: for binary.wgsl
  size_1: u32,
  size_2: u32,
  size_3: u32,
  size_4: u32,
  a_stride_0: u32,
  a_stride_1: u32,
  a_stride_2: u32,
  a_stride_3: u32,
  a_stride_4: u32,
  b_stride_0: u32,
  b_stride_1: u32,
  b_stride_2: u32,
  b_stride_3: u32,
  b_stride_4: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const ADD = 0u;
const SUBTRACT = 1u;
const MULTIPLY = 2u;
const DIVIDE = 3u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let left = a[i];
  var at = i; // b is mostly as long as a: the division only where it is not
  if (params.period != params.count) { at = i % params.period; }
  let right = b[at];
  var result = left + right;
  switch params.operation {
    case SUBTRACT: { result = left - right; }
    case MULTIPLY: { result = left * right; }
    case DIVIDE: { result = left / right; }
    default: {}
  }
  y[i] = result;
}
