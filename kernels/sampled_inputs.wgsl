// sampled_inputs: words[n] = drawn[n] with the given chance, else truth[t, n]; padding stays.
//
// truth, mixed: [T, N] ids; row t is read, and written
// drawn:        [N] ids, from what the model predicted for step t
// words:        [N] ids, row t of mixed once more, for a decoder that reads one step
// ended:        [N], set to 0: a caption goes on behind a drawn end
//
// One invocation owns one row. A choice depends on seed, step and row alone.
// Twin: cpu() in sampled_inputs.ts; the hash is hash32 in random.ts. Source: Bengio et al. (2015), "Scheduled
// sampling".

override WORKGROUP: u32 = 64;

struct Params {
  N: u32,
  t: u32,
  seed: u32,
  chance: u32, // in units of 2⁻²⁴
  first_row: u32, // of a larger batch
  pad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> truth: array<u32>;
@group(0) @binding(2) var<storage, read> drawn: array<u32>;
@group(0) @binding(3) var<storage, read_write> mixed: array<u32>;
@group(0) @binding(4) var<storage, read_write> words: array<u32>;
@group(0) @binding(5) var<storage, read_write> ended: array<u32>;

fn mix_in(state: u32, counter: u32) -> u32 {
  var hash = state ^ counter;
  hash = (hash ^ (hash >> 16u)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13u)) * 0xc2b2ae35u;
  return (hash ^ (hash >> 16u)) + 0x9e3779b9u;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let n = id.x + id.y * groups.x * WORKGROUP;
  if (n >= params.N) { return; }
  let at = params.t * params.N + n;
  let hash = mix_in(mix_in(mix_in(0x9e3779b9u, params.seed), params.t), params.first_row + n);
  let right = truth[at];
  var word = right;
  if (right != params.pad && (hash >> 8u) < params.chance) {
    word = drawn[n];
  }
  words[n] = word;
  mixed[at] = word;
  ended[n] = 0u;
}
