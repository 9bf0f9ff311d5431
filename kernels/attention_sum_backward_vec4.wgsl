// attention_sum_backward, four of A at a time: gradients of att1 and full, for all steps at once; squash (ReLU or
// tanh) is computed again.
//
// u = att1[b, p, a] + att2[t, b, a]
// d_att1[b, p, a]   = full[a] * sum over t of d_score[t, b, p] * squash'(u)
// full_part[b, p, a] = sum over t of d_score[t, b, p] * squash(u); its sum over b and p is d_full
//
// att1:      [B, P, A], A a multiple of 4
// att2:      [T, B, A]
// full:      [A]
// d_score:   [T, B, P]
// d_att1:    [B, P, A]
// full_part: [B, P, A]
//
// One invocation owns one (b, p) and four of A.
// Twin: cpu() in attention.ts.

override WORKGROUP: u32 = 64;

struct Params {
  T: u32,
  B: u32,
  P: u32,
  A: u32,
  squash: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> att1: array<vec4f>;
@group(0) @binding(2) var<storage, read> att2: array<vec4f>;
@group(0) @binding(3) var<storage, read> full: array<vec4f>;
@group(0) @binding(4) var<storage, read> d_score: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_att1: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> full_part: array<vec4f>;

const TANH = 1u; // of params.squash; 0 is ReLU

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn safe_tanh(x: vec4f) -> vec4f { return tanh(clamp(x, vec4f(-15.0), vec4f(15.0))); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let fours = params.A / 4u;
  if (i >= params.B * params.P * fours) { return; }
  let a = i % fours;
  let position = i / fours; // b * P + p
  let b = position / params.P;
  let mine = att1[i];
  var masked = vec4f();
  var weighted = vec4f();
  for (var t = 0u; t < params.T; t++) {
    let u = mine + att2[(t * params.B + b) * fours + a];
    let d = vec4f(d_score[t * params.B * params.P + position]);
    if (params.squash == TANH) {
      let y = safe_tanh(u);
      masked += d * (1.0 - y * y);
      weighted += d * y;
    } else {
      masked += select(vec4f(), d, u > vec4f());
      weighted += select(vec4f(), d * u, u > vec4f());
    }
  }
  d_att1[i] = full[a] * masked;
  full_part[i] = weighted;
}
