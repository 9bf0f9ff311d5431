// moving_average: average = decay * average + share * x, with share = 1 - decay, subtracted in f64 by the host.
//
// x, average: [count]
//
// One invocation owns one element.
// Twin: cpu() in moving_average.ts. Source: Polyak and Juditsky (1992), in the exponential form.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  decay: f32,
  share: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  average[i] = params.decay * average[i] + params.share * x[i];
}
