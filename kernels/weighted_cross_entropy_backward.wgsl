// weighted_cross_entropy_backward: d_logits[n, v] = (softmax(logits[n])[v] - [v == target[n]]) * weights[n] * d_loss / count,
// 0 in rows whose target is ignored.
//
// logits, d_logits: [N, V]
// targets, weights: [N]
// log_sum_exp:      [N, 2], from the forward: the largest logit, and the rest
// loss:             [2]: the mean loss and 1 / count
// d_loss:           [1]
//
// One invocation owns one element of d_logits.
// Twin: cpu() in weighted_cross_entropy.ts.

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  V: u32,
  ignored: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(5) var<storage, read> loss: array<f32>;
@group(0) @binding(6) var<storage, read> d_loss: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_logits: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.N * params.V) { return; }
  let n = i / params.V;
  let v = i % params.V;
  let goal = targets[n];
  let probability = exp((logits[i] - log_sum_exp[2u * n]) - log_sum_exp[2u * n + 1u]);
  let gradient = (probability - select(0.0, 1.0, v == goal)) * weights[n] * loss[1] * d_loss[0];
  d_logits[i] = select(gradient, 0.0, goal == params.ignored);
}
