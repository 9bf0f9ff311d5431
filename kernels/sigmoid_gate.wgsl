// sigmoid_gate: gated = sigmoid(logits) * x.
//
// logits, x, gated: count elements, each from `offset` on
//
// One invocation owns one element.
// Twin: cpu() in sigmoid_gate.ts. Source: the gate beta of Xu et al. (2015), section 4.2.1.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> gated: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) { return; }
  let i = params.offset + index;
  gated[i] = x[i] / (1.0 + exp(-logits[i]));
}
