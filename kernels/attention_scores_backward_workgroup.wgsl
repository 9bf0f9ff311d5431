// attention_scores_backward_workgroup, for real GPUs: d_score = alpha * (d_alpha - sum(d_alpha * alpha)) and
// d_att2[b, a] = full[a] * sum over p of d_score[b, p] * squash'(att1[b, p, a] + att2[b, a]),
// squash being ReLU or tanh.
//
// alpha:   [B, P] at alpha_offset
// att1:    [B, P, A]
// att2:    [B, A] at att2_offset
// full:    [A]
// d_alpha: [B, P] at alpha_offset; is not changed
// d_att2:  [B, A] at att2_offset
//
// One workgroup owns 64 elements of a row of d_att2: 64 invocations side by side along A, four times, each with every
// fourth position. The row's d_score is worked out once and stays in workgroup memory, which bounds P. All sums have
// a fixed order.
// Twin: cpu() in attention.ts.

const INVOCATIONS = 256u;
const COLUMNS = 64u;

struct Params {
  B: u32,
  P: u32,
  A: u32,
  alpha_offset: u32,
  att2_offset: u32,
  squash: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> alpha: array<f32>;
@group(0) @binding(2) var<storage, read> att1: array<f32>;
@group(0) @binding(3) var<storage, read> att2: array<f32>;
@group(0) @binding(4) var<storage, read> full: array<f32>;
@group(0) @binding(5) var<storage, read> d_alpha: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_att2: array<f32>;

var<workgroup> d_score: array<f32, 2048>; // [P]
var<workgroup> part: array<f32, 256>;

const TANH = 1u; // of params.squash; 0 is ReLU

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn safe_tanh(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let columns = (params.A + COLUMNS - 1u) / COLUMNS;
  let number = group.x + group.y * groups.x;
  let b = min(number / columns, params.B - 1u); // groups too many work along and write nothing
  let row = params.alpha_offset + b * params.P;

  var inner = 0.0;
  for (var p = i; p < params.P; p += INVOCATIONS) { inner += d_alpha[row + p] * alpha[row + p]; }
  part[i] = inner;
  workgroupBarrier();
  for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
    if (i < half) { part[i] += part[i + half]; }
    workgroupBarrier();
  }
  inner = part[0];
  for (var p = i; p < params.P; p += INVOCATIONS) {
    d_score[p] = alpha[row + p] * (d_alpha[row + p] - inner);
  }
  workgroupBarrier();

  let a = number % columns * COLUMNS + i % COLUMNS;
  let column = min(a, params.A - 1u);
  let at = params.att2_offset + b * params.A + column;
  let state = att2[at];
  var sum = 0.0;
  for (var p = i / COLUMNS; p < params.P; p += INVOCATIONS / COLUMNS) {
    let u = att1[(b * params.P + p) * params.A + column] + state;
    if (params.squash == TANH) {
      let y = safe_tanh(u);
      sum += d_score[p] * (1.0 - y * y);
    } else {
      sum += select(0.0, d_score[p], u > 0.0);
    }
  }
  part[i] = sum;
  workgroupBarrier();
  if (i >= COLUMNS || a >= params.A || number >= params.B * columns) { return; }
  d_att2[at] = full[a] * (part[i] + part[i + 64u] + part[i + 128u] + part[i + 192u]);
}
