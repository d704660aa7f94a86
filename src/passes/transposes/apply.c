/* Rewriting a region: nodes that change their layout are built anew, then everybody else is given the
 * presentation it reads, through a Transpose where none is there. */
#include "passes/transposes/region.h"

#include <stdlib.h>

static void attr_perm(Rewriter *rw, Node *transpose, const Perm *p) {
  int64_t at[MAX_AXES];
  for (int i = 0; i < p->n; i++) at[i] = p->at[i];
  rw_attr_ints(rw, transpose, "perm", at, (size_t)p->n);
}

/* A Transpose that goes with the rewrite and whose name a new one can take; best one of the same net. There
 * are never more new ones than old ones. */
static Node *namesake(Region *r, const Net *net) {
  for (size_t i = 1; i < net->members.n; i++) {
    Node *t = net->members.at[i]->value->producer;
    if (!map_get(&r->reused, map_key(t))) return t;
  }
  for (size_t i = 0; i < r->transposes.n; i++)
    if (!map_get(&r->reused, map_key(r->transposes.at[i]))) return r->transposes.at[i];
  return NULL;
}

static Value *new_transpose(Region *r, const Net *net, Value *x, const Perm *p) {
  Node *old = namesake(r, net);
  if (old) map_put(&r->reused, map_key(old), old);
  Node *n = old ? rw_copy(r->rw, old, 1, &x) : rw_node(r->rw, OP_Transpose, 1, &x);
  attr_perm(r->rw, n, p);
  return n->out[0];
}

/* Right behind the value, so that all its readers come later. */
static void insert_behind(Region *r, const Value *v) {
  Node *n = v->producer;
  rw_insert_before(r->rw, n && n->graph == r->graph ? n->next : r->graph->first);
}

/* The net's data in that layout. */
static Value *presentation(Region *r, Net *net, Layout l) {
  if (net->at[l]) return net->at[l];
  Value *x = net->at[other_layout(l)];
  Perm p = net_perm(net, other_layout(l));
  insert_behind(r, x);
  return net->at[l] = new_transpose(r, net, x, &p);
}

/* --- what is there already -------------------------------------------------------------------------------
 */

/* The first Transpose of the net, if nobody before it is going to read what it makes. */
static Value *first_result(const Net *net, Layout l) {
  Value *first = NULL;
  for (size_t k = 1; k < net->members.n; k++) {
    const Member *m = net->members.at[k];
    if (m->layout == l && (!first || node_before(m->value->producer, first->producer))) first = m->value;
  }
  for (size_t k = 0; first && k < net->readers.n; k++) {
    const Free *f = net->readers.at[k];
    if (f->flips && final_layout(f) == l && node_before(f->node, first->producer)) return NULL;
  }
  return first;
}

static void present_nets(Region *r) {
  for (size_t i = 0; i < r->nets.n; i++) {
    Net *net = r->nets.at[i];
    if (net->producer && net->producer->flips) continue;
    Layout from = net->members.at[0]->layout, to = other_layout(from);
    net->at[from] = net->root;
    if (!net_is_parted(r, net)) continue;
    net->at[to] = first_result(net, to);
    if (net->at[to]) map_put(&r->reused, map_key(net->at[to]->producer), net->at[to]->producer);
  }
}

/* --- nodes of the other layout ---------------------------------------------------------------------------
 */

/* A constant operand, permuted. Unless it is large it is evaluated at once, so that it is found to be equal
 * to another constant now and not in the next run. */
static Tensor *permuted_constant(Model *m, Tensor *t, const Perm *p) {
  enum { EVALUATED_BELOW = 1 << 20 };
  Tensor *now = spread_constant(m, t, p);
  if (!now || now->store != TS_DEFERRED || now->nbytes > EVALUATED_BELOW) return now;
  const void *bytes = tensor_bytes(m->arena, now);
  return bytes ? tensor_new(m->arena, now->dtype, now->rank, now->dim, TS_OWNED, bytes) : now;
}

/* Operand i of a node that changes. */
static Value *operand(Region *r, const Free *f, int i, const char **why) {
  Value *v = node_in(f->node, i);
  const Perm *p = &f->spread.in[i];
  if (!v || !p->n) return v;
  if (f->in[i]) return presentation(r, f->in[i], other_layout(f->layout));
  Tensor *t = permuted_constant(rw_model(r->rw), constant_of(v), p);
  if (!t) *why = "a constant can't be permuted";
  rw_insert_before(r->rw, f->node);
  return t ? rw_const(r->rw, t, v->name->s) : v;
}

