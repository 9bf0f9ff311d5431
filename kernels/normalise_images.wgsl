// normalise_images: y[i] = (byte i / 255 − mean_c) / std_c, with c = i mod 3
//
// pixels: [count / 4, rounded up] words of four bytes, the first pixel's red in the lowest; [B, h, w, 3] in bytes
// y: [B, h, w, 3], count elements
//
// One invocation owns one element of y; four neighbours read the same word.
// Twin: cpu() of normaliseImagesKernel in normalise_images.ts.

override WORKGROUP: u32 = 64;

struct Params {
  count: u32,
  mean_0: f32,
  mean_1: f32,
  mean_2: f32,
  std_0: f32,
  std_1: f32,
  std_2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.count) { return; }
  let byte = (pixels[i / 4u] >> (i % 4u * 8u)) & 255u;
  let c = i % 3u;
  let centre = select(select(params.mean_0, params.mean_1, c == 1u), params.mean_2, c == 2u);
  let deviation = select(select(params.std_0, params.std_1, c == 1u), params.std_2, c == 2u);
  y[i] = (f32(byte) / 255.0 - centre) / deviation;
}
