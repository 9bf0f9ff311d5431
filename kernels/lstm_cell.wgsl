// lstm_cell: c = sigmoid(f) * c_before + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c).
//
// gates: [B, 4H] at gates_offset, order i f g o. Before: sums of both products and biases. After: activated.
// cell:  [.., B, H]; the state before at c_in_offset, the new one at c_out_offset
// h:     [.., B, H] at h_offset
//
// One invocation owns one element of the state.
// Twin: cpu() in lstm_cell.ts. Source: Hochreiter and Schmidhuber (1997) with forget gates (Gers et al., 2000).

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
@group(0) @binding(1) var<storage, read_write> gates: array<f32>;
@group(0) @binding(2) var<storage, read_write> cell: array<f32>;
@group(0) @binding(3) var<storage, read_write> h: array<f32>;

fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }

// Some drivers compute tanh through exp(2x), which overflows; from 15 on it is 1 in f32.
fn safe_tanh(x: f32) -> f32 { return tanh(clamp(x, -15.0, 15.0)); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.B * params.H) { return; }
  let at = params.gates_offset + (index / params.H) * 4u * params.H + index % params.H;
  let i = sigmoid(gates[at]);
  let f = sigmoid(gates[at + params.H]);
  let g = safe_tanh(gates[at + 2u * params.H]);
  let o = sigmoid(gates[at + 3u * params.H]);
  gates[at] = i;
  gates[at + params.H] = f;
  gates[at + 2u * params.H] = g;
  gates[at + 3u * params.H] = o;
  let c = f * cell[params.c_in_offset + index] + i * g;
  cell[params.c_out_offset + index] = c;
  h[params.h_offset + index] = o * safe_tanh(c);
}