static bool flip_node(Region *r, Free *f, const char **why) {
  Node *n = f->node;
  *why = NULL;
  Value **in = NEW_ARRAY(r->arena, Value *, n->n_in);
  for (int i = 0; i < n->n_in; i++) in[i] = operand(r, f, i, why);
  if (*why) return false;
  rw_insert_before(r->rw, n);
  const Node *now = spread_build(r->rw, &f->spread, in);
  for (int i = 0; i < n->n_out; i++)
    if (f->out[i]) f->out[i]->at[other_layout(f->layout)] = now->out[i];
  /* What is not permuted is read from the new node as it is. */
  for (int i = 0; i < n->n_out; i++) {
    if (f->out[i] || !n->out[i]) continue;
    if (!rw_can_replace(r->rw, n->out[i], now->out[i], why)) return false;
    rw_replace(r->rw, n->out[i], now->out[i]);
    const Member *m = region_member(r, n->out[i]);
    if (m && m->net->at[m->layout] == n->out[i]) m->net->at[m->layout] = now->out[i];
  }
  return true;
}

/* What a Transpose of another kind may read: its operand, or the same data in the other layout, and then the
 * permutation that leads from there to the result. */
static Value *source_of(const Region *r, Node *t, Perm *p) {
  Value *x = t->in[0].value;
  perm_of(t, p);
  const Member *m = region_member(r, x);
  if (!m) return x;
  Value *here = m->net->at[m->layout], *there = m->net->at[other_layout(m->layout)];
  if (here) return here;
  Perm back = net_perm(m->net, other_layout(m->layout));
  *p = perm_then(&back, p);
  return there;
}

static void flip_transpose(Region *r, Free *f) {
  Perm p, over = net_perm(f->out[0], f->layout);
  Value *x = source_of(r, f->node, &p);
  p = perm_then(&p, &over);
  rw_insert_before(r->rw, f->node);
  if (!perm_is_identity(&p)) {
    Node *now = rw_copy(r->rw, f->node, 1, &x);
    attr_perm(r->rw, now, &p);
    x = now->out[0];
  }
  f->out[0]->at[other_layout(f->layout)] = x;
}

static int by_order(const void *a, const void *b) {
  const Free *const *x = a, *const *y = b;
  return node_before((*x)->node, (*y)->node) ? -1 : 1;
}

/* --- everybody else --------------------------------------------------------------------------------------
 */

static void redirect_transposes(Region *r) {
  for (size_t i = 0; i < r->others.n; i++) {
    Node *t = r->others.at[i];
    const Free *f = region_free(r, t);
    Perm p, old;
    if (f && f->flips) continue;
    Value *x = source_of(r, t, &p);
    if (x == t->in[0].value) continue;
    perm_of(t, &old);
    rw_set_input(r->rw, t, 0, x);
    if (!perm_equal(&p, &old)) attr_perm(r->rw, t, &p);
  }
}

/* Does anybody read v who still does after the rewrite? */
static bool is_read(const Region *r, const Value *v) {
  if (v->n_outputs || v->keep) return true;
  for (const Use *u = v->uses; u; u = u->next) {
    const Free *f = region_free(r, u->node);
    if (!(f && f->flips) && !region_inside(r, u->node)) return true;
  }
  return false;
}

static bool redirect_readers(Region *r, const char **why) {
  for (size_t i = 0; i < r->nets.n; i++) {
    Net *net = r->nets.at[i];
    for (size_t k = 0; k < net->members.n; k++) {
      const Member *m = net->members.at[k];
      if (!is_read(r, m->value)) continue;
      Value *now = presentation(r, net, m->layout);
      if (now == m->value) continue;
      if (!rw_can_replace(r->rw, m->value, now, why)) return false;
      rw_replace(r->rw, m->value, now);
    }
  }
  return true;
}

static int last_first(const void *a, const void *b) {
  const Node *const *x = a, *const *y = b;
  return node_before(*x, *y) ? 1 : -1;
}

/* Takes away what was built anew, and the Transposes that nobody reads any more. */
static bool remove_old(Region *r) {
  Vec(Node *) old = {0};
  for (size_t i = 0; i < r->transposes.n; i++) vec_push(r->arena, &old, r->transposes.at[i]);
  for (size_t i = 0; i < r->nodes.n; i++)
    if (r->nodes.at[i]->flips) vec_push(r->arena, &old, r->nodes.at[i]->node);
  if (old.n) qsort(old.at, old.n, sizeof *old.at, last_first);
  for (size_t i = 0; i < old.n; i++)
    if (!rw_remove(r->rw, old.at[i]) && region_free(r, old.at[i])) return false;
  return true;
}

bool region_apply(Region *r, const char **why) {
  map_init(&r->reused, r->arena);
  if (r->nodes.n) qsort(r->nodes.at, r->nodes.n, sizeof *r->nodes.at, by_order);
  present_nets(r);
  for (size_t i = 0; i < r->nodes.n; i++) {
    Free *f = r->nodes.at[i];
    if (!f->flips) continue;
    if (f->transpose)
      flip_transpose(r, f);
    else if (!flip_node(r, f, why))
      return false;
  }
  redirect_transposes(r);
  if (!redirect_readers(r, why)) return false;
  *why = "a node it replaces is needed elsewhere";
  return remove_old(r);
}
