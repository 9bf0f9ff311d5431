// attention_scores, four of A at a time: score[n, p] = full . squash(att1[image of n, p] + att2[n]) + full_bias.
//
// att1:        [B, P, A], A a multiple of 4: the features' half, the same at every step
// att2:        [N, A] at att2_offset, a multiple of 4: the state's half; N = B * beams, rows of one image follow each other
// full:        [A]
// full_bias:   [1]
// scores:      [N, P] at scores_offset
//
// One invocation owns one score.
// squash is ReLU or tanh. Twin: cpu() in attention.ts. Source: Bahdanau et al. (2015), who have tanh.

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  P: u32,
  A: u32,
  beams: u32,
  att2_offset: u32,
  scores_offset: u32,
  squash: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> att1: array<vec4f>;
@group(0) @binding(2) var<storage, read> att2: array<vec4f>;
@group(0) @binding(3) var<storage, read> full: array<vec4f>;
@group(0) @binding(4) var<storage, read> full_bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;

const TANH = 1u; // of params.squash; 0 is ReLU

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn safe_tanh(x: vec4f) -> vec4f { return tanh(clamp(x, vec4f(-15.0), vec4f(15.0))); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.N * params.P) { return; }
  let fours = params.A / 4u;
  let n = i / params.P;
  let row1 = ((n / params.beams) * params.P + i % params.P) * fours;
  let row2 = params.att2_offset / 4u + n * fours;
  var sum = vec4f();
  for (var a = 0u; a < fours; a++) {
    let u = att1[row1 + a] + att2[row2 + a];
    if (params.squash == TANH) {
      sum += full[a] * safe_tanh(u);
    } else {
      sum += full[a] * max(u, vec4f());
    }
  }
  scores[params.scores_offset + i] = full_bias[0] + dot(sum, vec4f(1.0));
}
