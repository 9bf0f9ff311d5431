// binary: y = a ∘ b, one of a + b, a − b, a · b and a / b, with broadcasting over up to five axes
//
// y: [size_0, …, size_4], row-major; axes that are not needed have size 1
// a, b: read through strides; a broadcast axis has stride 0
//
// One invocation owns one element of y.
// Twin: cpu() of binaryKernel in binary.ts. binary_flat.wgsl serves the common cases faster.

override WORKGROUP: u32 = 64;

struct Params {
  operation: u32, // ADD …
  count: u32,     // elements of y
  period: u32,    // for binary_flat.wgsl
  size_0: u32,
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
  let i_4 = i % params.size_4;
  var rest = i / params.size_4;
  let i_3 = rest % params.size_3;
  rest /= params.size_3;
  let i_2 = rest % params.size_2;
  rest /= params.size_2;
  let i_1 = rest % params.size_1;
  let i_0 = rest / params.size_1;
  let left = a[
    i_0 * params.a_stride_0 + i_1 * params.a_stride_1 + i_2 * params.a_stride_2 +
      i_3 * params.a_stride_3 + i_4 * params.a_stride_4
  ];
  let right = b[
    i_0 * params.b_stride_0 + i_1 * params.b_stride_1 + i_2 * params.b_stride_2 +
      i_3 * params.b_stride_3 + i_4 * params.b_stride_4
  ];
  var result = left + right;
  switch params.operation {
    case SUBTRACT: { result = left - right; }
    case MULTIPLY: { result = left * right; }
    case DIVIDE: { result = left / right; }
    default: {}
  }
  y[i] = result;
}
