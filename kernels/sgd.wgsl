// sgd: one step of gradient descent with momentum, as torch.optim.SGD takes it. Does nothing where factor is negative:
// see global_norm.
//
// g = clamp(factor * d_parameter, -max_value, max_value) + l2 * parameter
// velocity = momentum * velocity + g; parameter -= learning_rate * velocity
//
// d_parameter:         [count]
// factor:              [1]
// parameter, velocity: [count], updated in place
//
// One invocation owns one element.
// Twin: cpu() in sgd.ts. Source: Sutskever, Martens, Dahl and Hinton (2013), in PyTorch's form.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  learning_rate: f32,
  momentum: f32,
  max_value: f32,
  l2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_parameter: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count || factor[0] < 0.0) { return; }
  let clipped = clamp(d_parameter[i] * factor[0], -params.max_value, params.max_value);
  let faster = params.momentum * velocity[i] + clipped + params.l2 * parameter[i];
  velocity[i] = faster;
  parameter[i] -= params.learning_rate * faster;
}
