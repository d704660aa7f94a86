/* What If, Loop and Scan compute for nobody. */
#include "passes/bodies/bodies.h"

/* --- outputs that need nothing else ------------------------------------------------------------------------
 */

static bool is_unused(const Node *n, int i) {
  const Value *v = n->out[i];
  return !v || !(value_in_use(v) || v->keep);
}

static Outcome drop_if_outputs(Rewriter *rw, Node *node) {
  const Graph *yes = attr_graph(node, "then_branch"), *no = attr_graph(node, "else_branch");
  TRY(yes && no && (int)yes->outputs.n == node->n_out && (int)no->outputs.n == node->n_out);
  int dropped = 0;
  for (int i = node->n_out - 1; i >= 0 && node->n_out > 1; i--) {
    if (!is_unused(node, i)) continue;
    rw_drop_body_output(rw, node, i, i);
    dropped++;
  }
  TRY(dropped);
  rw_note(rw, "%d output%s nobody reads", dropped, dropped > 1 ? "s" : "");
  return FIRED;
}

/* Stacked outputs, those from `first` on; each is output `shift` later of the body. */
static int drop_stacked(Rewriter *rw, Node *node, int first, int shift) {
  int dropped = 0;
  for (int i = node->n_out - 1; i >= first && node->n_out > 1; i--) {
    if (!is_unused(node, i)) continue;
    rw_drop_body_output(rw, node, i, i + shift);
    dropped++;
  }
  return dropped;
}

static Outcome drop_scan_outputs(Rewriter *rw, Node *node) {
  const Graph *body = attr_graph(node, "body");
  int64_t scanned;
  TRY(body && node->opset >= 9 && attr_int(node, "num_scan_inputs", &scanned));
  TRY(scanned >= 0 && scanned <= node->n_in && (int)body->outputs.n == node->n_out);
  int states = node->n_in - (int)scanned;
  bool any = false;
  for (int i = states; i < node->n_out && node->n_out > 1; i++) any = any || is_unused(node, i);
  TRY(any);
  NEED(!node_attr(node, "scan_output_axes") && !node_attr(node, "scan_output_directions"),
       "its outputs have axes or directions of their own");
  rw_note(rw, "stacked outputs nobody reads");
  return drop_stacked(rw, node, states, 0) ? FIRED : NO_MATCH;
}

/* --- carried values of a Loop
 * -------------------------------------------------------------------------------- */

typedef Vec(Node *) NodeList;

/* Nodes of the body that read v, directly or not. False if one of them is needed for anything but output
 * `own` of the body. */
static bool reads_only_for(Rewriter *rw, const Graph *body, const Value *v, size_t own, NodeList *readers) {
  Vec(const Value *) values = {0};
  Map seen;
  map_init(&seen, rw_scratch(rw));
  vec_push(rw_scratch(rw), &values, v);
  for (size_t i = 0; i < values.n; i++) {
    const Value *at = values.at[i];
    if (at->keep || at->n_outputs > (body->outputs.at[own] == at)) return false;
    for (const Use *u = at->uses; u; u = u->next) {
      Node *n = u->node;
      if (n->graph != body || !n->op || n->op->facts & (OP_EFFECT | OP_CONTROL | OP_RANDOM)) return false;
      if (map_get(&seen, map_key(n))) continue;
      map_put(&seen, map_key(n), n);
      vec_push(rw_scratch(rw), readers, n);
      for (int k = 0; k < n->n_out; k++)
        if (n->out[k]) vec_push(rw_scratch(rw), &values, n->out[k]);
    }
  }
  return true;
}

/* Latest first: nobody reads what the next one computes. */
static void remove_all(Rewriter *rw, NodeList *nodes) {
  for (size_t left = nodes->n; left; left--) {
    size_t last = 0;
    for (size_t i = 1; i < left; i++)
      if (node_before(nodes->at[last], nodes->at[i])) last = i;
    rw_remove(rw, nodes->at[last]);
    nodes->at[last] = nodes->at[left - 1];
  }
}

static bool drop_carried(Rewriter *rw, Node *node, Graph *body, int i) {
  const Value *inner = body->inputs.at[2 + i];
  NodeList readers = {0};
  if (!is_unused(node, i) || !reads_only_for(rw, body, inner, 1 + (size_t)i, &readers)) return false;
  rw_drop_body_output(rw, node, i, 1 + i);
  remove_all(rw, &readers);
  rw_drop_body_input(rw, node, 2 + i, body, 2 + i);
  return true;
}

static bool is_regular_loop(const Node *n, const Graph *body) {
  return body && body->inputs.n >= 2 && (int)body->outputs.n == n->n_out + 1 &&
         n->n_in == (int)body->inputs.n && n->n_out >= n->n_in - 2;
}

static Outcome drop_loop_outputs(Rewriter *rw, Node *node) {
  Graph *body = attr_graph(node, "body");
  TRY(is_regular_loop(node, body));
  int carried = node->n_in - 2;
  int dropped = drop_stacked(rw, node, carried, 1);
  for (int i = carried - 1; i >= 0 && node->n_out > 1; i--) dropped += drop_carried(rw, node, body, i);
  TRY(dropped);
  rw_note(rw, "%d output%s nobody reads", dropped, dropped > 1 ? "s" : "");
  return FIRED;
}

Outcome bodies_unused_output(Rewriter *rw, Node *node) {
  if (node_is(node, OP_If)) return drop_if_outputs(rw, node);
  return node_is(node, OP_Loop) ? drop_loop_outputs(rw, node) : drop_scan_outputs(rw, node);
}

/* --- values that a Loop hands on as they are
 * ------------------------------------------------------------------ */

static const Value *behind_identities(const Value *v) {
  while (v && node_is(v->producer, OP_Identity)) v = node_in(v->producer, 0);
  return v;
}

/* Carried value i, which every iteration hands on: inside and behind the Loop it is what it was before. */
static Outcome take_out(Rewriter *rw, Node *node, Graph *body, int i) {
  Value *inner = body->inputs.at[2 + i], *initial = node_in(node, 2 + i), *last = node->out[i];
  const char *why;
  NEED(!last || !last->keep, "'%s' is kept (--keep)", last->name->s);
  if (value_in_use(last)) {
    Value *now = rw_can_replace(rw, last, initial, &why) ? initial : bodies_own_value(rw, node, initial);
    NEED(now && rw_can_replace(rw, last, now, &why), "%s", why);
    rw_replace(rw, last, now);
  }
  rw_drop_body_output(rw, node, i, 1 + i);
  if (value_in_use(inner)) {
    NEED(rw_can_replace(rw, inner, initial, &why), "%s", why);
    rw_replace(rw, inner, initial);
  }
  rw_drop_body_input(rw, node, 2 + i, body, 2 + i);
  rw_note(rw, "'%s' stays what it is", inner->name->s);
  return FIRED;
}

Outcome bodies_loop_invariant(Rewriter *rw, Node *node) {
  Graph *body = attr_graph(node, "body");
  TRY(is_regular_loop(node, body) && node->n_out > 1);
  for (int i = 0; i + 2 < (int)body->inputs.n; i++)
    if (node_in(node, 2 + i) && behind_identities(body->outputs.at[1 + i]) == body->inputs.at[2 + i])
      return take_out(rw, node, body, i);
  return NO_MATCH;
}
