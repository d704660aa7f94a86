#include "passes/transposes/region.h"

Member *region_member(const Region *r, const Value *v) {
  return map_get(&r->members, map_key(v));
}

Free *region_free(const Region *r, const Node *n) {
  return map_get(&r->free, map_key(n));
}

Perm net_perm(const Net *net, Layout from) {
  return from == LAYOUT_A ? net->to_b : perm_inverse(&net->to_b);
}

bool region_inside(const Region *r, const Node *t) {
  if (!node_is(t, OP_Transpose) || !node_in(t, 0) || !node_out(t, 0)) return false;
  const Member *from = region_member(r, t->in[0].value), *to = region_member(r, t->out[0]);
  return from && to && from->net == to->net && to->value != to->net->root && t->graph == r->graph;
}

/* --- nets ------------------------------------------------------------------------------------------------
 */

/* Names that a member has to keep: two of one layout could not become one value. */
static bool is_named(const Region *r, const Value *v) {
  return v->n_outputs || v->keep || v->is_input || v->is_initializer || v->graph != r->graph;
}

static void join(Region *r, Net *net, Value *v, Layout layout) {
  Member *m = NEW(r->arena, Member);
  *m = (Member){v, net, layout};
  map_put(&r->members, map_key(v), m);
  vec_push(r->arena, &net->members, m);
  if (is_named(r, v)) net->named[layout] = v->name->s;
}

/* Does this Transpose lead from the given layout of the net's data to the other? */
static bool leads_over(const Node *t, const Perm *from_here) {
  Perm p;
  return node_is(t, OP_Transpose) && node_in(t, 0) && node_out(t, 0) && perm_of(t, &p) &&
         perm_equal(&p, from_here);
}

static bool may_join(const Region *r, const Net *net, const Value *v, Layout layout) {
  if (v->keep || region_member(r, v)) return false;
  return !(is_named(r, v) && net->named[layout]);
}

/* Members that Transposes make of the others. */
static void join_results(Region *r, Net *net) {
  for (size_t i = 0; i < net->members.n; i++) {
    const Member *m = net->members.at[i];
    Perm over = net_perm(net, m->layout);
    for (Use *u = m->value->uses; u; u = u->next) {
      Node *t = u->node;
      if (t->graph != r->graph || !leads_over(t, &over)) continue;
      if (!may_join(r, net, t->out[0], other_layout(m->layout))) continue;
      join(r, net, t->out[0], other_layout(m->layout));
      vec_push(r->arena, &r->transposes, t);
    }
  }
}

/* From v up to where the data comes from. */
static Value *root_of(const Region *r, Value *v, Perm *to_b, Layout *layout) {
  Net probe = {.to_b = *to_b};
  bool named[2] = {false, false};
  for (;;) {
    named[*layout] = named[*layout] || is_named(r, v);
    Node *t = v->producer;
    if (!t || t->graph != r->graph || v->keep) return v;
    Perm over = net_perm(&probe, other_layout(*layout));
    if (!leads_over(t, &over)) return v;
    Value *x = t->in[0].value;
    if (region_member(r, x) || constant_of(x) || (is_named(r, x) && named[other_layout(*layout)])) return v;
    v = x;
    *layout = other_layout(*layout);
  }
}

/* The net of v, of which p leads from layout A to B. */
static void add_net(Region *r, Value *v, Layout layout, Perm to_b) {
  Net *net = NEW(r->arena, Net);
  net->to_b = to_b;
  net->root = root_of(r, v, &to_b, &layout);
  join(r, net, net->root, layout);
  join_results(r, net);
  vec_push(r->arena, &r->nets, net);
}

/* --- nodes -----------------------------------------------------------------------------------------------
 */

static void keep_layout(Region *r, const Node *n, const char *why) {
  map_put(&r->walls, map_key(n), (void *)why);
  if (!r->wall) r->wall = arena_printf(r->arena, "%s: %s", node_label(n), why);
}

/* Can this operand be part of the region, in this layout and with this permutation? */
static const char *check_operand(const Region *r, Value *v, Layout layout, const Perm *p, bool input) {
  Tensor *t = input ? constant_of(v) : NULL;
  if (t) {
    bool copied = v->n_uses > 1 || v->n_outputs || v->keep;
    if (t->dtype == DT_STRING || elem_bits(t->dtype) < 8) return "a constant of this type is not permuted";
    if (copied && t->nbytes > rw_max_growth(r->rw))
      return "a large constant would be stored twice (--max-growth)";
    return NULL;
  }
  const Member *m = region_member(r, v);
  if (!m) return rank_of(v) == p->n ? NULL : "the rank of an operand is not known";
  Perm have = net_perm(m->net, m->layout);
  return m->layout == layout && perm_equal(&have, p) ? NULL : "its operands want different layouts";
}

static const char *check_operands(const Region *r, const Spread *s, Layout layout) {
  const char *why = NULL;
  for (int i = 0; i < s->node->n_in && !why; i++)
    if (s->in[i].n && node_in(s->node, i))
      why = check_operand(r, node_in(s->node, i), layout, &s->in[i], true);
  for (int i = 0; i < s->node->n_out && !why; i++)
    if (s->out[i].n && s->node->out[i]) why = check_operand(r, s->node->out[i], layout, &s->out[i], false);
  return why;
}

static void add_operand(Region *r, Value *v, Layout layout, const Perm *p) {
  if (!region_member(r, v)) add_net(r, v, layout, layout == LAYOUT_A ? *p : perm_inverse(p));
}

static Free *new_free(Region *r, Node *n, Layout layout) {
  Free *f = NEW(r->arena, Free);
  f->node = n;
  f->layout = layout;
  f->in = NEW_ARRAY(r->arena, Net *, n->n_in);
  f->out = NEW_ARRAY(r->arena, Net *, n->n_out);
  map_put(&r->free, map_key(n), f);
  vec_push(r->arena, &r->nodes, f);
  return f;
}

