// activation: y = f(x), one of ReLU, ReLU6, sigmoid, tanh, exp and log
//
// x, y: [count]
//
// One invocation owns one element. The exponentials are of negative numbers only, so none overflows.
// Twin: cpu() of activationKernel in activation.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  activation: u32, // RELU …
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const RELU = 0u;
const RELU6 = 1u;
const SIGMOID = 2u;
const TANH = 3u;
const EXP = 4u;
const LOG = 5u;

fn sigmoid(value: f32) -> f32 {
  let small = exp(-abs(value));
  return select(1.0, small, value < 0.0) / (1.0 + small);
}

fn hyperbolic_tangent(value: f32) -> f32 {
  let small = exp(-2.0 * abs(value));
  let size = (1.0 - small) / (1.0 + small);
  return select(size, -size, value < 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let value = x[i];
  var result = value;
  switch params.activation {
    case RELU: { result = select(value, 0.0, value < 0.0); } // select, not max: NaN stays NaN
    case RELU6: { result = select(select(value, 0.0, value < 0.0), 6.0, value > 6.0); }
    case SIGMOID: { result = sigmoid(value); }
    case TANH: { result = hyperbolic_tangent(value); }
    case EXP: { result = exp(value); }
    case LOG: { result = log(value); }
    default: {}
  }
  y[i] = result;
}
