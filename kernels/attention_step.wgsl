// attention_step, for real GPUs: what follows the scores of one step of attention, in one dispatch instead of three.
//
// alpha[n] = softmax over p of scores[n, p]
// context[n, d] = sum over p of alpha[n, p] * features[image of n, p, d]
// gated[n, d] = sigmoid(gate_logits[n, d]) * context[n, d]
//
// scores:      [N, P]; N = B * beams, rows of one image follow each other
// features:    [B, P, D]
// gate_logits: [N, D] at context_offset, read when gate is 1
// alpha:       [N, P] at alpha_offset
// context:     [N, D] at context_offset
// gated:       [N, D] at context_offset, written when gate is 1
//
// One workgroup owns a share of one row's channels. All workgroups of a row compute the same alpha, since none can wait
// for another; the first one stores it. Context: 64 invocations side by side along the channels, four times, each
// with every fourth position. The row's alpha stays in workgroup memory, which bounds P. All sums have a fixed order.
// Twin: cpu() in attention_step.ts. Source: Xu et al. (2015).

const INVOCATIONS = 256u;
const CHANNELS = 64u;

struct Params {
  N: u32,
  P: u32,
  D: u32,
  beams: u32,
  alpha_offset: u32,
  context_offset: u32,
  gate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> features: array<f32>;
@group(0) @binding(3) var<storage, read> gate_logits: array<f32>;
@group(0) @binding(4) var<storage, read_write> alpha: array<f32>;
@group(0) @binding(5) var<storage, read_write> context: array<f32>;
@group(0) @binding(6) var<storage, read_write> gated: array<f32>;

var<workgroup> weight: array<f32, 2048>; // [P]: exp(score - largest)
var<workgroup> part: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let row = group.y + group.z * groups.y;
  let n = min(row, params.N - 1u); // beyond the last there is nothing to store, but barriers to keep
  let first_score = n * params.P;

  var largest = scores[first_score];
  for (var p = i; p < params.P; p += INVOCATIONS) { largest = max(largest, scores[first_score + p]); }
  part[i] = largest;
  workgroupBarrier();
  for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
    if (i < half) { part[i] = max(part[i], part[i + half]); }
    workgroupBarrier();
  }
  largest = part[0];
  workgroupBarrier(); // all have read it

  var total = 0.0;
  for (var p = i; p < params.P; p += INVOCATIONS) {
    let share = exp(scores[first_score + p] - largest);
    weight[p] = share;
    total += share;
  }
  part[i] = total;
  workgroupBarrier();
  for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
    if (i < half) { part[i] += part[i + half]; }
    workgroupBarrier();
  }
  total = part[0];

  if (group.x == 0u && row < params.N) {
    for (var p = i; p < params.P; p += INVOCATIONS) {
      alpha[params.alpha_offset + n * params.P + p] = weight[p] / total;
    }
  }
  let width = (params.D + groups.x - 1u) / groups.x;
  let end = min(params.D, (group.x + 1u) * width);
  for (var d0 = group.x * width; d0 < end; d0 += CHANNELS) {
    let d = d0 + i % CHANNELS;
    let first = n / params.beams * params.P * params.D + min(d, params.D - 1u);
    var sum = 0.0;
    for (var p = i / CHANNELS; p < params.P; p += INVOCATIONS / CHANNELS) {
      sum += weight[p] * features[first + p * params.D];
    }
    workgroupBarrier(); // part has been read
    part[i] = sum;
    workgroupBarrier();
    if (i < CHANNELS && d < end && row < params.N) {
      let value = (part[i] + part[i + 64u] + part[i + 128u] + part[i + 192u]) / total;
      let at = params.context_offset + n * params.D + d;
      context[at] = value;
      if (params.gate == 1u) { gated[at] = value / (1.0 + exp(-gate_logits[at])); }
    }
  }
}
