// embedding_backward: d_weight[v] = sum of d_y[n] over the n with ids[n] == v. d_weight must hold zeros before.
//
// ids:      [N]
// d_y:      [N, E]
// d_weight: [V, E]
//
// One invocation owns n and COLUMNS of E, and works only where n is the first place of its id: it then gathers the
// later ones. So nothing is added atomically, and the cost grows with the words of a batch, not with the vocabulary.
// Twin: cpu() in embedding.ts.

override WORKGROUP: u32 = 64;
const COLUMNS = 8u; // that share the search through ids

struct Params {
  N: u32,
  E: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_weight: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let blocks = (params.E + COLUMNS - 1u) / COLUMNS;
  if (i >= params.N * blocks) { return; }
  let n = i / blocks;
  let first = (i % blocks) * COLUMNS;
  let count = min(COLUMNS, params.E - first);
  let word = ids[n];
  for (var before = 0u; before < n; before++) {
    if (ids[before] == word) { return; }
  }
  var sum: array<f32, COLUMNS>;
  for (var m = n; m < params.N; m++) {
    if (ids[m] == word) {
      for (var c = 0u; c < count; c++) { sum[c] += d_y[m * params.E + first + c]; }
    }
  }
  for (var c = 0u; c < count; c++) { d_weight[word * params.E + first + c] = sum[c]; }
}
