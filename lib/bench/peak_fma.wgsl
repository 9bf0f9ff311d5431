// peak_fma: what the adapter's arithmetic can do at most, x = x · factor + shift again and again
//
// y: count numbers, each the sum of one invocation's 64 values in the end
//
// One invocation owns 64 values in 16 independent chains of vec4, in registers; memory is touched once.
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
  var x: array<vec4f, 16>;
  for (var chain = 0u; chain < 16u; chain++) {
    x[chain] = vec4f(f32(i % 64u) + f32(chain));
  }
  for (var step = 0u; step < params.steps; step++) {
    for (var chain = 0u; chain < 16u; chain++) {
      x[chain] = x[chain] * factor + shift;
    }
  }
  var sum = vec4f(0.0);
  for (var chain = 0u; chain < 16u; chain++) {
    sum += x[chain];
  }
  y[i] = sum.x + sum.y + sum.z + sum.w;
}
