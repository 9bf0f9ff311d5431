// strided_copy: y[y_offset + Σ i_k · y_stride_k] = x[x_offset + Σ i_k · x_stride_k], over up to five axes
//
// The block copied has shape [size_0, …, size_4]; axes that are not needed have size 1. With the right strides it
// transposes, cuts a slice out, puts one in, or repeats (an x_stride of 0).
//
// One invocation owns one element of the block, neighbours in y where y's last axis is copied.
// Twin: cpu() of stridedCopyKernel in strided_copy.ts.

override WORKGROUP: u32 = 64;

struct Params {
  x_offset: u32,
  y_offset: u32,
  size_0: u32,
  size_1: u32,
  size_2: u32,
  size_3: u32,
  size_4: u32,
  x_stride_0: u32,
  x_stride_1: u32,
  x_stride_2: u32,
  x_stride_3: u32,
  x_stride_4: u32,
  y_stride_0: u32,
  y_stride_1: u32,
  y_stride_2: u32,
  y_stride_3: u32,
  y_stride_4: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let i_4 = i % params.size_4;
  var rest = i / params.size_4;
  let i_3 = rest % params.size_3;
  rest /= params.size_3;
  let i_2 = rest % params.size_2;
  rest /= params.size_2;
  let i_1 = rest % params.size_1;
  let i_0 = rest / params.size_1;
  if (i_0 >= params.size_0) { return; }
  let x_at = params.x_offset + i_0 * params.x_stride_0 + i_1 * params.x_stride_1 +
    i_2 * params.x_stride_2 + i_3 * params.x_stride_3 + i_4 * params.x_stride_4;
  let y_at = params.y_offset + i_0 * params.y_stride_0 + i_1 * params.y_stride_1 +
    i_2 * params.y_stride_2 + i_3 * params.y_stride_3 + i_4 * params.y_stride_4;
  y[y_at] = x[x_at];
}
