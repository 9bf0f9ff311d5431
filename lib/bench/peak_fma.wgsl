// peak_fma: what the adapter's arithmetic can do at most, x = x · factor + shift again and again
//
// y: count numbers, each the sum of one invocation's 32 values after 4 · steps repetitions
//
// One invocation owns 32 values, in 8 independent chains of vec4: enough to hide an operation's latency, few enough
// for registers. Memory is touched once. Unrolled by hand: software adapters keep arrays in memory.
// Twin: cpu() of peakFmaKernel in peak.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  steps: u32,
  factor: f32,
  shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let factor = vec4f(params.factor);
  let shift = vec4f(params.shift);
  let start = vec4f(f32(i % 64u));
  var x0 = start + 0.0;
  var x1 = start + 1.0;
  var x2 = start + 2.0;
  var x3 = start + 3.0;
  var x4 = start + 4.0;
  var x5 = start + 5.0;
  var x6 = start + 6.0;
  var x7 = start + 7.0;
  for (var step = 0u; step < params.steps; step++) {
    x0 = x0 * factor + shift; x1 = x1 * factor + shift; x2 = x2 * factor + shift; x3 = x3 * factor + shift;
    x4 = x4 * factor + shift; x5 = x5 * factor + shift; x6 = x6 * factor + shift; x7 = x7 * factor + shift;
    x0 = x0 * factor + shift; x1 = x1 * factor + shift; x2 = x2 * factor + shift; x3 = x3 * factor + shift;
    x4 = x4 * factor + shift; x5 = x5 * factor + shift; x6 = x6 * factor + shift; x7 = x7 * factor + shift;
    x0 = x0 * factor + shift; x1 = x1 * factor + shift; x2 = x2 * factor + shift; x3 = x3 * factor + shift;
    x4 = x4 * factor + shift; x5 = x5 * factor + shift; x6 = x6 * factor + shift; x7 = x7 * factor + shift;
    x0 = x0 * factor + shift; x1 = x1 * factor + shift; x2 = x2 * factor + shift; x3 = x3 * factor + shift;
    x4 = x4 * factor + shift; x5 = x5 * factor + shift; x6 = x6 * factor + shift; x7 = x7 * factor + shift;
  }
  let sum = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7));
  y[i] = (sum.x + sum.y) + (sum.z + sum.w);
}
