// cross_entropy_workgroup, for real GPUs: row_loss[n] = log sum exp(logits[n]) - (1 - smoothing) logits[n, target[n]]
// - smoothing mean(logits[n]), and row_loss[N + n] the same without smoothing; 0 where target[n] is the ignored id.
//
// logits:          [N, V]
// targets:         [N], ids
// row_loss:        [2, N]: what is minimised, then the cross entropy itself
// log_sum_exp:     [N, 2], for the gradient: the largest logit, and log sum exp(logits - largest)
//
// One workgroup owns one row, each invocation every 256th logit of it, so that neighbours read neighbours; maximum
// and sums are trees in workgroup memory, in the same order each time.
// Twin: cpu() in cross_entropy.ts.

const WORKGROUP = 256u;

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

var<workgroup> parts: array<vec2f, 256>; // the largest; then sums of exp(shifted) and of shifted

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.x + group.y * groups.x;
  let n = min(number, params.N - 1u); // groups too many work along and write nothing
  let first = n * params.V;

  var largest = logits[first];
  for (var v = lane; v < params.V; v += WORKGROUP) { largest = max(largest, logits[first + v]); }
  parts[lane].x = largest;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane].x = max(parts[lane].x, parts[lane + half].x); }
    workgroupBarrier();
  }
  largest = parts[0].x;
  workgroupBarrier(); // all have read it

  var sums = vec2f();
  for (var v = lane; v < params.V; v += WORKGROUP) {
    let shifted = logits[first + v] - largest;
    sums += vec2f(exp(shifted), shifted);
  }
  parts[lane] = sums;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) { parts[lane] += parts[lane + half]; }
    workgroupBarrier();
  }

  if (lane != 0u || number >= params.N) { return; }
  let log_sum = log(parts[0].x);
  let goal = targets[n];
  log_sum_exp[2u * n] = largest;
  log_sum_exp[2u * n + 1u] = log_sum;
  let goal_logit = logits[first + goal] - largest;
  let entropy = log_sum - goal_logit;
  var smoothed = entropy;
  if (params.smoothing > 0.0) { // a logit of -∞ is none of the plain loss's business: 0 times it would be NaN
    smoothed += params.smoothing * (goal_logit - parts[0].y / f32(params.V));
  }
  row_loss[n] = select(smoothed, 0.0, goal == params.ignored);
  row_loss[params.N + n] = select(entropy, 0.0, goal == params.ignored);
}