static Net *net_of(const Region *r, Value *v, const Perm *p) {
  const Member *m = p->n && v ? region_member(r, v) : NULL;
  return m ? m->net : NULL;
}

/* Is every operand that moves a member or a constant? */
static bool has_nets(const Region *r, const Spread *s) {
  for (int i = 0; i < s->node->n_in; i++) {
    Value *v = node_in(s->node, i);
    if (s->in[i].n && v && !constant_of(v) && !region_member(r, v)) return false;
  }
  for (int i = 0; i < s->node->n_out; i++)
    if (s->out[i].n && s->node->out[i] && !region_member(r, s->node->out[i])) return false;
  return true;
}

/* A Transpose of another kind that yields a member. */
static void free_transpose(Region *r, Node *n, const Member *m) {
  Perm p;
  if (!node_in(n, 0) || !perm_of(n, &p) || p.n != m->net->to_b.n || constant_of(n->in[0].value)) {
    keep_layout(r, n, "its permutation is not known");
    return;
  }
  Free *f = new_free(r, n, m->layout);
  f->transpose = true;
  f->out[0] = m->net;
}

/* The node reads or yields m at this slot: can it change its layout? */
static void visit_node(Region *r, Node *n, int slot, const Member *m) {
  if (map_get(&r->free, map_key(n)) || map_get(&r->walls, map_key(n)) || region_inside(r, n)) return;
  if (node_is(n, OP_Transpose)) {
    if (slot < 0) free_transpose(r, n, m);
    return;
  }
  if (r->nodes.n >= MAX_REGION) {
    keep_layout(r, n, "the region is large enough");
    return;
  }
  Spread s;
  Perm p = net_perm(m->net, m->layout);
  const char *why = spread_from(&s, r->arena, n, slot, &p, r->may_round);
  if (!why) why = check_operands(r, &s, m->layout);
  for (int i = 0; i < n->n_in && !why; i++)
    if (s.in[i].n && node_in(n, i) && !constant_of(n->in[i].value))
      add_operand(r, n->in[i].value, m->layout, &s.in[i]);
  for (int i = 0; i < n->n_out && !why; i++)
    if (s.out[i].n && n->out[i]) add_operand(r, n->out[i], m->layout, &s.out[i]);
  if (!why) why = check_operands(r, &s, m->layout); /* once more: a net brings further members */
  if (!why && !has_nets(r, &s)) why = "an operand's name has to stay";
  if (why) {
    keep_layout(r, n, why);
    return;
  }
  Free *f = new_free(r, n, m->layout);
  f->spread = s;
  for (int i = 0; i < n->n_in; i++) f->in[i] = net_of(r, node_in(n, i), &s.in[i]);
  for (int i = 0; i < n->n_out; i++) f->out[i] = net_of(r, n->out[i], &s.out[i]);
}

static void visit_member(Region *r, const Member *m) {
  Node *n = m->value->producer;
  if (n && n->graph == r->graph && m->value == m->net->root) visit_node(r, n, ~m->value->index, m);
  for (Use *u = m->value->uses; u; u = u->next)
    if (u->node->graph == r->graph) visit_node(r, u->node, u->index, m);
}

/* --- who reads what --------------------------------------------------------------------------------------
 */

/* ONNX Runtime (MatmulTransposeFusion, in 1.32) multiplies wrongly where a Transpose is in front of a product
 * with a vector. One that a model has stays; none is moved there. */
static bool is_misread(const Node *n, int slot) {
  return node_is(n, OP_MatMul) && slot == 0 && node_in(n, 1) && rank_of(node_in(n, 1)) == 1;
}

static void classify_use(Region *r, const Member *m, const Use *u) {
  Node *n = u->node;
  Net *net = m->net;
  Free *f = region_free(r, n);
  Perm p, over = net_perm(net, m->layout);
  if (n->graph == r->graph && region_inside(r, n)) return;
  if (f && !f->transpose && f->in[u->index] == net)
    vec_push(r->arena, &net->readers, f);
  else if (n->graph == r->graph && node_is(n, OP_Transpose) && !leads_over(n, &over) && perm_of(n, &p) &&
           p.n == over.n)
    vec_push(r->arena, &r->others, n);
  else {
    net->fixed[m->layout] = true;
    if (m->value == net->root && is_misread(n, u->index)) net->misread[m->layout] = true;
  }
}

static void classify_net(Region *r, Net *net) {
  Node *n = net->root->producer;
  Free *f = n ? region_free(r, n) : NULL;
  if (f && f->out[net->root->index] == net) net->producer = f;
  for (size_t i = 0; i < net->members.n; i++) {
    const Member *m = net->members.at[i];
    if (m->value->n_outputs || m->value->keep) net->fixed[m->layout] = true;
    for (Use *u = m->value->uses; u; u = u->next) classify_use(r, m, u);
  }
}

void region_grow(Region *r, Rewriter *rw, Node *transpose, const Perm *p, bool may_round) {
  *r = (Region){.rw = rw, .arena = rw_scratch(rw), .graph = transpose->graph, .may_round = may_round};
  map_init(&r->members, r->arena);
  map_init(&r->free, r->arena);
  map_init(&r->walls, r->arena);
  add_net(r, transpose->out[0], LAYOUT_B, *p);
  for (size_t i = 0; i < r->nets.n; i++) /* grows */
    for (size_t k = 0; k < r->nets.at[i]->members.n; k++) visit_member(r, r->nets.at[i]->members.at[k]);
  for (size_t i = 0; i < r->nets.n; i++) classify_net(r, r->nets.at[i]);
}
