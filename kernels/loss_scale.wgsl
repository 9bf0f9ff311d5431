// loss_scale: after a step whose gradients overflowed the scale is halved and the step counted; after `interval` good
// steps in a row it is doubled.
//
// factor: [1], from global_norm: -1 where the gradients were not finite
// state:  [3]: the scale, good steps since it last changed, steps skipped
//
// One invocation does it all.
// Twin: cpu() in loss_scale.ts. Source: Micikevicius et al. (2018), "Mixed precision training", section 3.2.

struct Params {
  interval: u32,
  least: f32,
  most: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn main() {
  if (factor[0] == -1.0) {
    state[0] = max(state[0] / 2.0, params.least);
    state[1] = 0.0;
    state[2] += 1.0;
  } else {
    state[1] += 1.0;
    if (state[1] >= f32(params.interval)) {
      state[0] = min(state[0] * 2.0, params.most);
      state[1] = 0.0;
    }
  }
}
