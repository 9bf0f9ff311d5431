// attention_scores_backward, four of A at a time: d_score = alpha * (d_alpha - sum(d_alpha * alpha)) and
// d_att2[b, a] = full[a] * sum over p of d_score[b, p] * squash'(att1[b, p, a] + att2[b, a]),
// squash being ReLU or tanh.
//
// alpha:   [B, P] at alpha_offset
// att1:    [B, P, A], A a multiple of 4
// att2:    [B, A] at att2_offset, a multiple of 4
// full:    [A]
// d_alpha: [B, P] at alpha_offset; is not changed
// d_att2:  [B, A] at att2_offset
//
// One invocation owns four elements of d_att2, and takes the softmax's gradient of its row on the way: P terms more,
// one dispatch less. attention_sum_backward writes d_score for all steps at once.
// Twin: cpu() in attention.ts.

override WORKGROUP: u32 = 64;

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
@group(0) @binding(2) var<storage, read> att1: array<vec4f>;
@group(0) @binding(3) var<storage, read> att2: array<vec4f>;
@group(0) @binding(4) var<storage, read> full: array<vec4f>;
@group(0) @binding(5) var<storage, read> d_alpha: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_att2: array<vec4f>;

const TANH = 1u; // of params.squash; 0 is ReLU

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn safe_tanh(x: vec4f) -> vec4f { return tanh(clamp(x, vec4f(-15.0), vec4f(15.0))); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let fours = params.A / 4u;
  if (i >= params.B * fours) { return; }
  let b = i / fours;
  let a = i % fours;
  let row = params.alpha_offset + b * params.P;
  let at = params.att2_offset / 4u + i;
  let state = att2[at];
  var inner = 0.0;
  for (var p = 0u; p < params.P; p++) {
    inner += d_alpha[row + p] * alpha[row + p];
  }
  var sum = vec4f();
  for (var p = 0u; p < params.P; p++) {
    let d_score = alpha[row + p] * (d_alpha[row + p] - inner);
    let u = att1[(b * params.P + p) * fours + a] + state;
    if (params.squash == TANH) {
      let y = safe_tanh(u);
      sum += d_score * (1.0 - y * y);
    } else {
      sum += select(vec4f(), vec4f(d_score), u > vec4f());
    }
  }
  d_att2[at] = full[a] * sum;
}
