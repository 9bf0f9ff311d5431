// embedding_backward_workgroup, for real GPUs: d_weight[v] = sum of d_y[n] over the n with ids[n] == v. d_weight must hold
// zeros before.
//
// ids:      [N]
// d_y:      [N, E]
// d_weight: [V, E]
//
// One workgroup owns 64 columns of one n, and writes only where n is the first place of its id. Its invocations look for
// the id side by side, 256 places at a time, and mark where it is; then 64 of them side by side gather those rows, four
// times, each a quarter of the places. Nothing but marks is made atomically, and every sum has a fixed order.
// Twin: cpu() in embedding.ts.

const INVOCATIONS = 256u;
const COLUMNS = 64u;
const WORDS = 8u; // of 32 marks

struct Params {
  N: u32,
  E: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> d_y: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_weight: array<f32>;

var<workgroup> marks: array<atomic<u32>, 8>;
var<workgroup> earlier: atomic<u32>; // 1 once a place before n has the same id
var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) i: u32,
) {
  let across = (params.E + COLUMNS - 1u) / COLUMNS;
  let number = group.x + group.y * groups.x;
  let n = min(number / across, params.N - 1u); // groups too many work along and write nothing
  let e = number % across * COLUMNS + i % COLUMNS;
  let column = min(e, params.E - 1u);
  let word = ids[n];
  let first_mark = i / COLUMNS * (WORDS / 4u);
  var sum = 0.0;
  for (var base = 0u; base < params.N; base += INVOCATIONS) {
    if (i < WORDS) { atomicStore(&marks[i], 0u); }
    workgroupBarrier();
    let m = base + i;
    if (m < params.N && ids[m] == word) {
      if (m < n) {
        atomicStore(&earlier, 1u);
      } else {
        atomicOr(&marks[i / 32u], 1u << (i % 32u));
      }
    }
    workgroupBarrier();
    if (atomicLoad(&earlier) == 0u) {
      for (var w = first_mark; w < first_mark + WORDS / 4u; w++) {
        var bits = atomicLoad(&marks[w]);
        while (bits != 0u) {
          sum += d_y[(base + 32u * w + firstTrailingBit(bits)) * params.E + column];
          bits &= bits - 1u;
        }
      }
    }
    workgroupBarrier(); // the marks have been read
  }
  parts[i] = sum;
  workgroupBarrier();
  if (i >= COLUMNS || e >= params.E || number >= params.N * across || atomicLoad(&earlier) != 0u) { return; }
  d_weight[word * params.E + e] = parts[i] + parts[i + 64u] + parts[i + 128u] + parts[i + 192u];
}
