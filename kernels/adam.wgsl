// adam: one step of Adam or AdamW with the gradient clipped. Does nothing where factor is negative: see global_norm.
//
// g = clamp(factor * d_parameter, -max_value, max_value) + l2 * parameter
// m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g * g
// parameter = keep * parameter - learning_rate * (m * correction1) / (sqrt(v * correction2) + epsilon)
//
// d_parameter:     [count]
// factor:          [1]
// parameter, m, v: [count], updated in place
//
// One invocation owns four elements. What pads the last four of a buffer is updated with them and means nothing.
// Twin: cpu() in adam.ts. Source: Kingma and Ba (2015), algorithm 1; the corrections 1 / (1 - beta^t) come from the
// host. keep is 1 - learning_rate * weight decay for AdamW (Loshchilov and Hutter, 2019), else 1.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  learning_rate: f32,
  beta1: f32,
  beta2: f32,
  decay1: f32, // 1 - beta1, subtracted in f64 by the host: in f32 1 - 0.999 is off by 5e-5
  decay2: f32, // 1 - beta2
  epsilon: f32,
  correction1: f32,
  correction2: f32,
  max_value: f32,
  l2: f32,
  keep: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_parameter: array<vec4f>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let scale = factor[0];
  if (4u * i >= params.count || scale < 0.0) { return; }
  let old = parameter[i];
  let clipped = clamp(d_parameter[i] * scale, vec4f(-params.max_value), vec4f(params.max_value));
  let g = clipped + params.l2 * old;
  let new_m = params.beta1 * m[i] + params.decay1 * g;
  let new_v = params.beta2 * v[i] + params.decay2 * g * g;
  m[i] = new_m;
  v[i] = new_v;
  let step = params.learning_rate * new_m * params.correction1 / (sqrt(new_v * params.correction2) + params.epsilon);
  parameter[i] = params.keep * old - step;
}
