// lstm_cell_backward: from d_h and d_c to the gradients of the gates' sums and of the state before.
//
// cell:  [.., B, H]; the state before at c_in_offset, the new one at c_out_offset
// d_h:   [.., B, H] at h_offset
// gates: [B, 4H] at gates_offset, order i f g o. Before: activated, as the forward left them. After: d_gates.
// d_c:   [B, H]. Before: gradient of the new state from later steps. After: of the state before.
//
// One invocation owns one element of the state.
// Twin: cpu() in lstm_cell.ts.

override WORKGROUP: u32 = 64;

struct Params {
  B: u32,
  H: u32,
  gates_offset: u32,
  c_in_offset: u32,
  c_out_offset: u32,
  h_offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cell: array<f32>;
@group(0) @binding(2) var<storage, read> d_h: array<f32>;
@group(0) @binding(3) var<storage, read_write> gates: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_c: array<f32>;

fn safe_tanh(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.B * params.H) { return; }
  let at = params.gates_offset + (index / params.H) * 4u * params.H + index % params.H;
  let i = gates[at];
  let f = gates[at + params.H];
  let g = gates[at + 2u * params.H];
  let o = gates[at + 3u * params.H];
  let tanh_c = safe_tanh(cell[params.c_out_offset + index]);
  let d_h_here = d_h[params.h_offset + index];
  let d_c_here = d_c[index] + d_h_here * o * (1.0 - tanh_c * tanh_c);
  gates[at] = d_c_here * g * i * (1.0 - i);
  gates[at + params.H] = d_c_here * cell[params.c_in_offset + index] * f * (1.0 - f);
  gates[at + 2u * params.H] = d_c_here * i * (1.0 - g * g);
  gates[at + 3u * params.H] = d_h_here * tanh_c * o * (1.0 - o);
  d_c[index] = d_c_here * f;
}
