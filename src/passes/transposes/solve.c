/* Layouts for a region: the cheapest cut. */
#include "passes/transposes/region.h"

/* One number for (nodes, bytes, changes): MAX_REGION bounds how many of the lower ones add up. */
#define COST_NODE ((int64_t)1 << 46)
#define COST_BYTES ((int64_t)1 << 11)
enum { BYTES_UNIT = 64, MOST_UNITS = 1 << 20 };

static uint64_t bytes_of(Value *v) {
  Shape s = shape_of(v);
  int64_t bits = elem_bits(dtype_of(v)), k;
  for (int i = 0; i < s.rank; i++)
    if (sym_const(s.dim[i], &k) && __builtin_mul_overflow(bits, k, &bits)) return UINT64_MAX / 2;
  return s.rank < 0 ? 0 : (uint64_t)bits / 8;
}

static int64_t cost_of_bytes(uint64_t bytes) {
  uint64_t units = bytes / BYTES_UNIT;
  return (int64_t)(units < MOST_UNITS ? units : MOST_UNITS) * COST_BYTES;
}

static int vertex_of(Layout l) {
  return l == LAYOUT_A ? CUT_SOURCE : CUT_SINK;
}

/* The Transpose is needed once, however many read what it makes: `over` stands between the producer and all
 * its readers, one for each direction. */
static void add_net(Region *r, Cut *c, const Net *net) {
  int from = net->producer ? net->producer->vertex : vertex_of(region_member(r, net->root)->layout);
  int64_t cost = COST_NODE + cost_of_bytes(bytes_of(net->root));
  int over_to_b = cut_vertex(c), over_to_a = cut_vertex(c);
  cut_edge(c, from, over_to_b, net->misread[LAYOUT_B] ? CUT_NEVER : cost, 0);
  cut_edge(c, over_to_a, from, net->misread[LAYOUT_A] ? CUT_NEVER : cost, 0);
  for (int l = LAYOUT_A; l <= LAYOUT_B; l++) {
    if (!net->fixed[l]) continue;
    cut_edge(c, over_to_b, vertex_of((Layout)l), CUT_NEVER, 0);
    cut_edge(c, vertex_of((Layout)l), over_to_a, CUT_NEVER, 0);
  }
  for (size_t i = 0; i < net->readers.n; i++) {
    cut_edge(c, over_to_b, net->readers.at[i]->vertex, CUT_NEVER, 0);
    cut_edge(c, net->readers.at[i]->vertex, over_to_a, CUT_NEVER, 0);
  }
}

bool net_is_parted(const Region *r, const Net *net) {
  Layout from = net->producer ? final_layout(net->producer) : region_member(r, net->root)->layout;
  if (net->fixed[other_layout(from)]) return true;
  for (size_t i = 0; i < net->readers.n; i++)
    if (final_layout(net->readers.at[i]) != from) return true;
  return false;
}

static void count(Region *r) {
  for (size_t i = 0; i < r->transposes.n; i++) {
    r->nodes_before++;
    r->bytes_before += bytes_of(r->transposes.at[i]->out[0]);
  }
  for (size_t i = 0; i < r->nets.n; i++) {
    if (!net_is_parted(r, r->nets.at[i])) continue;
    r->nodes_after++;
    r->bytes_after += bytes_of(r->nets.at[i]->root);
  }
}

bool region_solve(Region *r) {
  Cut c;
  cut_init(&c, r->arena);
  for (size_t i = 0; i < r->nodes.n; i++) {
    Free *f = r->nodes.at[i];
    f->vertex = cut_vertex(&c);
    int64_t change = 1 + cost_of_bytes((uint64_t)f->spread.penalty);
    cut_edge(&c, vertex_of(f->layout), f->vertex, f->layout == LAYOUT_A ? change : 0,
             f->layout == LAYOUT_B ? change : 0);
  }
  for (size_t i = 0; i < r->nets.n; i++) add_net(r, &c, r->nets.at[i]);
  cut_solve(&c);
  for (size_t i = 0; i < r->nodes.n; i++) {
    Free *f = r->nodes.at[i];
    f->flips = cut_with_source(&c, f->vertex) != (f->layout == LAYOUT_A);
  }
  count(r);
  return r->nodes_after != r->nodes_before ? r->nodes_after < r->nodes_before
                                           : r->bytes_after < r->bytes_before;
}
