// sigmoid_gate_backward: with s = sigmoid(logits), d_logits = d_gated * x * s * (1 - s) and d_x = d_gated * s.
//
// logits, x, d_logits: count elements, each from `offset` on
// d_x:                 the same; before: d_gated, after: d_x
//
// One invocation owns one element.
// Twin: cpu() in sigmoid_gate.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_logits: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) { return; }
  let i = params.offset + index;
  let gate = 1.0 / (1.0 + exp(-logits[i]));
  let d_gated = d_x[i];
  d_logits[i] = d_gated * x[i] * gate * (1.0 - gate);
  d_x[i] = d_gated * gate;
}
