// activation_backward: d_x = d_y · f'(x), with f' from y = f(x), for ReLU, ReLU6, sigmoid and tanh
//
// y, d_y, d_x: [count]
//
// One invocation owns one element. At the corners of ReLU (0) and ReLU6 (0 and 6) the gradient is 0.
// Twin: cpu() of activationBackwardKernel in activation.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  activation: u32, // RELU …
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

const RELU = 0u;
const RELU6 = 1u;
const SIGMOID = 2u;
const TANH = 3u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let out = y[i];
  let upstream = d_y[i];
  var result = upstream;
  switch params.activation {
    case RELU: { result = select(upstream, 0.0, out <= 0.0); }
    case RELU6: { result = select(upstream, 0.0, out <= 0.0 || out >= 6.0); }
    case SIGMOID: { result = upstream * out * (1.0 - out); }
    case TANH: { result = upstream * (1.0 - out * out); }
    default: {}
  }
  d_x[i] = result;
}
