// cross_entropy: row_loss[n] = log sum exp(logits[n]) - (1 - smoothing) logits[n, target[n]] - smoothing mean(logits[n]),
// and row_loss[N + n] the same without smoothing; 0 where target[n] is the ignored id.
//
// logits:          [N, V]
// targets:         [N], ids
// row_loss:        [2, N]: what is minimised, then the cross entropy itself
// log_sum_exp:     [N, 2], for the gradient: the largest logit, and log sum exp(logits - largest). Their sum alone would
//                  lose digits where logits are large
//
// One invocation owns one row.
// Twin: cpu() in cross_entropy.ts; smoothing as PyTorch's label_smoothing (Szegedy et al., 2016). The row's maximum is subtracted first: logits of ±1e4 are fine.

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  V: u32,
  ignored: u32,
  smoothing: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> row_loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> log_sum_exp: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let n = id.x + id.y * groups.x * WORKGROUP;
  if (n >= params.N) { return; }
  let first = n * params.V;
  var largest = logits[first];
  for (var v = 1u; v < params.V; v++) {
    largest = max(largest, logits[first + v]);
  }
  var sum = 0.0;
  var total = 0.0;
  for (var v = 0u; v < params.V; v++) {
    let shifted = logits[first + v] - largest;
    sum += exp(shifted);
    total += shifted;
  }
  let log_sum = log(sum);
  let goal = targets[n];
  log_sum_exp[2u * n] = largest;
  log_sum_exp[2u * n + 1u] = log_sum;
  let goal_logit = logits[first + goal] - largest;
  let entropy = log_sum - goal_logit;
  var smoothed = entropy;
  if (params.smoothing > 0.0) { // a logit of -∞ is none of the plain loss's business: 0 times it would be NaN
    smoothed += params.smoothing * (goal_logit - total / f32(params.V));
  }
  row_loss[n] = select(smoothed, 0.0, goal == params.ignored);
  row_loss[params.N + n] = select(entropy, 0.0, goal == params.ignored);
}
