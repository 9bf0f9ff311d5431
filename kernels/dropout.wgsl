// dropout: y[i] = x[i] · scale where hash32(seed, j) >> 8 ≥ threshold, else 0;
// j = offset + ⌊i / block⌋ · stride + i mod block, the element's number in the whole that x is a part of
//
// x, y: [count]
//
// One invocation owns one element. The random number depends on seed and number alone, so every device drops the same
// elements, and the gradient is the same kernel run on d_y: no mask is kept.
// Twin: cpu() of dropoutKernel in dropout.ts; the hash is hash32 in random.ts (MurmurHash3's finaliser).

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  seed: u32,
  offset: u32,
  block: u32, // consecutive elements of x that are consecutive in the whole too
  stride: u32, // from the first of a block to the first of the next, in the whole
  threshold: u32, // the probability of dropping, in units of 2⁻²⁴
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn mix_in(state: u32, counter: u32) -> u32 {
  var hash = state ^ counter;
  hash = (hash ^ (hash >> 16u)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13u)) * 0xc2b2ae35u;
  return (hash ^ (hash >> 16u)) + 0x9e3779b9u;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let number = params.offset + i / params.block * params.stride + i % params.block;
  let hash = mix_in(mix_in(0x9e3779b9u, params.seed), number);
  y[i] = select(0.0, x[i] * params.scale, (hash >> 8u) >= params.threshold);
}
