// attention_step, for real GPUs: one step of additive attention in one dispatch instead of four.
//
// alpha[n] = softmax over p of full . squash(att1[image of n, p] + att2[n])
// context[n, d] = sum over p of alpha[n, p] * features[image of n, p, d]
// gated[n, d] = sigmoid(gate_logits[n, d]) * context[n, d]
//
// att1:        [B, P, A], the features' half, the same at every step
// att2:        [N, A] at att2_offset, the state's half; N = B * beams, rows of one image follow each other
// full:        [A]; the bias behind it is the same for all scores and changes no softmax
// features:    [B, P, D]
// gate_logits: [N, D] at context_offset, read when gate is 1
// alpha:       [N, P] at alpha_offset
// context:     [N, D] at context_offset
// gated:       [N, D] at context_offset, written when gate is 1
//
// One workgroup owns a share of one row's channels. All workgroups of a row compute the same alpha, since none can wait
// for another; the first one stores it. Scores: 32 invocations side by side along A, four positions each, so that
// neighbours read neighbours. The row's alpha stays in workgroup memory, which bounds P.
// squash is ReLU or tanh. Twin: cpu() in attention_step.ts. Source: Bahdanau et al. (2015), Xu et al. (2015).

const INVOCATIONS = 256u;
const LANES = 32u; // along A
const CHUNK = 32u; // positions at once: 256 / 32 of four each
const STRIDE = 33u; // from one position's partial sums to the next's: odd, so that columns lie in different banks

struct Params {
  N: u32,
  P: u32,
  A: u32,
  D: u32,
  beams: u32,
  att2_offset: u32,
  alpha_offset: u32,
  context_offset: u32,
  squash: u32,
  gate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> att1: array<f32>;
@group(0) @binding(2) var<storage, read> att2: array<f32>;
@group(0) @binding(3) var<storage, read> full: array<f32>;
@group(0) @binding(4) var<storage, read> features: array<f32>;
@group(0) @binding(5) var<storage, read> gate_logits: array<f32>;
@group(0) @binding(6) var<storage, read_write> alpha: array<f32>;
@group(0) @binding(7) var<storage, read_write> context: array<f32>;
@group(0) @binding(8) var<storage, read_write> gated: array<f32>;

var<workgroup> weight: array<f32, 2048>; // [P]: scores, then exp(score - largest)
var<workgroup> part: array<f32, 1056>; // [CHUNK, STRIDE], or one a invocation
var<workgroup> few: array<f32, 16>;

const TANH = 1u; // of params.squash; 0 is ReLU

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn squashed(u: vec4f) -> vec4f {
  if (params.squash == TANH) { return tanh(clamp(u, vec4f(-15.0), vec4f(15.0))); }
  return select(u, vec4f(), u < vec4f()); // NaN stays NaN
}

// The row's scores, into weight.
fn score(i: u32, image: u32, row: u32) {
  let lane = i % LANES;
  let four = i / LANES * 4u; // first of the positions of this invocation in a chunk
  for (var first = 0u; first < params.P; first += CHUNK) {
    let p = min(vec4u(first + four) + vec4u(0u, 1u, 2u, 3u), vec4u(params.P - 1u));
    let at = (vec4u(image * params.P) + p) * params.A;
    var sum = vec4f();
    for (var a = lane; a < params.A; a += LANES) {
      let u = vec4f(att1[at.x + a], att1[at.y + a], att1[at.z + a], att1[at.w + a]) + att2[row + a];
      sum += full[a] * squashed(u);
    }
    part[four * STRIDE + lane] = sum.x;
    part[(four + 1u) * STRIDE + lane] = sum.y;
    part[(four + 2u) * STRIDE + lane] = sum.z;
    part[(four + 3u) * STRIDE + lane] = sum.w;
    workgroupBarrier();
    if (i < CHUNK && first + i < params.P) {
      var total = 0.0;
      for (var k = 0u; k < LANES; k++) { total += part[i * STRIDE + k]; }
      weight[first + i] = total;
    }
    workgroupBarrier();
  }
}

// The largest value of all invocations.
fn largest_of(i: u32, value: f32) -> f32 {
  part[i] = value;
  workgroupBarrier();
  if (i < 16u) {
    var found = part[16u * i];
    for (var k = 1u; k < 16u; k++) { found = max(found, part[16u * i + k]); }
    few[i] = found;
  }
  workgroupBarrier();
  var found = few[0];
  for (var k = 1u; k < 16u; k++) { found = max(found, few[k]); }
  return found;
}

// The sum of all invocations' values.
fn total_of(i: u32, value: f32) -> f32 {
  part[i] = value;
  workgroupBarrier();
  if (i < 16u) {
    var sum = part[16u * i];
    for (var k = 1u; k < 16u; k++) { sum += part[16u * i + k]; }
    few[i] = sum;
  }
  workgroupBarrier();
  var sum = few[0];
  for (var k = 1u; k < 16u; k++) { sum += few[k]; }
  return sum;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let row = group.y + group.z * groups.y;
  let n = min(row, params.N - 1u); // beyond the last there is nothing to store, but barriers to keep
  let image = n / params.beams;
  score(i, image, params.att2_offset + n * params.A);

  var mine = weight[0];
  for (var p = i; p < params.P; p += INVOCATIONS) { mine = max(mine, weight[p]); }
  let largest = largest_of(i, mine);
  mine = 0.0;
  for (var p = i; p < params.P; p += INVOCATIONS) {
    let share = exp(weight[p] - largest);
    weight[p] = share;
    mine += share;
  }
  let total = total_of(i, mine);

  if (row >= params.N) { return; } // no barrier comes any more
  if (group.x == 0u) {
    for (var p = i; p < params.P; p += INVOCATIONS) {
      alpha[params.alpha_offset + n * params.P + p] = weight[p] / total;
    }
  }
  let width = (params.D + groups.x - 1u) / groups.x;
  let end = min(params.D, (group.x + 1u) * width);
  for (var d = group.x * width + i; d < end; d += INVOCATIONS) {
    let first = image * params.P * params.D + d;
    var sum = 0.0;
    for (var p = 0u; p < params.P; p++) { sum += weight[p] * features[first + p * params.D]; }
    let value = sum / total;
    let at = params.context_offset + n * params.D + d;
    context[at] = value;
    if (params.gate == 1u) { gated[at] = value / (1.0 + exp(-gate_logits[at])); }
  }
}
